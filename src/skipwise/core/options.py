"""Options that are declared once, as fields of a frozen dataclass beside the part that they configure.

A field says the option's name, type, default, help text and unit. From it come the option of the command line
(`cli/declared.py`), the keyword of the Python function and its entry in the docstring (`core/signatures.py`), and the
words of a command in a report (`command_words`). A verb's options are a dataclass whose fields are groups of them.

Example:
    >>> @options("Light")
    ... class LightOptions:
    ...     lux: float | None = option(None, "The brightness.", unset="that of the room", metavar="LUX")
    >>> @options()
    ... class LampOptions:
    ...     light: LightOptions = group(LightOptions)
    >>> declared(LampOptions)["lux"].flag
    '--lux'
    >>> build(LampOptions, {"lux": 300}).light.lux
    300
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

from skipwise.core.errors import SkipwiseError

R = TypeVar("R")
T = TypeVar("T")

_DECLARED = "skipwise option"
_GROUP = "skipwise group"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Several values in one word of a command line, separated by commas.

    Args:
        of: makes a value from its text.
        takes: what the option takes, for the error: "--looks takes ...".
        prefix: what stands before the values, such as "lr=".
    """

    of: Callable[[str], Any] = str
    takes: str = "names that commas separate"
    prefix: str = ""

    def parse(self, text: str, flag: str) -> list[Any]:
        """The values of one word.

        Raises:
            SkipwiseError: the word is not as it has to be.
        """
        try:
            if not text.startswith(self.prefix):
                raise ValueError
            parts = (part.strip() for part in text.removeprefix(self.prefix).split(","))
            return [self.of(part) for part in parts if part]
        except ValueError:
            raise SkipwiseError(f"{flag} takes {self.takes}; not {text!r}.") from None

    def word(self, values: Iterable[object]) -> str:
        """The word that `parse` takes."""
        return f"{self.prefix}{','.join(map(str, values))}"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option, as its field declares it.

    Args:
        name: the keyword of the Python function.
        annotation: the type of its value in Python.
        default: None where something else decides; then `unset` says what.
        help: one or more sentences for the command line; the Python documentation is made from them.
        metavar: what stands for the value in the help, such as its unit or kind.
        short: a second flag of one letter, such as "-o".
        repeated: whether the command line takes the option several times.
        listed: how the command line takes several values in one word.
        heading: the title of the group of options in the help.
        path: whether it names a file or a folder; the function takes any kind of path, and the dataclass has its text.
        called: its name on the command line, where an argument has that name already.
    """

    name: str
    annotation: Any
    default: Any
    help: str
    unset: str | None = None
    metavar: str | None = None
    short: str | None = None
    repeated: bool = False
    listed: Listed | None = None
    heading: str = ""
    path: bool = False
    called: str | None = None

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return flag(self.called or self.name)

    @property
    def turns_on(self) -> bool:
        """True if the command line can only turn it on."""
        return self.kind is bool and self.default is False

    @property
    def kind(self) -> type:
        """The type of a word on the command line: bool, int, float or str."""
        if self.default is False:
            return bool
        members = set(typing.get_args(self.annotation)) if _is_union(self.annotation) else {self.annotation}
        members.discard(types.NoneType)
        if self.listed is None and not self.repeated:
            for kind in (bool, int, float):
                if members == {kind}:
                    return kind
        return str

    def parsed(self, value: Any) -> Any:
        """The value of a Python call for what stands on the command line.

        Raises:
            SkipwiseError: it is not as it has to be.
        """
        return self.listed.parse(value, self.flag) if self.listed is not None and isinstance(value, str) else value

    def words(self, value: Any) -> list[str]:
        """The words of a command line that give this value; none for what a command line need not or can't say."""
        if value is None or (value is False and self.turns_on):
            return []
        if isinstance(value, bool):
            return [self.flag if value else flag(f"no_{self.name}")]
        if self.repeated:
            each = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
            return [word for one in each for word in (self.flag, str(one))]
        several = isinstance(value, Iterable) and not isinstance(value, str)
        return [self.flag, self.listed.word(value) if self.listed is not None and several else str(value)]

    @property
    def documentation(self) -> str:
        """The entry of a docstring: type, default, and the help with names of arguments in place of flags."""
        kind = re.sub(r"\b(?:\w+\.)+(?=\w)", "", inspect.formatannotation(self.python_annotation))
        text = re.sub(r"--([a-z][a-z-]*)", lambda match: f"`{match[1].replace('-', '_')}`", self.help)
        text = text if self.unset is None else f"{text} None: {self.unset}."
        entry = f"{self.name} ({kind}, default {self.default!r}): {text}"
        return textwrap.fill(entry, 120, initial_indent=" " * 8, subsequent_indent=" " * 12, break_on_hyphens=False)

    @property
    def python_annotation(self) -> Any:
        """The type that the Python function takes."""
        if not self.path:
            return self.annotation
        return str | os.PathLike[str] if self.default is not None else str | os.PathLike[str] | None


def flag(name: str) -> str:
    """The option of the command line for an argument.

    Example:
        >>> flag("batch_size")
        '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


@dataclass_transform(kw_only_default=True, frozen_default=True)
def options(heading: str = "") -> Callable[[type[T]], type[T]]:
    """Makes a class a frozen dataclass of options, which its docstring then lists.

    Args:
        heading: the title of these options in the help of the command line.
    """

    def decorated(kind: type[T]) -> type[T]:
        made: Any = dataclass(frozen=True, kw_only=True)(kind)
        made.HEADING = heading
        entries = "".join(f"{each.documentation}\n" for each in declared(made).values())
        made.__doc__ = f"{(kind.__doc__ or '').rstrip()}\n\n    Args:\n{entries}    "
        return made

    return decorated


def option(
    default: Any,
    help: str,
    *,
    unset: str | None = None,
    metavar: str | None = None,
    short: str | None = None,
    repeated: bool = False,
    listed: Listed | None = None,
    path: bool = False,
    called: str | None = None,
) -> Any:
    """A field that is an option; see `Option` for the arguments."""
    declared = {
        "help": help,
        "unset": unset,
        "metavar": metavar,
        "short": short,
        "repeated": repeated,
        "listed": listed,
        "path": path,
        "called": called,
    }
    return field(default=default, metadata={_DECLARED: declared})


def group(kind: type, *, without: Iterable[str] = (), only: Iterable[str] | None = None) -> Any:
    """A field that is a group of options.

    Args:
        kind: the dataclass of the options.
        without: names of options that the verb does not take; they keep their defaults.
        only: names of the options that it takes; None for all of them.
    """
    names = {each.name for each in fields(kind)} if only is None else set(only)
    return field(default_factory=kind, metadata={_GROUP: (kind, names - set(without))})


@functools.cache
def declared(kind: type) -> Mapping[str, Option]:
    """The options of a dataclass and of its groups, by name, in order.

    Raises:
        TypeError: two of them have the same name, or a field is neither an option nor a group.
    """
    heading = getattr(kind, "HEADING", "")
    found: dict[str, Option] = {}
    for each in fields(kind):
        if _GROUP in each.metadata:
            inner, names = each.metadata[_GROUP]
            new = {name: option for name, option in declared(inner).items() if name in names}
        elif _DECLARED in each.metadata:
            new = {
                each.name: Option(
                    name=each.name,
                    annotation=_annotation(kind, each.name),
                    default=each.default,
                    heading=heading,
                    **each.metadata[_DECLARED],
                )
            }
        else:
            raise TypeError(f"{kind.__name__}.{each.name} is declared neither by option() nor by group()")
        if twice := found.keys() & new.keys():
            raise TypeError(f"{kind.__name__} has the option {min(twice)!r} twice")
        found |= new
    return found


def build(kind: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass with these values of its options, in their groups; the others have their defaults."""
    arguments: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if _GROUP in each.metadata:
            inner, names = each.metadata[_GROUP]
            arguments[each.name] = build(inner, {name: value for name, value in values.items() if name in names})
        elif each.name in values:
            value = values[each.name]
            path = each.metadata[_DECLARED]["path"] and isinstance(value, os.PathLike)
            arguments[each.name] = os.fspath(value) if path else value
    return kind(**arguments)


def command_words(kind: type, values: Mapping[str, Any]) -> list[str]:
    """The words of a command line that give these values, in the order of the values."""
    options = declared(kind)
    return [word for name, value in values.items() for word in options[name].words(value)]


def _annotation(kind: type, name: str) -> Any:
    """The type of a field, which the module of its class may have written as text."""
    owner = next(each for each in kind.__mro__ if name in inspect.get_annotations(each))
    written = inspect.get_annotations(owner)[name]
    return eval(written, vars(sys.modules[owner.__module__])) if isinstance(written, str) else written


def _is_union(annotation: Any) -> bool:
    return isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union

"""Functions that take declared options as keywords: their signature and their docstring list each of them.

Example:
    >>> from skipwise.core.options import group, option, options
    >>> @options("Light")
    ... class LightOptions:
    ...     lux: float | None = option(None, "The brightness.", unset="that of the room", metavar="LUX")
    >>> @options()
    ... class LampOptions:
    ...     light: LightOptions = group(LightOptions)
    >>> @takes(LampOptions)
    ... def lamp(place, *, options):
    ...     return place, options.light.lux
    >>> lamp("desk", lux=300)
    ('desk', 300)
    >>> inspect.signature(lamp)
    <Signature (place, *, lux: float | None = None)>
"""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from typing import Any, TypeVar

from skipwise.core.addresses import asked_once, without_secrets
from skipwise.core.errors import SkipwiseError, differing_keys
from skipwise.core.options import build, declared
from skipwise.core.text import shortened

R = TypeVar("R")
PATH = "str | os.PathLike[str]"
"""The annotation of an argument that is a path."""


def takes(kind: type) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Makes a function that takes `options` of this kind take them as keywords.

    Its signature lists every option with its type and default, keyword-only, and the section "Args" of its docstring
    says what each of them is. The kind is its attribute `takes`.
    """

    def decorated(function: Callable[..., R]) -> Callable[..., R]:
        signature = _signature(function, kind)

        @functools.wraps(function)
        def called(*arguments: Any, **keywords: Any) -> R:
            try:
                signature.bind(*arguments, **keywords)
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}{_meant(signature, keywords)}") from None
            _check_paths(signature, arguments, keywords)
            try:
                arguments, keywords = without_secrets(arguments), {n: without_secrets(v) for n, v in keywords.items()}
            except ValueError as error:
                raise differing_keys(error) from None
            given = {name: keywords.pop(name) for name in names & keywords.keys()}
            for name, value in given.items():
                check_kind(name, value, options[name].python_annotation)
            with asked_once():
                return function(*arguments, options=build(kind, given), **keywords)

        options = declared(kind)
        names = options.keys()
        called.__signature__ = signature  # type: ignore[attr-defined]
        called.takes = kind  # type: ignore[attr-defined]
        returned = {"return": signature.return_annotation}
        called.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()} | returned
        called.__doc__ = _documented(function.__doc__ or "", kind).replace("<verb>", function.__name__)
        return called

    return decorated


def _meant(signature: inspect.Signature, keywords: dict[str, Any]) -> str:
    """A question after the error on a keyword that there is not, if one is like it."""
    unknown = next((name for name in keywords if name not in signature.parameters), "")
    near = difflib.get_close_matches(unknown, signature.parameters, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(value: object) -> str:
    """A value that was given, without the middle of a long one, as an array is."""
    return shortened(" ".join(repr(value).split()))


def _check_paths(signature: inspect.Signature, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Raises SkipwiseError for an argument that is to be a path or a list and is something else."""
    for name, value in signature.bind(*arguments, **keywords).arguments.items():
        may_be_none = signature.parameters[name].annotation == f"{PATH} | None"
        is_path = may_be_none or signature.parameters[name].annotation == PATH
        if is_path and not isinstance(value, str | os.PathLike) and not (value is None and may_be_none):
            raise SkipwiseError(f"{name} has to be a path, as text or a pathlib.Path, and not {_shown(value)}.")
        annotation = str(signature.parameters[name].annotation)
        several = annotation.startswith("Sequence[") and not (value is None and annotation.endswith("| None"))
        if several and (isinstance(value, str | bytes) or not isinstance(value, Iterable)):
            raise SkipwiseError(f"{name} has to be a list, and not {_shown(value)}.")


def check_kind(name: str, value: object, annotation: object) -> None:
    """Raises SkipwiseError for a value that is of none of an option's types.

    Example:
        >>> check_kind("epochs", "3", int | None)
        Traceback (most recent call last):
        skipwise.core.errors.SkipwiseError: epochs has to be a whole number, and not '3'.
    """
    kinds = _members(annotation)
    if any(_fits(value, kind) for kind in kinds):
        return
    wanted = list(dict.fromkeys(_described(kind, kinds) for kind in kinds if kind is not types.NoneType))
    *others, last = [word for each in wanted for word in each]
    choice = f"{', '.join(others)} or {last}" if others else last
    raise SkipwiseError(f"{name} has to be {choice}, and not {_shown(value)}.")


def _members(annotation: object) -> tuple[Any, ...]:
    """The types of a union; of anything else, itself."""
    several = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if several else (annotation,)


def _fits(value: object, kind: Any) -> bool:
    """Returns whether a value is of a type, or of one of another library that stands for it; True for others' types."""
    text = isinstance(value, str | bytes)
    truth = type(value).__name__ in ("bool", "bool_")  # NumPy's own, too, which it called so before its version 2
    if kind is types.NoneType:
        return value is None
    if kind is bool:
        return truth
    several = getattr(value, "ndim", 0) > 0
    if kind is int:
        return not truth and not several and hasattr(value, "__index__")
    if kind is float:
        return not truth and not several and not text and hasattr(value, "__float__")
    if kind is str:
        return isinstance(value, str | os.PathLike)
    if typing.get_origin(kind) in (list, Sequence):
        of = _members(typing.get_args(kind)[0])
        items = value if isinstance(value, Collection) else ()
        # A set has another order in each process, and the order is a part of a plan.
        listed = isinstance(value, Iterable) and not isinstance(value, Set)
        return not text and listed and all(any(_fits(item, each) for each in of) for item in items)
    return isinstance(value, os.PathLike) if typing.get_origin(kind) is os.PathLike else value is not None


def _described(kind: Any, beside: tuple[Any, ...]) -> tuple[str, ...]:
    """A type in words, which are what a value may be."""
    if typing.get_origin(kind) in (list, Sequence):
        of = _members(typing.get_args(kind)[0])
        return (f"a list of {_PLURALS[of[0]] if len(of) == 1 else 'paths'}",)
    if kind is str:
        return ("a path" if any(typing.get_origin(each) is os.PathLike for each in beside) else "text",)
    return _SINGULARS.get(kind, ("a path",))


_SINGULARS = {bool: ("True", "False"), int: ("a whole number",), float: ("a number",)}
_PLURALS: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "names"}


def _signature(function: Callable[..., Any], kind: type) -> inspect.Signature:
    written = inspect.signature(function)
    parameters: list[inspect.Parameter] = []
    for parameter in written.parameters.values():
        if parameter.name == "options":
            parameters += [
                inspect.Parameter(
                    option.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=option.default,
                    annotation=option.python_annotation,
                )
                for option in declared(kind).values()
            ]
        else:
            parameters.append(parameter)
    return written.replace(parameters=parameters)


def _documented(text: str, kind: type) -> str:
    """The docstring, with the options behind what it says of other arguments."""
    head, section, rest = text.partition("    Args:\n")
    if not section:
        return text
    entries = re.match(r"(?:        .*\n|\n(?=        ))*", rest)
    end = entries.end() if entries else 0
    lines = [f"{option.documentation}\n" for option in declared(kind).values()]
    return f"{head}{section}{rest[:end]}{''.join(lines)}{rest[end:]}"

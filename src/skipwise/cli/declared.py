"""Options that are declared as fields of dataclasses (`core/options.py`), on the command line."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Collection
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import typer
from typer.core import TyperCommand

from skipwise.cli.completion import completed
from skipwise.core.options import Option, build, declared, flag

T = TypeVar("T")
METAVARS: dict[type, str] = {int: "N", float: "NUMBER", str: "NAME"}
"""What stands for the value of an option that says nothing else."""


@dataclass(frozen=True, kw_only=True)
class Line(Generic[T]):
    """The arguments and options that follow a verb on the command line.

    Args:
        kind: the dataclass of the options of the verb's Python function.
    """

    context: typer.Context
    kind: type[T]

    @property
    def options(self) -> T:
        """The options, those that do not stand there with their defaults."""
        return build(self.kind, self.given())

    def given(self, kind: type | None = None) -> dict[str, Any]:
        """The options that stand there, as keywords of the verb's Python function.

        What does not stand there is left to the function, which may take it from a plan's file.

        Args:
            kind: the options of another function; those that the verb has, too, are given.

        Raises:
            SkipwiseError: a value is not as it has to be.
        """
        return {
            name: option.parsed(self.context.params[name])
            for name, option in declared(kind or self.kind).items()
            if name in self.context.params and self._has(name)
        }

    def words(self, *, without: Collection[str] = ()) -> list[str | Path]:
        """The words behind the verb: its arguments, and its options without some of them."""
        words: list[str | Path] = []
        for parameter in self.context.command.params:
            name = parameter.name or ""
            if name in without or not self._has(name):
                continue
            value, option = self.context.params[name], max(parameter.opts, key=len)
            if parameter.param_type_name == "argument":
                given = value if isinstance(value, list | tuple) else [value]
                words += [Path(each) if each.startswith("-") else each for each in given]
            elif isinstance(value, bool):
                words.append(option if value else max(parameter.secondary_opts, key=len))
            else:
                for each in value if isinstance(value, list) else [value]:
                    words += [option, str(each)]
        return words

    def _has(self, name: str) -> bool:
        source = self.context.get_parameter_source(name)
        return source is None or source.name != "DEFAULT"


def command(app: typer.Typer, verb: Callable[..., object], *, example: str) -> None:
    """Adds a verb to the program.

    Its parameters are arguments as typer declares them; `line`, a `Line` of the options of its Python function; and
    dataclasses of options that only the command line has.

    Args:
        example: a command line that uses the verb.
    """
    hints = typing.get_type_hints(verb, include_extras=True)
    hints.pop("return", None)
    written = inspect.signature(verb).parameters
    taken = typing.get_args(hints.pop("line"))[0] if "line" in hints else None
    kinds: dict[str, type] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}  # type: ignore[misc]
    arguments = [written[name].replace(annotation=hint) for name, hint in hints.items() if name not in kinds]
    for hint in hints.values():
        for declaration in getattr(hint, "__metadata__", ()):
            completed(declaration)
    options = [each for kind in filter(None, (taken, *kinds.values())) for each in declared(kind).values()]

    @functools.wraps(verb)
    def called(context: typer.Context, **values: Any) -> object:
        line = {} if taken is None else {"line": Line(context=context, kind=taken)}
        made: dict[str, Any] = {name: Line(context=context, kind=kind).options for name, kind in kinds.items()}
        return verb(**line, **{each.name: values[each.name] for each in arguments}, **made)

    parameters = [
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in arguments),
        *(_parameter(each, verb.__name__) for each in options),
    ]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    kind = type("Command", (_Command,), {"headings": {each.name: each.heading for each in options}})
    needed = any(each.default is inspect.Parameter.empty for each in arguments)
    app.command(cls=kind, epilog=f"Example: {example}", no_args_is_help=needed)(called)


class _Command(TyperCommand):
    """A verb whose help has its options under the titles of their groups."""

    headings: typing.ClassVar[dict[str, str]] = {}

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the arguments, and then the options group by group."""
        shown = [(each, record) for each in self.get_params(ctx) if (record := _record(each, ctx)) is not None]
        titles = [self._title(each) for each, _ in shown]
        for title in dict.fromkeys(titles):
            with formatter.section(title):
                formatter.write_dl([record for (_, record), its in zip(shown, titles, strict=True) if its == title])

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words behind the verb; braces stand only where there is a choice."""
        pieces: list[str] = super().collect_usage_pieces(ctx)
        return [piece if "|" in piece else piece.replace("{", "").replace("}", "") for piece in pieces]

    def _title(self, parameter: Any) -> str:
        if parameter.param_type_name == "argument":
            return "Arguments"
        return self.headings.get(parameter.name) or "Options"


def _record(parameter: Any, ctx: Any) -> tuple[str, str] | None:
    """The entry of an argument or an option in the help, without the Python type that typer adds to an argument."""
    record: tuple[str, str] | None = parameter.get_help_record(ctx)
    if record is None or parameter.param_type_name != "argument":
        return record
    return record[0].partition(" <")[0], record[1]


def _parameter(option: Option, verb: str) -> inspect.Parameter:
    """The option as typer takes it."""
    kind: Any = option.kind
    names = [option.flag]
    if kind is bool and not option.turns_on:
        names = [f"{option.flag}/{flag(f'no_{option.name}')}"]
    if option.short is not None:
        names.append(option.short)
    default = option.default
    if option.listed is not None and not isinstance(default, str | None):
        default = option.listed.word(default)
    if option.repeated:
        kind, default = list[str], None
    text = option.help if option.unset is None else f"{option.help} [default: {option.unset.replace('<verb>', verb)}]"
    shown = default is not None and not option.turns_on
    declaration = typer.Option(*names, metavar=option.metavar or METAVARS.get(kind), help=text, show_default=shown)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind | None if default is None else kind, completed(declaration)],
    )

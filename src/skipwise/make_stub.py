"""Writes __init__.pyi, from which type checkers and editors know the public names and the keywords of the verbs.

A verb gets its signature when it is imported (core/signatures.py), which no type checker sees. Run this after changing
a public name, a signature or an option:

    python -m skipwise.make_stub
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import skipwise

FILE = Path(skipwise.__file__).with_suffix(".pyi")
HEAD = "# Written by `python -m skipwise.make_stub`, from the options that the verbs declare; not to be edited.\n"


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """A verb whose result depends on one of its options.

    Args:
        option: its name.
        cases: what the verb returns, by the type of the option. The first is for a call without the option.
    """

    option: str
    cases: tuple[tuple[str, str], ...]


NARROWED = {
    "compare": Narrowed(option="dry_run", cases=(("Literal[False]", "Comparison"), ("Literal[True]", "Planned"))),
    "study": Narrowed(option="dry_run", cases=(("Literal[False]", "StudyReport"), ("Literal[True]", "PlannedStudy"))),
    "report": Narrowed(option="format", cases=(('Literal["html"]', "Path"), ('Literal["md", "json"]', "str"))),
    "predict": Narrowed(option="output", cases=(("None", "Iterator[Answer]"), ("str | os.PathLike[str]", "Predicted"))),
}
"""A last case, for a value that is known only when the program runs, is added to each."""


@dataclass
class Imports:
    """Imports that the annotations need: the name by which they call it, and its module and its name there.

    Args:
        found: the module, and the name in it; None for the module itself.
    """

    found: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def need(self, called: str, module: str, name: str | None) -> None:
        """Adds one.

        Raises:
            TypeError: something else has that name already.
        """
        there = self.found.setdefault(called, (module, name))
        if there != (module, name) and _what(*there) != _what(module, name):
            raise TypeError(f"{called} is {module}.{name} in one place and {there[0]}.{there[1]} in another")

    def lines(self, without: Iterable[str]) -> list[str]:
        """The statements, but for names that are there anyway."""
        lines = []
        for called, (module, name) in sorted(self.found.items(), key=_order):
            if name is None:
                lines.append(f"import {module}")
            elif called not in without:
                lines.append(f"from {module} import {name}" + (f" as {called}" if called != name else ""))
        return lines


def _order(item: tuple[str, tuple[str, str | None]]) -> tuple[bool, str, str]:
    module, name = item[1]
    return name is not None, module, name or ""


def stub() -> str:
    """Returns the text of the file."""
    homes: dict[str, str] = vars(skipwise)["_HOMES"]
    imports = Imports()
    found = {name: _what(homes[name], name) for name in sorted(homes)}
    verbs = [_function(name, made, imports) for name, made in found.items() if hasattr(made, "takes")]
    others = [name for name, made in found.items() if not hasattr(made, "takes")]
    exported = [f"from skipwise import {name} as {name}" for name in vars(skipwise)["_PACKAGES"]]
    exported += [f"from {homes[name]} import {name} as {name}" for name in others]
    names = "".join(f'    "{name}",\n' for name in skipwise.__all__)
    return "\n".join(
        [
            HEAD,
            *imports.lines(without=others),
            "",
            *exported,
            "",
            "__version__: str",
            f"__all__ = [\n{names}]",
            "",
            *verbs,
        ]
    )


def _function(name: str, verb: Callable[..., Any], imports: Imports) -> str:
    """The verb as a stub has it, once for each kind of result."""
    signature, written = inspect.signature(verb), inspect.unwrap(verb)
    names = _imported(written.__module__)
    text = {
        each.name: _annotation(each.annotation, names, written.__module__, imports)
        for each in signature.parameters.values()
    }
    returned = _annotation(signature.return_annotation, names, written.__module__, imports)
    documentation = inspect.cleandoc(verb.__doc__ or "").replace("\\", "\\\\")
    said = f'\n"""{documentation}\n"""'.replace("\n", "\n    ").replace("\n    \n", "\n\n")
    narrowed = NARROWED.get(name)
    if narrowed is None:
        return f"def {name}({_parameters(signature, text)}) -> {returned}:{said}\n"
    for needed in ("Literal", "overload"):
        imports.need(needed, "typing", needed)
    usual = narrowed.cases[0]
    calls = []
    for case in (*narrowed.cases, (text[narrowed.option], returned)):
        end = said if case == usual else " ..."
        taken = _parameters(signature, text | {narrowed.option: case[0]}, None if case == usual else narrowed.option)
        calls.append(f"@overload\ndef {name}({taken}) -> {case[1]}:{end}\n")
    return "\n".join(calls)


def _parameters(signature: inspect.Signature, text: dict[str, str], needed: str | None = None) -> str:
    """The parameters, one a line.

    Args:
        text: their annotations.
        needed: the one that has to be given, though it has a default.
    """
    lines, keywords = [], False
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not keywords:
            lines.append("*")
            keywords = True
        default = "" if each.default is each.empty or each.name == needed else f" = {_default(each.default)}"
        lines.append(f"{each.name}: {text[each.name]}{default}")
    return "".join(f"\n    {line}," for line in lines) + "\n"


def _default(value: object) -> str:
    return repr(value) if value is None or isinstance(value, bool | int | float | str) else "..."


def _annotation(annotation: Any, names: dict[str, tuple[str, str | None]], module: str, imports: Imports) -> str:
    """The text of an annotation: as its module has it, or of the type that an option declares."""
    if not isinstance(annotation, str):
        return _written(annotation, imports)
    for node in ast.walk(ast.parse(annotation, mode="eval")):
        if isinstance(node, ast.Name) and not hasattr(builtins, node.id):
            imports.need(node.id, *names.get(node.id, (module, node.id)))
    return annotation


def _written(annotation: Any, imports: Imports) -> str:
    if annotation in (None, types.NoneType):
        return "None"
    if annotation is Ellipsis:
        return "..."
    arguments = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return " | ".join(_written(each, imports) for each in arguments)
    origin = typing.get_origin(annotation)
    if origin is not None:
        return f"{_written(origin, imports)}[{', '.join(_written(each, imports) for each in arguments)}]"
    module, name = annotation.__module__, annotation.__qualname__
    if module == "builtins":
        return str(name)
    if module == "os":  # as people write it
        imports.need("os", "os", None)
        return f"os.{name}"
    imports.need(name, module, name)
    return str(name)


def _imported(module: str) -> dict[str, tuple[str, str | None]]:
    """The imports of a module, those for type checkers too, by the name that each has there."""
    source = Path(importlib.import_module(module).__file__ or "").read_text(encoding="utf-8")
    found: dict[str, tuple[str, str | None]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: (node.module or "", each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.asname or each.name: (each.name, None) for each in node.names}
    return found


def _what(module: str, name: str | None) -> Any:
    found = importlib.import_module(module)
    return found if name is None else getattr(found, name)


if __name__ == "__main__":
    FILE.write_text(stub(), encoding="utf-8")

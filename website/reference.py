"""Pages made from the code: one for each verb, from its options and its docstring, and one for all other names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import typer

import skipwise
from skipwise.cli import app as program

FUNCTIONS = {"models": "list_models"}
"""The Python function of a verb, where it is called differently."""
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>$#|~])")
FLAG = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)")


def pages() -> Iterator[tuple[str, str]]:
    """The pages, by their paths without a suffix."""
    examples = {verb.__name__: example for verb, example in program.VERBS}
    verbs: dict[str, Any] = typer.main.get_command(program.app).commands  # type: ignore[attr-defined]
    for name, verb in verbs.items():
        yield f"reference/{name}", "\n".join([*_command_line(name, verb, examples[name]), *_function(name)])
    functions = {FUNCTIONS.get(name, name) for name in verbs}
    packages = {name for name in skipwise.__all__ if isinstance(getattr(skipwise, name), ModuleType)}
    yield "reference/python", "\n".join(_python(sorted(set(skipwise.__all__) - functions - packages)))
    for name in sorted(packages):
        yield f"reference/{name}", "\n".join(_package(name, getattr(skipwise, name)))


def _command_line(name: str, verb: Any, example: str) -> Iterator[str]:
    arguments = [each for each in verb.params if each.param_type_name == "argument"]
    options = [each for each in verb.params if each.param_type_name != "argument" and each.name != "help"]
    words = " ".join(verb.collect_usage_pieces(typer.Context(verb)))
    yield f"# {name}\n\n{plain(verb.help or '')}\n"
    yield f"## On the command line\n\n```text\nskipwise {name} {words}" + "\n```\n"
    yield f"For example:\n\n```sh\n{example}\n```\n"
    if arguments:
        yield "### Arguments\n"
    for each in arguments:
        yield f"`{each.metavar}`\n: {plain(each.help or '')}\n"
    titles = [verb.headings.get(each.name) or "Output" for each in options]
    for title in dict.fromkeys(titles):
        yield f"### {title}\n"
        for each in (option for option, its in zip(options, titles, strict=True) if its == title):
            yield _option(verb, each)


def _option(verb: Any, option: Any) -> str:
    """The entry of an option: its flags, and what the help says of it."""
    said, text = option.get_help_record(typer.Context(verb))
    flags = ", ".join(f"`{part}`" for part in re.split(r",\s+(?=-)|\s*/\s*(?=--)", said.strip()))
    return f"{flags}\n: {plain(text)}\n"


def _function(name: str) -> Iterator[str]:
    called = FUNCTIONS.get(name, name)
    if called in skipwise.__all__:
        yield f"## In Python\n\n```{{eval-rst}}\n.. autofunction:: skipwise.{called}\n```\n"


def _python(names: list[str]) -> Iterator[str]:
    yield "# Other public names\n\nEach verb has a page of its own. These are the classes and functions beside them.\n"
    for name in names:
        directive = "autoclass" if isinstance(getattr(skipwise, name), type) else "autofunction"
        members = "\n   :members:" if directive == "autoclass" else ""
        yield f"## {name}\n\n```{{eval-rst}}\n.. {directive}:: skipwise.{name}{members}\n```\n"


def _package(name: str, package: ModuleType) -> Iterator[str]:
    yield f"# skipwise.{name}\n\n{(package.__doc__ or '').strip()}\n"
    for each in sorted(package.__all__):
        what = getattr(package, each)
        if callable(what):
            directive = "autoclass" if isinstance(what, type) else "autofunction"
            yield f"## {each}\n\n```{{eval-rst}}\n.. {directive}:: skipwise.{name}.{each}\n```\n"


def plain(text: str) -> str:
    """A help text as Markdown: flags as code, and nothing else that means something there."""
    parts = FLAG.split(" ".join(text.split()))
    return "".join(f"`{part}`" if number % 2 else MARKDOWN.sub(r"\\\1", part) for number, part in enumerate(parts))

"""What the documentation tells people to type works."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from skipwise.cli import app as cli
from skipwise.core.options import declared
from skipwise.training.loop.recipe import RECIPES, RecipeOptions
from tests.conftest import make_photos

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "docs" / "studies").glob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, each as its text."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


COMMANDS = [
    line.removeprefix(".venv/bin/")
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.splitlines()
    if line.removeprefix(".venv/bin/").startswith("skipwise ")
]


def test_there_is_something_to_test() -> None:
    assert len(COMMANDS) >= 1
    assert blocks(ROOT / "README.md", "python")


@functools.cache
def program() -> Any:
    """The program with all its verbs, which takes a moment to make."""
    return typer.main.get_command(cli.app)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one_the_program_takes(command: str) -> None:
    """Parsed, not run: no verb or flag in the documentation that does not exist."""
    words, verbs = shlex.split(command, comments=True)[1:], program()
    context = verbs.make_context("skipwise", list(words))
    name, verb, rest = verbs.resolve_command(context, [*context._protected_args, *context.args])
    verb.make_context(name, rest)


def test_the_table_of_recipes_is_that_of_the_program() -> None:
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (\d+) \|", (ROOT / "docs" / "training.md").read_text(), flags=re.MULTILINE)
    assert {name: int(epochs) for name, epochs in rows} == {name: recipe.epochs for name, recipe in RECIPES.items()}
    assert all(name in declared(RecipeOptions)["recipe"].help for name in RECIPES)


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), flags=re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"{page.name}: make {target}"


@pytest.mark.parametrize("index", range(len(blocks(ROOT / "README.md", "python"))))
@pytest.mark.usefixtures("in_this_process")
def test_python_examples_run(index: int, here: Path) -> None:
    make_photos(here / "path" / "to" / "images", per_class=10)
    exec(blocks(ROOT / "README.md", "python")[index], {})


@pytest.mark.parametrize("code", blocks(ROOT / "docs" / "networks.md", "python"))
@pytest.mark.usefixtures("here")
def test_examples_of_networks_run(code: str) -> None:
    exec(code, {})


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"

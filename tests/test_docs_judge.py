"""docs/judge.md and docs/gate.md: their files are made, their commands typed, and what they print stands there."""

from __future__ import annotations

import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from skipwise.cli import app as program
from skipwise.gating.record import STATUS

DOCS = Path(__file__).parents[1] / "docs"
JUDGE, GATE = ((DOCS / name).read_text() for name in ("judge.md", "gate.md"))
WIDE = 120


def example(text: str, name: str) -> tuple[str, str]:
    """The code of an example, and what the page says that it prints."""
    found = re.search(
        rf"<!-- example: {name} -->\n```\w+\n(.*?)\n```\n(?:\n```text\n(.*?)\n```\n)?", text, flags=re.DOTALL
    )
    assert found is not None, name
    return found[1], found[2] or ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the example."""
    made = tmp_path_factory.mktemp("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        exec(example(JUDGE, "files")[0], {})
    return made


def typed(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The exit status of a command, and what it prints, as wide as the page."""
    words = [path for word in shlex.split(command) for path in (sorted(map(str, Path().glob(word))) or [word])]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        program.main()
    lines = [
        part
        for line in capsys.readouterr().out.strip("\n").splitlines()
        for part in (textwrap.wrap(line, WIDE) if len(line.rstrip()) > WIDE else [line.rstrip()])
    ]
    return int(ended.value.code or 0), "\n".join(lines)


@pytest.mark.parametrize(
    ("page", "name", "status"),
    [(JUDGE, "judge", 0), (JUDGE, "one seed", 0), (GATE, "gate", STATUS["cannot tell"])],
)
def test_a_command_prints_what_the_page_shows(
    page: str, name: str, status: int, folder: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    command, printed = example(page, name)
    assert typed(command, capsys, monkeypatch) == (status, printed)


def test_the_report_is_the_one_that_the_page_shows(folder: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    assert typed(example(GATE, "passes")[0], capsys, monkeypatch)[0] == STATUS["pass"]
    assert (tmp_path / "gate.md").read_text() in GATE


def test_the_example_in_python_runs(capsys) -> None:
    exec(example(JUDGE, "python")[0], {})
    assert capsys.readouterr().out.startswith("old new worse ")


def commands(page: str) -> Iterator[str]:
    """The calls of the program in the page's YAML."""
    for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL):
        yield from re.findall(r"(?:entry: |^ *)(skipwise .*?)(?: \|\|.*)?$", block, flags=re.MULTILINE)


def test_the_workflow_and_the_hook_are_sound() -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GATE, flags=re.DOTALL)]
    assert len(blocks) == 2
    steps = blocks[0]["jobs"]["gate"]["steps"]
    assert any("skipwise gate" in step.get("run", "") for step in steps)
    assert blocks[1]["repos"][0]["hooks"][0]["pass_filenames"] is False
    verbs = typer.main.get_command(program.app)
    assert len(list(commands(GATE))) == 2
    for command in commands(GATE):
        words = shlex.split(command)[1:]
        context = verbs.make_context("skipwise", list(words))
        name, verb, rest = verbs.resolve_command(context, [*context._protected_args, *context.args])
        verb.make_context(name, rest)

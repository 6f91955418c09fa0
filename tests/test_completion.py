"""Completion on the command line: what a shell is told, and that a real bash asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skipwise.cli import activation
from skipwise.cli.completion import completer
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.nets.catalogue import catalogue
from skipwise.studies.table import STUDIES


def complete(metavar: str, incomplete: str) -> list[str]:
    found = completer(metavar)
    assert found is not None
    return found(incomplete)


def test_names_of_networks_one_by_one() -> None:
    assert complete("NETWORK", "se_resnet5") == ["se_resnet50", "se_resnet56"]
    assert complete("NETWORK,NETWORK,...", "resnet18,plain1") == ["resnet18,plain18"]
    assert complete("NETWORK,NETWORK,...", "resnet18,resnet18") == []  # it is there already
    assert set(complete("NETWORK,NETWORK,...", "")) == set(catalogue())


def test_outcomes_and_studies() -> None:
    assert set(complete("STUDY", "")) == set(STUDIES)
    assert complete("OUTCOME,OUTCOME,...", "accuracy,bri") == ["accuracy,brier"]
    assert set(complete("OUTCOME,OUTCOME,...", "")) == set(OUTCOMES)


def test_folders_of_results(here: Path) -> None:
    for name in ("train/digits", "train/.hidden", "export/digits-onnx-fp32", "compare/digits"):
        (here / "runs" / name).mkdir(parents=True)
    assert complete("RUN|ARTIFACT|FILE", "runs/") == ["runs/train/digits", "runs/export/digits-onnx-fp32"]
    assert complete("COMPARISON", "") == ["runs/compare/digits"]
    assert complete("RUN", "elsewhere/") == []  # then the shell completes files


def test_sets_by_name_and_what_lies_here(here: Path) -> None:
    (here / "dice").mkdir()
    assert complete("DATA", "di") == ["digits", "dice"]


@pytest.mark.usefixtures("here")
def test_nothing_where_nothing_is_known() -> None:
    assert completer("PIXELS") is None
    assert completer(None) is None
    assert complete("RUN", "") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_real_bash(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("skipwise")
    script = """
        eval "$(_SKIPWISE_COMPLETE=source_bash "$0")"
        COMP_WORDS=(skipwise compare digits --models resnet18,se_resnet5); COMP_CWORD=4
        _skipwise_completion "$0"; printf '%s\\n' "${COMPREPLY[@]}"
    """
    ended = subprocess.run(
        ["bash", "--norc", "-c", script, program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["resnet18,se_resnet50", "resnet18,se_resnet56"]


def test_completion_is_for_the_program_also_where_it_is_called_as_a_module(tmp_path: Path) -> None:
    called = [sys.executable, "-m", "skipwise", "--install-completion", "bash"]
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    env |= {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    subprocess.run(called, env=os.environ | env, cwd=tmp_path, check=True, capture_output=True)
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert script.name == "skipwise.sh"
    assert "_SKIPWISE_COMPLETE=complete_bash" in script.read_text()


class TestActivation:
    @pytest.fixture(autouse=True)
    def _in_an_environment(self, monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
        monkeypatch.setattr(sys, "prefix", str(here / ".venv"))
        monkeypatch.setattr(sys, "base_prefix", "/usr")
        monkeypatch.setenv("PATH", str(here / "nothing"))
        monkeypatch.setenv("SHELL", "/bin/bash")

    def test_the_command_is_said_where_the_program_is_not_on_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert activation.how_to_activate() == "source .venv/bin/activate"
        assert (activation.advice() or "").endswith("source .venv/bin/activate")
        monkeypatch.setenv("SHELL", "/usr/bin/fish")
        assert activation.how_to_activate() == "source .venv/bin/activate.fish"

    def test_nothing_is_said_where_it_is_or_there_is_no_environment(
        self, monkeypatch: pytest.MonkeyPatch, here: Path
    ) -> None:
        (here / "nothing").mkdir()
        program = here / "nothing" / "skipwise"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        assert activation.advice() is None
        program.unlink()
        monkeypatch.setattr(sys, "base_prefix", sys.prefix)
        assert activation.advice() is None

"""What `make test-machines` forces is what Skipwise finds, in the process and in those that it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ASKING = """
import json, os, signal, subprocess, sys
from skipwise.core.machine.system import usable_cores
from skipwise.training.machine.compiling import has_compiler
from skipwise.training.machine.execution import choose_execution
found = choose_execution("cpu", step_multiply_adds=1.0).precision, has_compiler(), usable_cores()
print(json.dumps([*found, signal.getsignal(signal.SIGINT) == signal.SIG_IGN]))
"""
STARTING = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {ASKING!r}], check=True)"


def ask(machine: str) -> list[object]:
    """Precision, compiler, cores and whether SIGINT is ignored, as a child of a child finds them."""
    command = [sys.executable, "-m", "tests.machines", machine, sys.executable, "-c", STARTING]
    result = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.slow
def test_a_child_of_a_child_finds_what_is_forced() -> None:
    assert ask("bf16-slow,no-compiler,one-core,background,bare") == ["fp32", False, 1, True]
    assert ask("bf16-fast")[0] == "bf16"


@pytest.mark.parametrize(("machine", "sentence"), [("bf16-swift", "no trait called bf16-swift"), ("", "no trait")])
def test_a_machine_that_is_none_is_refused(machine: str, sentence: str) -> None:
    command = [sys.executable, "-m", "tests.machines", machine, "true"]
    result = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert result.returncode
    assert sentence in result.stderr

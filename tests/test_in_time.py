"""Time limits of real commands, on an idle machine and on a busy one: an answer, in the time given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skipwise.core.machine.system import usable_cores
from tests.conftest import make_photos

LIMIT = 60
OPTIONS = ("--time-limit", f"{LIMIT}s", "--precision", "fp32", "--no-compile", "--output", "out")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("many") / "stripes", per_class=120)


@pytest.fixture(params=[0, 1], ids=["as the machine is", "beside a busy loop for each core"])
def busy(request: pytest.FixtureRequest) -> Iterator[None]:
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(request.param * usable_cores())
    ]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


def in_time(folder: Path, verb: str, images: Path, *options: str) -> str:
    """What a command says, which answers within its limit, and 5% over at most."""
    command = [sys.executable, "-m", "skipwise", verb, str(images), *options, *OPTIONS]
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=3 * LIMIT)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert took <= 1.05 * LIMIT, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("busy")
def test_a_comparison_answers_in_time(images: Path, tmp_path: Path) -> None:
    in_time(tmp_path, "compare", images, "--models", "resnet18,plain18", "--width", "0.25")
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert len(found["pairs"]) == 1
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("busy")
def test_a_training_answers_in_time(images: Path, tmp_path: Path) -> None:
    in_time(tmp_path, "train", images, "--model", "resnet18", "--width", "0.25")
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "finished"

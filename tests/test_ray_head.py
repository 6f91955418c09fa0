"""The head node of a Ray cluster is lost in the middle of a comparison, which goes on later, there or elsewhere."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise import InProcess
from skipwise.comparison.executors.attempts import attempts_at
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.comparison.results.interim import INTERIM
from skipwise.core.files.checksums import read_sealed
from skipwise.training.folder.names import CHECKPOINT
from skipwise.training.folder.saved_state import saved_steps
from tests import ray_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]

OPTIONS: dict[str, Any] = {
    "models": ["resnet20", "plain20"],
    "width": 0.25,
    "looks": [2, 3],
    "epochs": 10,
    "tune": [0.05, 0.1],
    "tune_epochs": 1,
    "precision": "fp32",
    "compile": False,
}
BRIEFLY = (
    "from skipwise.comparison.executors.ray import process; process.WAITING = 5.0; "
    "from skipwise.cli.app import main; main()"
)
"""The program, which waits for a lost head node for a shorter time."""
COMMAND = [
    *(sys.executable, "-c", BRIEFLY),
    *("compare", "digits", "--models", "resnet20,plain20", "--width", "0.25", "--looks", "2,3", "--epochs", "10"),
    *("--tune", "lr=0.05,0.1", "--tune-epochs", "1", "--precision", "fp32", "--no-compile"),
]
RUNS = 6


class Epochs(skipwise.Callback):
    """Writes down the first epoch that each run reports."""

    def __init__(self) -> None:
        self.first: dict[str, int] = {}

    def on_epoch(self, epoch: skipwise.Epoch) -> None:
        self.first.setdefault(epoch.run, epoch.epoch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The comparison as one process does it."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    skipwise.compare("digits", output=folder, executor=InProcess(), **OPTIONS)
    return (folder / "comparison.json").read_bytes()


def planned(folder: Path) -> bool:
    return (folder / "plan.json").exists()


def tuning(folder: Path) -> bool:
    return any(folder.glob(f"{ATTEMPTS}/tuning/*/*"))


def saved(folder: Path) -> bool:
    return any(folder.glob(f"{ATTEMPTS}/runs/*/*/{CHECKPOINT}"))


def looked(folder: Path) -> bool:
    return (folder / INTERIM).exists()


def all_ended(folder: Path) -> bool:
    return len(list(folder.glob("runs/*/run.json"))) == RUNS


def far(folder: Path) -> bool:
    """Whether a run that has not ended has saved an epoch."""
    return planned(folder) and any(saved_epochs(folder).values())


def disturbed(folder: Path, address: str, until: Callable[[Path], bool], act: Callable[[], object]) -> tuple[int, str]:
    """Gives the command, and does something at a moment. Returns its exit status and what it said."""
    command = [*COMMAND, "--executor", "ray", "--output", str(folder)]
    environment = os.environ | ray_cluster.ENVIRONMENT | {"RAY_ADDRESS": address}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder.parent
    ) as process:
        while not until(folder):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        act()
        said = process.communicate(timeout=900)[1]
    return process.returncode, said


def saved_epochs(folder: Path) -> dict[str, int]:
    """How many epochs of each run are saved, by whatever attempt at it."""
    plan = read_sealed(folder / COMPARISONS.plan_file, Plan)
    per_epoch = plan.recipe.steps_in_all(plan.train_images) // plan.recipe.epochs
    found = {}
    for name, seed in itertools.product(plan.trained, plan.question.seeds):
        run = plan.jobs(name, seed)[0].folder
        steps = [saved_steps(each / CHECKPOINT) for each in (folder / run, *attempts_at(folder, run))]
        found[run] = max(max(steps), 0) // per_epoch
    return found


def test_a_head_that_is_lost_ends_the_command_only_and_the_rest_is_done_here(
    undisturbed: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    with ray_cluster.started() as head:
        for moment in (planned, tuning, saved, looked):
            status, said = disturbed(folder, head.address, moment, head.kill)
            assert status == 2, said
            assert "can't be reached any more" in said
            assert said.splitlines()[-1].startswith("Go on:    skipwise compare digits")
            assert "Traceback" not in said
            assert "raylet" not in said
            head.start()
        disturbed(folder, head.address, far, head.kill)
    before, epochs = saved_epochs(folder), Epochs()
    assert any(before.values())
    skipwise.compare("digits", output=folder, callbacks=[epochs], **OPTIONS)
    assert (folder / "comparison.json").read_bytes() == undisturbed
    assert not (folder / ATTEMPTS).exists()
    assert all(first > before[run] for run, first in epochs.first.items())


def test_a_head_that_loses_its_memory_is_waited_for_and_given_up(undisturbed: bytes, tmp_path: Path) -> None:
    """Only the process is killed that knows the cluster; the workers train on for a while."""
    folder = tmp_path / "out"
    with ray_cluster.started() as head:
        status, said = disturbed(folder, head.address, saved, lambda: head.kill("gcs_server"))
        assert status == 2, said
        assert "does not answer; this waits for it" in said
        assert said.splitlines()[-1].startswith("Go on:    skipwise compare digits")
        head.kill()
        head.start()
        # Nothing of it is needed any more once all runs have ended.
        status, said = disturbed(folder, head.address, all_ended, head.kill)
        assert status in {0, 2}, said
        head.start()
        status, said = disturbed(folder, head.address, planned, lambda: None)
        assert status == 0, said
    assert (folder / "comparison.json").read_bytes() == undisturbed

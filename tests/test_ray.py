"""RayExecutor on a real cluster of several nodes on this machine, whose processes are killed and nodes removed."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise import InProcess
from skipwise.comparison.executors.attempts import attempts_at
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.training.callbacks import Start
from skipwise.training.run.names import CHECKPOINT
from skipwise.training.run.saving import saved_steps
from tests import ray_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]

OPTIONS = {
    "models": ["resnet20", "plain20"],
    "width": 0.25,
    "seeds": 3,
    "epochs": 6,
    "precision": "fp32",
    "compile": False,
}
COMMAND = [
    *(sys.executable, "-c", "from skipwise.cli.app import main; main()"),
    *("compare", "digits", "--models", "resnet20,plain20", "--width", "0.25", "--seeds", "3", "--epochs", "6"),
    *("--precision", "fp32", "--no-compile"),
]


class Begun(skipwise.Callback):
    """Stops a comparison before its first run."""

    def on_start(self, start: Start) -> None:  # noqa: ARG002
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_cluster.cluster(nodes=1) as made:
        yield made


@pytest.fixture
def executor(cluster: Any) -> Any:
    from skipwise import RayExecutor

    return RayExecutor(cluster.address)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The comparison as one process does it."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    skipwise.compare("digits", output=folder, executor=InProcess(), **OPTIONS)
    return (folder / "comparison.json").read_bytes()


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of the comparison, in which nothing has been run yet."""
    with pytest.raises(KeyboardInterrupt):
        skipwise.compare("digits", output=tmp_path / "out", callbacks=[Begun()], **OPTIONS)
    return tmp_path / "out"


def refused(executor: Any, folder: Path) -> str:
    """The error with which an executor refuses to begin, before anything is trained."""
    with pytest.raises(skipwise.SkipwiseError) as refused:
        executor.open(folder, processes=1, threads=1)
    executor.close()
    assert not list(folder.glob("runs/*"))
    assert not (folder / ATTEMPTS).exists()
    return str(refused.value)


def test_twenty_kills_change_nothing_and_lose_only_what_was_not_saved(
    executor: Any, undisturbed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skipwise.comparison.executors.ray.executor.RETRIES", 20)
    folder, rng, killed, lost = tmp_path / "out", random.Random(0), [], []

    def saved(run: str) -> dict[Path, int]:
        return {attempt: saved_steps(attempt / CHECKPOINT) for attempt in attempts_at(folder, run)}

    def kill() -> None:
        for _ in range(20):
            time.sleep(rng.uniform(0, 2))
            before = {f"runs/{run.name}": saved(f"runs/{run.name}") for run in folder.glob(f"{ATTEMPTS}/runs/*")}
            killed.append(ray_cluster.kill_one(rng))
            for run, states in before.items():
                # What the next attempt has first, it has from the others.
                for attempt in set(attempts_at(folder, run)) - states.keys():
                    steps = saved_steps(attempt / CHECKPOINT)
                    lost.extend([run] if -1 < steps < max(states.values()) else [])

    killer = threading.Thread(target=kill)
    killer.start()
    skipwise.compare("digits", output=folder, executor=executor, **OPTIONS)
    killer.join()
    assert len(killed) == 20
    assert not lost
    assert (folder / "comparison.json").read_bytes() == undisturbed
    assert not (folder / ATTEMPTS).exists()

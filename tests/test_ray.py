"""RayExecutor on a real cluster of several nodes on this machine, whose processes are killed and nodes removed."""

from __future__ import annotations

import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise import InProcess, RayExecutor
from skipwise.comparison.executors.attempts import attempts_at
from skipwise.comparison.executors.ray.process import RayNotice
from skipwise.comparison.executors.ray.runs import Runs
from skipwise.comparison.executors.ray.task import Report
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.training.callbacks import Start
from skipwise.training.folder.names import CHECKPOINT
from skipwise.training.folder.record import read_run
from skipwise.training.folder.saved_state import saved_steps
from tests import ray_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]

OPTIONS = {
    "models": ["resnet20", "plain20"],
    "width": 0.25,
    "seeds": 3,
    "epochs": 4,
    "precision": "fp32",
    "compile": False,
}
COMMAND = [
    *(sys.executable, "-c", "from skipwise.cli.app import main; main()"),
    *("compare", "digits", "--models", "resnet20,plain20", "--width", "0.25", "--seeds", "3", "--epochs", "4"),
    *("--precision", "fp32", "--no-compile"),
]


class Begun(skipwise.Callback):
    """Stops a comparison before its first run."""

    def on_start(self, start: Start) -> None:  # noqa: ARG002
        raise KeyboardInterrupt


class Ends(skipwise.Callback):
    """Is told of the ends of runs, and does something at the first epoch.

    Args:
        act: what it does.
    """

    def __init__(self, act: Callable[[], object]) -> None:
        self.act: Callable[[], object] | None = act

    def on_epoch(self, epoch: skipwise.Epoch) -> None:  # noqa: ARG002
        if self.act is not None:
            self.act()
            self.act = None


@pytest.fixture
def executor(ray_nodes: Any) -> RayExecutor:
    return RayExecutor(ray_nodes.address)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The comparison as one process does it."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    skipwise.compare("digits", output=folder, executor=InProcess(), **OPTIONS)
    return (folder / "comparison.json").read_bytes()


@pytest.fixture(scope="module")
def begun_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the comparison, in which nothing has been run yet; not to be changed."""
    folder = tmp_path_factory.mktemp("begun") / "out"
    with pytest.raises(KeyboardInterrupt):
        skipwise.compare("digits", output=folder, callbacks=[Begun()], **OPTIONS)
    return folder


@pytest.fixture
def begun(begun_once: Path, tmp_path: Path) -> Path:
    """The same, to be worked in."""
    return Path(shutil.copytree(begun_once, tmp_path / "out"))


def run(command: Sequence[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder to its end."""
    environment = os.environ | ray_cluster.ENVIRONMENT | variables
    return subprocess.run(command, capture_output=True, env=environment, cwd=folder, check=False, text=True)


def refused(executor: RayExecutor, folder: Path) -> str:
    """The error with which an executor refuses to begin, before anything is trained."""
    with pytest.raises(skipwise.SkipwiseError) as refused:
        executor.open(folder, processes=1, threads=1)
    executor.close()
    assert not [*folder.glob("runs/*"), *folder.glob(f"{ATTEMPTS}*"), *folder.glob(".shared*")]
    return str(refused.value)


@pytest.mark.guarantee
def test_twenty_kills_change_nothing_and_lose_only_what_was_not_saved(
    ray_nodes: Any, undisturbed: bytes, tmp_path: Path
) -> None:
    executor = RayExecutor(ray_nodes.address, retries=20)
    folder, rng, killed, lost = tmp_path / "out", random.Random(0), list[Any](), list[str]()

    def saved() -> dict[str, dict[Path, int]]:
        runs = [path.relative_to(folder / ATTEMPTS).as_posix() for path in folder.glob(f"{ATTEMPTS}/runs/*")]
        return {
            run: {attempt: saved_steps(attempt / CHECKPOINT) for attempt in attempts_at(folder, run)} for run in runs
        }

    def kill() -> None:
        seen: set[Path] = set()
        for number in range(20):
            # Every second one waits for an attempt that has begun; a worker that starts may take longer than the pause.
            deadline = time.monotonic() + 600
            while number % 2 and time.monotonic() < deadline and not set(folder.glob(f"{ATTEMPTS}/runs/*/*")) - seen:
                time.sleep(0.1)
            time.sleep(rng.uniform(0, 2))
            seen |= set(folder.glob(f"{ATTEMPTS}/runs/*/*"))
            before = saved()
            killed.append(ray_cluster.kill_one(rng))
            time.sleep(0.5)
            for run, states in before.items():
                # What a new attempt has first, it has from the others.
                for attempt in set(attempts_at(folder, run)) - states.keys():
                    if -1 < saved_steps(attempt / CHECKPOINT) < max(states.values()):
                        lost.append(run)

    killer = threading.Thread(target=kill)
    killer.start()
    skipwise.compare("digits", output=folder, executor=executor, **OPTIONS)
    killer.join()
    assert len(killed) == 20
    assert not lost
    assert (folder / "comparison.json").read_bytes() == undisturbed
    assert not (folder / ATTEMPTS).exists()


def test_a_lost_worker_is_one_line(
    executor: RayExecutor, undisturbed: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"

    def kill_all() -> None:
        for worker in ray_cluster.working():
            worker.kill()

    with pytest.warns(RayNotice, match=r"A worker of .* was lost \(1 of 5\); another one goes on with what was saved"):
        skipwise.compare("digits", output=folder, executor=executor, callbacks=[Ends(kill_all)], **OPTIONS)
    assert (folder / "comparison.json").read_bytes() == undisturbed
    printed = capfd.readouterr()
    assert "ray" not in printed.err
    assert "ray" not in printed.out


@pytest.mark.guarantee
def test_a_node_that_is_removed_takes_nothing_with_it(
    ray_nodes: Any, executor: RayExecutor, undisturbed: bytes, tmp_path: Path
) -> None:
    # One that joins after the comparison began, and is gone after the first epoch.
    folder = tmp_path / "out"
    node = ray_cluster.add_node(ray_nodes)
    gone = Ends(lambda: ray_nodes.remove_node(node, allow_graceful=False))
    skipwise.compare("digits", output=folder, executor=executor, callbacks=[gone], **OPTIONS)
    assert gone.act is None
    assert (folder / "comparison.json").read_bytes() == undisturbed


@pytest.mark.guarantee
def test_a_command_that_is_killed_goes_on_and_a_second_one_waits_for_nobody(
    ray_nodes: Any, undisturbed: bytes, tmp_path: Path
) -> None:
    environment = os.environ | ray_cluster.ENVIRONMENT | {"RAY_ADDRESS": ray_nodes.address}
    command = [*COMMAND, "--executor", "ray", "--output", str(tmp_path / "out")]
    options: dict[str, Any] = {"env": environment, "cwd": tmp_path, "stderr": subprocess.PIPE, "text": True}
    rng = random.Random(1)
    for wanted in ("plan.json", ATTEMPTS, "runs"):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, **options) as process:
            while not (tmp_path / "out" / wanted).exists():
                assert process.poll() is None
                time.sleep(0.1)
            if wanted == ATTEMPTS:  # somebody else gives the same command
                second = subprocess.run(command, stdout=subprocess.DEVNULL, check=False, **options)
                assert second.returncode == 2
                assert "Another Skipwise is working in" in second.stderr
            time.sleep(rng.uniform(0, 3))
            process.kill()
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "comparison.json").read_bytes() == undisturbed
    assert "Traceback" not in done.stderr


def test_a_worker_that_hangs_is_overtaken(executor: RayExecutor, undisturbed: bytes, tmp_path: Path) -> None:
    folder, stopped, ends = tmp_path / "out", list[Any](), []

    class Last(skipwise.Callback):
        """Stops a worker once the others have nothing else to do."""

        def on_run_end(self, end: Any) -> None:
            ends.append(end.run)
            if len(ends) == 5:
                stopped.append(ray_cluster.kill_one(random.Random(0), sign=signal.SIGSTOP))

    try:
        skipwise.compare("digits", output=folder, executor=executor, callbacks=[Last()], **OPTIONS)
    finally:
        for process in stopped:
            if process.is_running():
                process.kill()
    assert len(stopped) == 1
    assert (folder / "comparison.json").read_bytes() == undisturbed


def test_a_network_that_kills_its_process_fails_after_a_few_times(
    ray_nodes: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dies.py").write_text(
        "import os\nfrom tests.external_networks import Linear\n\n\n"
        "class Net(Linear):\n    def forward(self, x):\n        os._exit(1) if self.training else None\n"
        "        return super().forward(x)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    models = ["dies:Net", "tests.external_networks:Linear"]
    found = skipwise.compare(
        photos,
        models=models,
        seeds=2,
        epochs=2,
        img_size=16,
        precision="fp32",
        executor=RayExecutor(ray_nodes.address, retries=1),
        output=tmp_path / "o",
    )
    failed = {run.name: run.failed for run in found.results.candidates}
    assert failed["dies:Net"]
    assert not failed["tests.external_networks:Linear"]
    assert "died 2 times" in (read_run(tmp_path / "o" / "runs" / "dies.Net-s0").reason or "")


def test_all_runs_of_a_seed_are_done_on_one_kind_of_machine(
    ray_nodes: Any, executor: RayExecutor, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sitecustomize.py").write_text(
        "from skipwise.core.machine import system\nsystem._processor = lambda: 'Another processor'\n"
    )
    path = os.pathsep.join([str(tmp_path / "other"), ray_cluster.ENVIRONMENT["PYTHONPATH"]])
    node = ray_cluster.add_node(ray_nodes, env={"PYTHONPATH": path})
    try:
        with pytest.warns(UserWarning, match="several kinds of machines: .* Another processor"):
            skipwise.compare("digits", output=tmp_path / "out", executor=executor, **OPTIONS)
    finally:
        ray_nodes.remove_node(node)
    kinds = [
        {read_run(folder).machine.processor for folder in (tmp_path / "out" / "runs").glob(f"*-s{seed}")}
        for seed in range(3)
    ]
    assert all(len(kind) == 1 for kind in kinds)
    assert {"Another processor"} in kinds
    assert len({name for kind in kinds for name in kind}) == 2


def test_a_node_with_other_versions_is_named(
    ray_nodes: Any, executor: RayExecutor, begun: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "torch-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    path = os.pathsep.join([str(other.parent), ray_cluster.ENVIRONMENT["PYTHONPATH"]])
    node = ray_cluster.add_node(ray_nodes, env={"PYTHONPATH": path})
    try:
        assert "has other versions (torch 9.9 there and" in refused(executor, begun)
    finally:
        ray_nodes.remove_node(node)


def test_a_node_without_skipwise_is_named(ray_nodes: Any, executor: RayExecutor, begun: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "skipwise.py").write_text("raise ModuleNotFoundError('no', name='skipwise')\n")
    node = ray_cluster.add_node(ray_nodes, env={"PYTHONPATH": str(tmp_path / "other")})
    try:
        assert "lacks the package skipwise" in refused(executor, begun)
    finally:
        ray_nodes.remove_node(node)


@pytest.mark.skipif(os.geteuid() != 0, reason="a node with other folders in the place of some needs to be root")
def test_a_folder_that_is_not_shared_is_said_before_anything_is_trained(
    ray_nodes: Any, executor: RayExecutor, begun: Path
) -> None:
    with ray_cluster.apart(ray_nodes.address, begun.parent):
        assert f"does not see {begun}" in refused(executor, begun)


@pytest.mark.skipif(os.geteuid() != 0, reason="a node with other folders in the place of some needs to be root")
def test_a_node_without_the_images_is_named(
    ray_nodes: Any, executor: RayExecutor, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, cache = Path(shutil.copytree(photos, tmp_path / "images" / "set")), tmp_path / "cache"
    monkeypatch.setenv("SKIPWISE_CACHE", str(cache))
    folder = tmp_path / "results" / "out"
    with pytest.raises(KeyboardInterrupt):
        skipwise.compare(
            images, output=folder, callbacks=[Begun()], seeds=2, img_size=16, **{"models": OPTIONS["models"]}
        )
    with ray_cluster.apart(ray_nodes.address, images.parent, cache):
        said = refused(executor, folder)
    assert "can't do runs" in said
    assert str(images) in said


def test_a_run_that_fits_on_no_node_is_refused(ray_nodes: Any, begun: Path) -> None:
    said = refused(RayExecutor(ray_nodes.address, memory=2**50), begun)
    assert "of memory, and a run needs 1e+06 GiB" in said
    assert "No node of the Ray cluster can do a run" in said
    assert "0 GPUs, and a run needs 0.5" in refused(RayExecutor(ray_nodes.address, gpus=0.5), begun)


def test_a_time_limit_is_planned_with_what_the_cluster_has(ray_nodes: Any, executor: RayExecutor) -> None:
    nodes = [ray_cluster.add_node(ray_nodes, num_cpus=3) for _ in range(2)]
    try:
        options = OPTIONS | {"time_limit": "1h", "dry_run": True, "executor": executor}
        planned = skipwise.compare("digits", **options)
    finally:
        for node in nodes:
            ray_nodes.remove_node(node)
    assert (planned.plan.processes, planned.plan.machines) == (8, 4)
    assert any("planned with 8 runs at a time on 4 machines" in sentence for sentence in planned.noticed)


def test_it_looks_around_also_where_workers_report_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred workers are never silent for as long as a look at the mailbox takes."""
    runs = object.__new__(Runs)
    runs._ends, runs._runs, looks = queue.SimpleQueue(), {"runs/one": None}, []  # type: ignore[dict-item]
    monkeypatch.setattr(runs, "_next_report", lambda: Report(run="runs/ended", number=0, node="1"), raising=False)
    monkeypatch.setattr(runs, "_look_around", lambda: looks.append(1))
    for _ in range(20):
        runs.step()
    assert len(looks) == 20


def test_a_cluster_that_asks_for_a_token_says_so(tmp_path: Path) -> None:
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 32}
    with ray_cluster.started(**secret) as head:
        command = [*COMMAND, "--executor", "ray", "--dry-run", "--output", str(tmp_path / "out")]
        without = run(command, tmp_path, RAY_ADDRESS=head.address)
        assert without.returncode == 2
        assert f"The Ray cluster at {head.address} asks for its token; set RAY_AUTH_MODE=token" in without.stderr
        assert "Traceback" not in without.stderr
        done = run(command, tmp_path, RAY_ADDRESS=head.address, **secret)
        assert done.returncode == 0, done.stderr


def test_an_address_on_the_command_line_and_a_job_of_ray_do(undisturbed: bytes, tmp_path: Path) -> None:
    """Through the Ray Client as another machine would do it, then as `ray job submit` does."""
    with ray_cluster.started() as head:
        command = [*COMMAND, "--executor", f"ray://{head.client}", "--output", str(tmp_path / "client")]
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "client" / "comparison.json").read_bytes() == undisturbed
        words = [*COMMAND, "--executor", "ray", "--output", str(tmp_path / "job")]
        submit = [str(ray_cluster.RAY), "job", "submit", f"--address=http://{head.dashboard}", "--", *words]
        deadline = time.monotonic() + 300
        done = run(submit, tmp_path)
        while "No available agent" in done.stderr and time.monotonic() < deadline:  # Ray's own is still starting
            time.sleep(5)
            done = run(submit, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (tmp_path / "job" / "comparison.json").read_bytes() == undisturbed

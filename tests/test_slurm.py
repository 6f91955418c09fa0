"""Runs as jobs of a real Slurm, which is started here, and broken in every way that can be thought of."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import skipwise
from skipwise import SkipwiseError, SlurmExecutor
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.core.files.folders import LOCK
from skipwise.core.workspace.heartbeat import read_heartbeat
from skipwise.training.folder.names import CHECKPOINT
from tests.clocks import an_hour_ahead
from tests.external_networks import PAUSE
from tests.slurm_cluster import NODES, SlurmCluster, needs_mounts, own_disk

pytestmark = pytest.mark.cluster

NETWORKS = ["tests.external_networks:Unhurried", "tests.external_networks:UnhurriedParts"]
OPTIONS = {"models": NETWORKS, "epochs": 60, "seeds": 3, "img_size": 16, "precision": "fp32"}
SECONDS = 0.05
"""Of a forward pass, of which there are two in an epoch: a run takes six seconds at least, most of which it waits."""
RESULTS = ("comparison.json", "runs/*/predictions.npz", "runs/*/weights.safetensors")


STARTED: list[subprocess.Popen[str]] = []
"""The commands that a test started."""


@pytest.fixture
def whole(slurm: SlurmCluster) -> Iterator[SlurmCluster]:
    """A cluster with both nodes and no jobs; what a test broke is mended afterwards."""
    yield slurm
    for process in STARTED:  # of a test that failed
        if process.poll() is None:
            process.kill()
            process.communicate()
    STARTED.clear()
    slurm.mend()


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of the comparison in this process, without Slurm."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    skipwise.compare(photos, output=folder, executor="in-process", **OPTIONS)
    return results_of(folder)


def results_of(folder: Path) -> dict[str, bytes]:
    """The bytes of the files that are the same, whatever does the runs."""
    paths = sorted(path for pattern in RESULTS for path in folder.glob(pattern))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def leftovers_in(folder: Path) -> list[str]:
    """What only a comparison that is under way has: messages and logs, attempts at runs, saved states, hidden files."""
    found = [*folder.glob("slurm"), *folder.glob(ATTEMPTS), *folder.rglob("resume*"), *folder.rglob(".*")]
    return [str(path.relative_to(folder)) for path in found if path.name != LOCK]


def start(photos: Path, folder: Path, address: str = "slurm://usual?jobs=3&memory=1G") -> subprocess.Popen[str]:
    """The comparison on the command line, as a leader of its own process group."""
    models, options = (
        ",".join(OPTIONS["models"]),
        [f"--{name.replace('_', '-')}" for name in OPTIONS if name != "models"],
    )
    words = [
        word for name, value in zip(options, list(OPTIONS.values())[1:], strict=True) for word in (name, str(value))
    ]
    command = [sys.executable, "-m", "skipwise", "compare", str(photos), "--models", models, *words]
    process = subprocess.Popen(
        [*command, "--output", str(folder), "--executor", address],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {PAUSE: str(SECONDS)},
    )  # fmt: skip
    STARTED.append(process)
    return process


def finish(process: subprocess.Popen[str]) -> str:
    """Waits for a command that has to end well; returns what it said beside its result."""
    _, said = process.communicate(timeout=1800)
    assert process.returncode == 0, said
    return said


def processes_of(folder: Path, module: str) -> list[int]:
    """The processes of jobs for this comparison that run a module."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_bytes().decode(errors="replace")
            if module in command and str(folder) in command:
                found.append(int(path.parent.name))
    return found


def wait_for(ready: Callable[[], object], process: subprocess.Popen[str], seconds: float = 900) -> bool:
    """Waits until something is there, or the command has ended; returns whether it is there."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return True


def training(folder: Path) -> list[int]:
    """The processes that train."""
    return processes_of(folder, "worker_process")


class Saboteur:
    """Breaks things; each method returns whether there was anything to break."""

    def __init__(self, cluster: SlurmCluster, folder: Path, rng: random.Random) -> None:
        self.cluster, self.folder, self.rng = cluster, folder, rng

    def _kill_one(self, module: str) -> bool:
        found = processes_of(self.folder, module)
        with contextlib.suppress(ProcessLookupError):
            if found:
                os.kill(self.rng.choice(found), signal.SIGKILL)
        return bool(found)

    def kill_training(self) -> bool:
        return self._kill_one("worker_process")

    def kill_worker(self) -> bool:
        return self._kill_one("submitit.core._submit")

    def _running(self) -> list[str]:
        said = self.cluster.ask("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%A")
        return said.split()

    def requeue(self) -> bool:
        jobs = self._running()
        return bool(jobs) and self.cluster.ask("scontrol", "requeue", self.rng.choice(jobs)) is not None

    def end_of_time(self) -> bool:
        jobs = self._running()
        if jobs:
            self.cluster.ask("scontrol", "update", f"JobId={self.rng.choice(jobs)}", "TimeLimit=1")
        return bool(jobs)

    def preempt(self) -> bool:
        node = self.rng.choice(NODES)
        there = bool(self._running())
        job = ["--partition=urgent", f"--nodelist={node}", "--exclusive", "--mem=0", "--output=/dev/null"]
        self.cluster.ask("sbatch", *job, "--wrap=sleep 3")
        return there

    def restart_node(self) -> bool:
        node = self.rng.choice(NODES)
        self.cluster.kill(node)
        time.sleep(1)
        self.cluster.start_node(node)
        return True

    def restart_controller(self) -> bool:
        self.cluster.kill("slurmctld")
        time.sleep(3)
        self.cluster.start_controller()
        return True


FAULTS = ("kill_training", "kill_worker", "requeue", "end_of_time", "preempt", "restart_node", "restart_controller")


def test_whatever_happens_to_workers_nodes_and_controller_the_bytes_are_those_of_one_process(
    whole: SlurmCluster, photos: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    folder, rng = tmp_path / "out", random.Random(26)
    faults = [*FAULTS, "kill_worker", "kill_training", "kill_worker"]
    rng.shuffle(faults)
    process = start(photos, folder)
    saboteur, done = Saboteur(whole, folder, rng), []
    for fault in faults:
        if not wait_for(lambda: training(folder), process):
            break
        time.sleep(rng.uniform(0.0, 3.0))
        if getattr(saboteur, fault)():
            done.append(fault)
    finish(process)
    assert results_of(folder) == undisturbed
    assert len(done) >= 6, done
    assert not leftovers_in(folder)


def test_a_worker_that_was_cut_off_and_wakes_up_writes_nothing_beside_its_successor(
    whole: SlurmCluster, photos: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    folder, node = tmp_path / "out", NODES[0]
    process = start(photos, folder, "slurm://usual?jobs=2&memory=1G&cpus=3")  # a job for each node
    assert wait_for(lambda: len(attempts_of(folder)) == 2, process)
    there = whole.processes_on(node)
    (worker,) = (each for each in there if each.pid in attempts_of(folder))
    attempt = attempts_of(folder)[worker.pid]
    for each in there:
        each.suspend()
    try:
        whole.ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=silent")
        # Another worker has begun the same run, and the command has seen that.
        assert wait_for(lambda: not attempt.exists(), process)
        worker.resume()
        deadline = time.monotonic() + 120
        while worker.status() != psutil.STATUS_ZOMBIE:  # whom its parent, which is still stopped, has not buried
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert not attempt.exists()
    finally:
        for each in there:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()
    finish(process)
    assert results_of(folder) == undisturbed
    assert not leftovers_in(folder)


def attempts_of(folder: Path) -> dict[int, Path]:
    """The folders of the attempts that are under way, by the processes that train in them."""
    found = {}
    for attempt in folder.glob(f"{ATTEMPTS}/runs/*/*"):
        heartbeat = read_heartbeat(attempt)
        if heartbeat is not None:
            found[heartbeat[0].pid] = attempt
    return found


def test_a_command_that_is_killed_at_every_phase_goes_on_and_a_second_one_disturbs_nothing(
    whole: SlurmCluster, photos: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    folder, rng = tmp_path / "out", random.Random(1)
    for phase in ("plan.json", "slurm", ATTEMPTS, "runs"):
        process = start(photos, folder)
        assert wait_for((folder / phase).exists, process)
        if phase == ATTEMPTS:  # somebody else gives the same command
            second = start(photos, folder)
            _, said = second.communicate(timeout=300)
            assert second.returncode == 2
            assert "Another Skipwise is working in" in said
            assert whole.ask("squeue", "--noheader", "--array", "--states=RUNNING,PENDING")
        time.sleep(rng.uniform(0, 3))
        process.kill()
        process.communicate()
    finish(start(photos, folder))
    assert results_of(folder) == undisturbed
    assert not leftovers_in(folder)
    assert not whole.ask("squeue", "--noheader")


def test_a_job_that_somebody_cancels_is_not_replaced_and_without_any_the_command_says_so(
    whole: SlurmCluster, photos: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    folder = tmp_path / "out"
    process = start(photos, folder, "slurm://usual?jobs=2&memory=1G")
    assert wait_for(lambda: len(training(folder)) == 2, process)
    array = whole.ask("squeue", "--noheader", "--format=%F").split()[0]
    whole.ask("scancel", f"{array}_0")
    time.sleep(12)  # Slurm is asked every five seconds
    assert process.poll() is None
    assert whole.ask("squeue", "--noheader", "--array", "--states=RUNNING,PENDING", "--format=%F_%K").split() == [
        f"{array}_1"
    ]
    whole.ask("scancel", array)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2, said
    assert "was cancelled" in said
    assert "Traceback" not in said
    finish(start(photos, folder))
    assert results_of(folder) == undisturbed


def test_interrupted_it_lets_the_runs_save_and_leaves_no_job(whole: SlurmCluster, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(photos, folder)
    assert wait_for(lambda: list(folder.glob("runs/*/metrics.jsonl")), process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert not whole.ask("squeue", "--noheader", "--states=RUNNING,PENDING")
    assert list(folder.glob("runs/*/resume.safetensors"))


def test_a_node_whose_own_disk_is_full_does_its_runs_all_the_same(
    whole: SlurmCluster, photos: Path, tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_mounts()
    folder, node, own = tmp_path / "out", NODES[1], tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("SKIPWISE_NODE_CACHE", str(own))
    monkeypatch.setenv("TMPDIR", str(own))
    whole.restart_node(node, mounts=own_disk(own, full=True))
    try:
        finish(start(photos, folder, f"slurm://usual?jobs=2&memory=1G&nodelist={node}"))
    finally:
        whole.restart_node(node)
    assert results_of(folder) == undisturbed
    assert not leftovers_in(folder)


def test_where_the_shared_disk_is_full_it_says_so_and_goes_on_once_there_is_room(
    whole: SlurmCluster, photos: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    needs_mounts()
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", disk], check=True)
    try:
        folder = disk / "out"
        process = start(photos, folder)
        assert wait_for(lambda: list(folder.glob(f"{ATTEMPTS}/runs/*/*/{CHECKPOINT}")), process)
        with contextlib.suppress(OSError), (disk / "full").open("wb") as file:
            while True:
                file.write(bytes(1024))
                file.flush()
        _, said = process.communicate(timeout=300)
        assert process.returncode == 2, said
        assert "the disk is full; free some space and give the same command again" in said
        assert "Traceback" not in said
        assert not whole.ask("squeue", "--noheader", "--states=RUNNING,PENDING")
        (disk / "full").unlink()
        finish(start(photos, folder))
        assert results_of(folder) == undisturbed
        assert not leftovers_in(folder)
    finally:
        whole.mend()
        subprocess.run(["umount", "--lazy", disk], check=True)


ANOTHER_CLOCK = """\
import os, sys
if os.environ.get("SLURMD_NODENAME") == {node!r} and "LD_PRELOAD" not in os.environ:
    os.execve(sys.executable, sys.orig_argv, os.environ | {clock!r})
"""
"""Python reads this when it starts; on one node it begins anew, with another clock."""


def test_a_node_whose_clock_is_an_hour_ahead_changes_nothing(
    whole: SlurmCluster, photos: Path, tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, node, site = tmp_path / "out", NODES[1], tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(ANOTHER_CLOCK.format(node=node, clock=an_hour_ahead(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    process = start(photos, folder, "slurm://usual?jobs=2&memory=1G&cpus=3")  # a job for each node
    assert wait_for(lambda: any(clock_of(attempt) > 3000 for attempt in attempts_of(folder).values()), process)
    for each in whole.processes_on(node):  # what it saved is found by how far it is, not by when that was
        if each.pid in attempts_of(folder):
            each.kill()
    finish(process)
    assert results_of(folder) == undisturbed
    assert not leftovers_in(folder)


def clock_of(attempt: Path) -> float:
    """Seconds by which the clock of whoever trains here is ahead of that of the disk."""
    heartbeat = read_heartbeat(attempt)
    return 0.0 if heartbeat is None else heartbeat[0].now - heartbeat[1]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nowhere", "There is no partition of Slurm called 'nowhere'"),
        ("usual?memory=90G", "No node of Slurm's partition usual has 90G of memory; the largest has 16.6G"),
        ("usual?cpus=64", "has 64 CPUs; the largest has 4"),
        ("usual?gpus=9", "has 9 GPUs; the largest has 4"),
        ("usual?time=2h", "may last 60 minutes at most"),
        ("usual?time=90s", "time of the executor slurm has to be 3 minutes at least"),
        ("usual?time=soon", "write it like 20m, 8h or 1:30:00"),
        ("usual?memory=much", "write it like 16G or 800M"),
        ("usual?cpus=two", "cpus of the executor slurm must be a whole number from 1 on, not 'two'"),
        ("usual?tiem=8h", "did you mean 'time'?"),
        ("usual?time", "is no list of options"),
    ],
)
@pytest.mark.usefixtures("slurm")
def test_what_no_node_has_is_refused_before_anything_is_read(address: str, said: str) -> None:
    with pytest.raises(SkipwiseError) as caught:
        skipwise.compare("nothing-is-here", executor=f"slurm://{address}")
    assert said in str(caught.value)


def test_what_slurm_refuses_is_said_in_a_sentence(whole: SlurmCluster, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match=r"Slurm refuses the jobs .Invalid feature specification."):
        skipwise.compare(photos, output=tmp_path / "out", executor="slurm://usual?constraint=unheard-of", **OPTIONS)
    assert not whole.ask("squeue", "--noheader", "--states=RUNNING,PENDING")


def test_a_folder_that_nodes_do_not_share_is_noticed_before_anything_is_trained(
    whole: SlurmCluster, photos: Path, tmp_path: Path
) -> None:
    needs_mounts()
    folder = tmp_path / "mine" / "out"
    folder.parent.mkdir()
    try:
        for node in NODES:
            whole.restart_node(node, mounts=own_disk(folder.parent))
        process = start(photos, folder)
        _, said = process.communicate(timeout=300)
    finally:
        for node in NODES:
            whole.restart_node(node)
    assert process.returncode == 2
    assert "a file that was just written there is missing" in said
    assert not list(folder.glob("runs/*"))


def test_without_slurm_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SkipwiseError, match="There is no Slurm on this machine"):
        SlurmExecutor()


def test_a_controller_that_is_away_is_named(whole: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    whole.kill("slurmctld")
    monkeypatch.setenv("SLURM_CONF", str(whole.folder / "impatient.conf"))
    text = (whole.folder / "slurm.conf").read_text()
    (whole.folder / "impatient.conf").write_text(text + "MessageTimeout=2\n")
    with pytest.raises(SkipwiseError, match="Slurm does not answer"):
        SlurmExecutor()

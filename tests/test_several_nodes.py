"""One run on two nodes, which torchrun starts again when a process is killed: two agents on this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.training.machine.nodes import same_folder
from tests.processes import children_of

EPOCHS = 120
RESULTS = ("weights.safetensors", "predictions.npz", "metrics.jsonl")


def launch(photos: Path, folder: Path, *, nodes: int, endpoint: str = "") -> list[subprocess.Popen[str]]:
    """An agent of torchrun for each node, or one with two processes."""
    options = ["--width", "0.25", "--precision", "fp32", "--no-compile", "--epochs", str(EPOCHS), "--img-size", "16"]
    command = ["-m", "skipwise", "train", str(photos), *options, "--model", "plain20", "--output", str(folder)]
    together = ["--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", "run", "--local-addr", "127.0.0.1"]
    where = ["--standalone", "--nproc-per-node", "2"]
    if nodes == 2:
        where = ["--nnodes", "1:2", "--nproc-per-node", "1", "--max-restarts", "3", *together]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *where, *command],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for _ in range(nodes)
    ]  # fmt: skip


def results_of(folder: Path) -> list[bytes | list[dict[str, object]]]:
    """The files of a run, without how long its epochs took."""
    lines = [json.loads(line) for line in (folder / RESULTS[2]).read_text().splitlines()]
    return [*((folder / name).read_bytes() for name in RESULTS[:2]), [line | {"seconds": 0} for line in lines]]


def end_all(agents: list[subprocess.Popen[str]]) -> None:
    for agent in agents:
        if agent.poll() is None:
            os.killpg(agent.pid, signal.SIGKILL)
        agent.communicate()


@pytest.mark.guarantee
@pytest.mark.cluster
def test_a_killed_process_is_started_again_and_the_run_comes_to_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    (alone,) = launch(photos, tmp_path / "undisturbed", nodes=1)
    _, said = alone.communicate(timeout=600)
    assert alone.returncode == 0, said
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    folder = tmp_path / "run"
    agents = launch(photos, folder, nodes=2, endpoint=endpoint)
    try:
        killed = []
        for agent in agents:
            before = killed_at(folder)
            wait_for(lambda at=before: killed_at(folder) > at, agents)
            (victim,) = children_of(agent.pid)
            os.kill(int(victim), signal.SIGKILL)
            killed.append(victim)
        said = [agent.communicate(timeout=600)[1] for agent in agents]
        assert [agent.returncode for agent in agents] == [0, 0], said
    finally:
        end_all(agents)
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    assert results_of(folder) == results_of(tmp_path / "undisturbed")
    assert not (folder / ".shared-folder").exists()


def killed_at(folder: Path) -> int:
    """The number of epochs that are done."""
    path = folder / RESULTS[2]
    return len(path.read_text().splitlines()) if path.exists() else 0


def wait_for(ready, agents: list[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + 300
    while not ready():
        assert all(agent.poll() is None for agent in agents), [agent.communicate() for agent in agents]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.cluster
def test_where_a_node_is_lost_the_other_one_goes_on_alone(photos: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    folder = tmp_path / "run"
    agents = launch(photos, folder, nodes=2, endpoint=endpoint)
    try:
        wait_for(lambda: killed_at(folder) > 2, agents)
        # The other one has the place where they meet.
        holder = listening(int(endpoint.rpartition(":")[2]))
        lost = next(agent for agent in agents if agent.pid != holder)
        os.killpg(lost.pid, signal.SIGKILL)
        (left,) = (agent for agent in agents if agent is not lost)
        _, said = left.communicate(timeout=600)
        assert left.returncode == 0, said
    finally:
        end_all(agents)
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    assert killed_at(folder) == EPOCHS


def listening(port: int) -> int:
    """The process that listens at a port."""
    wanted = f":{port:04X}"
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":
                inodes.add(f"socket:[{fields[9]}]")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in inodes:
                return int(link.parts[2])
        except OSError:
            continue
    raise AssertionError(f"nobody listens at {port}")


def test_a_folder_that_another_node_does_not_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skipwise.core.machine.system import describe_machine
    from skipwise.core.workspace import shared_folder

    class Second:
        """The second process of two, on another node, with what the first one says."""

        first, rank, count = False, 1, 2

        def broadcast(self, _: object) -> object:
            return "what the first one wrote", describe_machine()

    monkeypatch.setattr(shared_folder.check_probe, "__kwdefaults__", {"patience": 0.0})
    with (
        pytest.raises(SkipwiseError, match="a file that was just written there is missing"),
        same_folder(Second(), tmp_path),
    ):  # type: ignore[arg-type]
        pass
    (tmp_path / shared_folder.PROBE).write_text("what the first one wrote")
    with same_folder(Second(), tmp_path):  # type: ignore[arg-type]
        pass


def test_again_is_refused_where_torchrun_repeats_the_command(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    with pytest.raises(SkipwiseError, match="each restart by torchrun would begin another run"):
        skipwise.train(photos, output=tmp_path / "run", again=True)

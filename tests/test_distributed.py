"""One run by several processes: the same run, written once, and ended together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from skipwise.training.machine.execution import reproducible
from skipwise.training.machine.joining import joined
from skipwise.training.run.checkpoint import load_checkpoints
from tests.processes import FORKING, children_of
from tests.test_levers import PLAIN, look, make_training


def curve(rank: int, ranks: int, port: int, freeze: bool, pipe: Connection) -> None:
    """Sends the losses of twenty steps that so many processes take together."""
    place = {"RANK": rank, "WORLD_SIZE": ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    recipe = replace(PLAIN, freeze_norms=freeze, epochs=4)
    with joined("cpu") as together:
        training = make_training(recipe, ranks=together)
        sums = []
        with reproducible(training.execution):
            for _ in range(20):
                if training.epoch_is_over:
                    training.close_epoch(look if together.first else None)
                training.step()
                sums.append(training.state.loss)
    # Sums over an epoch of five steps -> losses.
    pipe.send([b - a if index % 5 else b for index, (a, b) in enumerate(pairwise([0.0, *sums]))])


def curves(ranks: int, freeze: bool) -> list[list[float]]:
    """The losses that each of so many processes saw."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pipes = [FORKING.Pipe() for _ in range(ranks)]
    team = [
        FORKING.Process(target=curve, args=(rank, ranks, port, freeze, theirs))
        for rank, (_, theirs) in enumerate(pipes)
    ]
    for process in team:
        process.start()
    assert all(ours.poll(300) for ours, _ in pipes)
    for process in team:
        process.join(300)
    return [ours.recv() for ours, _ in pipes]


def test_twenty_steps_of_two_processes_are_those_of_one_with_norms_frozen_and_about_so_with_live_norms() -> None:
    (alone,) = curves(1, freeze=True)
    first, second = curves(2, freeze=True)
    assert first == second
    assert first == pytest.approx(alone, rel=1e-4)
    live, other = curves(2, freeze=False)
    assert live == other
    (whole,) = curves(1, freeze=False)
    assert live[0] == pytest.approx(whole[0], rel=0.05)  # its norms see the whole batch
    assert live[-5:] != pytest.approx(first[-5:], rel=1e-4)
    assert sum(live[-5:]) < 0.9 * sum(live[:5])


def launch(ranks: int, photos: Path, output: Path, *options: str) -> subprocess.Popen[str]:
    """`skipwise train`, alone or under torchrun, as a leader of its own process group."""
    fixed = ["--width", "0.25", "--precision", "fp32", "--output", str(output)]
    train = ["-m", "skipwise", "train", str(photos), *fixed, *options]
    runner = [sys.executable, *train]
    if ranks > 1:
        runner = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), *train]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        runner, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["train_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_with_norms_frozen_two_processes_have_the_loss_curve_of_one(photos: Path, tmp_path: Path) -> None:
    finish(launch(1, photos, tmp_path / "start", "--epochs", "2"))
    # One batch an epoch, so that an epoch's loss is a step's.
    options = ("--init", str(tmp_path / "start"), "--freeze-norms", "--epochs", "20", "--batch-size", "24")
    for ranks in (1, 2):
        finish(launch(ranks, photos, tmp_path / str(ranks), *options))
    one, two = losses(tmp_path / "1"), losses(tmp_path / "2")
    assert len(one) == 20
    assert two == pytest.approx(one, rel=1e-4)
    assert one[-1] < one[0]


@pytest.mark.slow
def test_with_live_norms_it_learns_and_only_the_first_process_writes_and_prints(photos: Path, tmp_path: Path) -> None:
    out = finish(launch(2, photos, tmp_path / "run", "--epochs", "8"))
    assert out.count("resnet18 is right on") == 1
    found = losses(tmp_path / "run")
    assert len(found) == 8
    assert found[-1] < 0.8 * found[0]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"
    assert not list((tmp_path / "run").glob("resume*"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["rank", "all"])
def test_ended_on_the_way_it_goes_on_with_another_number_of_processes(
    photos: Path, tmp_path: Path, ending: str
) -> None:
    folder = tmp_path / "run"
    options = ("--epochs", "3000")
    process = launch(2, photos, folder, *options)
    while not (folder / "resume.safetensors").exists() and process.poll() is None:
        time.sleep(0.2)
    children = children_of(process.pid)
    before = (folder / "resume.safetensors").stat().st_mtime_ns
    if ending == "all":
        process.send_signal(signal.SIGTERM)
    else:
        os.kill(int(children[-1]), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (folder / "run.json").exists()
    assert "/skipwise/" not in err  # no traceback of ours between torchrun's own
    # A signal to all is a reason to save; where one was killed there is nobody left to agree with.
    assert ((folder / "resume.safetensors").stat().st_mtime_ns > before) is (ending == "all")
    done = next(load_checkpoints(folder / "resume.safetensors"))[1]["state"]["steps"]
    assert done > 0
    written = (folder / "metrics.jsonl").stat().st_mtime_ns
    alone = launch(1, photos, folder, *options, "--resume")
    while (folder / "metrics.jsonl").stat().st_mtime_ns == written and alone.poll() is None:
        time.sleep(0.2)
    alone.send_signal(signal.SIGTERM)
    alone.communicate(timeout=60)
    assert alone.returncode == 143
    assert next(load_checkpoints(folder / "resume.safetensors"))[1]["state"]["steps"] > done

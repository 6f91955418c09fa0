"""Nothing is lost: kills, signals, runs that go astray, damaged and foreign checkpoints."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch

from skipwise.core.errors import SkipwiseError, TrainingFailed
from skipwise.training.folder.files import read_history
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.trainer import Training
from skipwise.training.machine.compiling import has_compiler
from skipwise.training.run import saving
from skipwise.training.run.checkpoint import FORMAT, KIND, load_checkpoints, previous, save_checkpoint
from skipwise.training.run.runner import execute_run
from tests.calling import calls
from tests.processes import FORKING
from tests.run_in_a_child import spec as child_spec
from tests.run_in_a_child import work
from tests.test_training import IMAGES, RECIPE, assert_same_run, make_spec, save_always

MOST_STEPS = 6


@contextmanager
def running(folder: Path, run: RunSpec, *, saving: bool = True) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """A process that does some steps of the run in `folder`; it has made one."""
    ours, theirs = FORKING.Pipe()
    process = FORKING.Process(target=work, args=(folder, run, saving, MOST_STEPS, theirs))
    process.start()
    theirs.close()
    assert ours.poll(300)
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()


def check_kills(folder: Path, kills: int, rng: random.Random, *, compile: bool = False) -> None:
    run = child_spec(epochs=kills * MOST_STEPS // 3 + 1, compile=compile)  # of three steps: never over before
    execute_run(run, IMAGES, folder / "whole")
    reached = set()
    complaints: list[str] = []
    for _ in range(kills):
        with running(folder / "killed", run) as (process, pipe):
            times = [time.monotonic()]
            for _ in range(rng.randrange(2, MOST_STEPS)):
                pipe.recv()
                times.append(time.monotonic())
            # At any moment of a step, whatever it takes here.
            time.sleep(rng.random() * min(b - a for a, b in pairwise(times)))
            process.kill()
        found = list(load_checkpoints(folder / "killed" / "resume.safetensors", complaints.append))
        reached.update(state["state"]["steps"] for _, state in found[:1])
    assert not complaints
    assert len(reached) == kills  # each time it got further
    assert not (folder / "killed" / "run.json").exists()
    execute_run(run, IMAGES, folder / "killed")
    assert_same_run(folder / "whole", folder / "killed")
    assert not list((folder / "killed").glob(".*.tmp"))


def test_killed_again_and_again_every_checkpoint_is_whole_and_the_bits_are_the_same(tmp_path: Path) -> None:
    check_kills(tmp_path, 5, random.Random(0))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_fifty_random_moments(tmp_path: Path, seed: int) -> None:
    check_kills(tmp_path, 50, random.Random(seed))


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler on this machine")
def test_killed_while_compiled(tmp_path: Path) -> None:
    """Every process compiles anew, or finds what an earlier one compiled."""
    check_kills(tmp_path, 8, random.Random(3), compile=True)


@pytest.mark.parametrize(
    ("number", "repeats"), [(signal.SIGTERM, 2), pytest.param(signal.SIGINT, 1, marks=pytest.mark.slow)]
)
def test_a_signal_saves_at_once_and_no_step_is_done_twice(tmp_path: Path, number: signal.Signals, repeats: int) -> None:
    execute_run(child_spec(), IMAGES, tmp_path / "whole")
    folder, done = tmp_path / "stopped", 0
    for _ in range(3):
        with running(folder, child_spec(), saving=False) as (process, pipe):
            first = pipe.recv()
            assert first == done + 1
            for _ in range(repeats):  # torchrun, systemd and terminals each send one of their own
                os.kill(process.pid, number)
            process.join(300)
            assert process.exitcode not in (0, None)
            done = first
            while pipe.poll():
                try:
                    done = pipe.recv()
                except EOFError:
                    break
        state = next(load_checkpoints(folder / "resume.safetensors"))[1]["state"]
        assert done <= state["steps"] <= done + 1  # the step it was in is finished first
        done = state["steps"]
    execute_run(child_spec(), IMAGES, folder)
    assert_same_run(tmp_path / "whole", folder)


def go_astray(monkeypatch: pytest.MonkeyPatch, *, at: int, until_cuts: int) -> None:
    """Makes every run go astray at a step until its rate was cut so often."""
    step = Training.step

    def astray(self: Training) -> None:
        if self.state.steps >= at and len(self.state.lr_cuts) < until_cuts:
            raise TrainingFailed("the loss became nan")
        step(self)

    monkeypatch.setattr(Training, "step", astray)


def test_a_run_that_goes_astray_goes_on_from_its_last_good_state_at_half_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_always(monkeypatch)
    whole = execute_run(make_spec(), IMAGES, tmp_path / "whole")
    go_astray(monkeypatch, at=7, until_cuts=2)
    notices: list[str] = []
    record = execute_run(make_spec(), IMAGES, tmp_path, retries=3, notice=notices.append)
    assert record.status == "finished"
    assert record.lr_cuts == (7, 7)
    assert "from step 7 at half the learning rate: the loss became nan" in notices[0]
    assert "from step 6 " in notices[1]  # the newest state led astray at once, so it is not trusted again
    rates = [epoch.learning_rate for epoch in read_history(tmp_path)]
    assert whole.lr_cuts == ()
    full = [epoch.learning_rate for epoch in read_history(tmp_path / "whole")]
    assert rates[-1] == pytest.approx(full[-1] / 4)
    assert rates[0] == full[0]


def test_a_state_that_diverged_at_once_is_never_gone_back_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_always(monkeypatch)
    go_astray(monkeypatch, at=7, until_cuts=3)
    notices: list[str] = []
    record = execute_run(make_spec(), IMAGES, tmp_path, retries=3, notice=notices.append)
    assert record.lr_cuts == (7, 7, 7)
    assert [notice.partition(" from ")[2].partition(" at ")[0] for notice in notices] == [
        "step 7",
        "step 6",
        "the beginning",
    ]


@pytest.mark.parametrize(("at", "where"), [(7, "from step 7"), (0, "from the beginning")])
def test_a_cut_holds_over_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, where: str) -> None:
    save_always(monkeypatch)
    go_astray(monkeypatch, at=at, until_cuts=1)

    def killed(notice: str) -> None:
        assert where in notice
        raise SkipwiseError("killed")

    with pytest.raises(SkipwiseError, match="killed"):
        execute_run(make_spec(), IMAGES, tmp_path, retries=3, notice=killed)
    assert execute_run(make_spec(), IMAGES, tmp_path, retries=3).lr_cuts == (at,)


def test_what_is_wrong_with_the_machine_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Training.step
    troubles = [OSError("the network share is gone"), MemoryError(), torch.OutOfMemoryError("CUDA out of memory")]
    save_always(monkeypatch)

    def troubled(self: Training) -> None:
        if self.state.steps == 5 and troubles:
            raise troubles.pop(0)
        step(self)

    monkeypatch.setattr(Training, "step", troubled)
    for expected in (OSError, SkipwiseError, SkipwiseError):
        with pytest.raises(expected):
            execute_run(make_spec(), IMAGES, tmp_path)
        assert (tmp_path / "resume.safetensors").exists()
        assert not (tmp_path / "run.json").exists()
    assert execute_run(make_spec(), IMAGES, tmp_path).status == "finished"


def test_without_a_checkpoint_it_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_astray(monkeypatch, at=2, until_cuts=1)
    notices: list[str] = []
    assert execute_run(make_spec(), IMAGES, tmp_path, retries=3, notice=notices.append).lr_cuts == (2,)
    assert "from the beginning at half" in notices[0]


def test_it_is_given_up_after_so_many_tries_and_in_a_comparison_at_once(tmp_path: Path) -> None:
    spec = make_spec(recipe=replace(RECIPE, lr=1e12))
    notices: list[str] = []
    failed = execute_run(spec, IMAGES, tmp_path / "train", retries=3, notice=notices.append)
    assert failed.status == "failed"
    assert "in epoch 1, step" in failed.reason
    assert "4 times" in failed.reason
    assert len(notices) == 3
    compared = execute_run(spec, IMAGES, tmp_path / "compare", notice=notices.append)
    assert compared.status == "failed"
    assert len(notices) == 3


def test_an_exploding_loss_is_found_before_it_is_no_number(tmp_path: Path) -> None:
    record = execute_run(make_spec(recipe=replace(RECIPE, lr=300.0)), IMAGES, tmp_path)
    assert record.status == "failed"
    assert "nan" not in record.reason
    assert "step 2" in record.reason or "step 3" in record.reason


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_always(monkeypatch)
    step = Training.step
    saved: list[dict[str, torch.Tensor]] = []

    def poisoned(self: Training) -> None:
        step(self)
        if self.state.steps == 5:
            with torch.no_grad():
                next(self.network.parameters()).fill_(math.nan)

    def save(path: Path, tensors: dict[str, torch.Tensor], state: object, **options: object) -> None:
        saved.append({name: tensor.clone() for name, tensor in tensors.items()})
        save_checkpoint(path, tensors, state, **options)

    monkeypatch.setattr(Training, "step", poisoned)
    monkeypatch.setattr(saving, "save_checkpoint", save)
    assert execute_run(make_spec(), IMAGES, tmp_path).status == "failed"
    assert len(saved) == 5  # after steps 1, 2, 3, the epoch's end, 4
    assert all(tensor.isfinite().all() for tensors in saved for tensor in tensors.values())


@pytest.mark.parametrize(("format", "age"), [(FORMAT + 1, "a newer"), (FORMAT - 1, "an older")])
def test_a_checkpoint_of_another_skipwise_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: int, age: str
) -> None:
    interrupted(tmp_path, monkeypatch)
    path = tmp_path / "resume.safetensors"
    other = path.read_bytes().replace(f"{KIND}{FORMAT}".encode(), f"{KIND}{format}".encode())
    path.write_bytes(other)
    with pytest.raises(SkipwiseError, match=rf"resume\.safetensors was written by {age} Skipwise"):
        execute_run(make_spec(), IMAGES, tmp_path)
    assert path.read_bytes() == other
    assert previous(path).exists()


def test_a_checkpoint_that_can_not_be_opened_is_not_taken_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tmp_path, monkeypatch)
    path = tmp_path / "resume.safetensors"
    content = path.read_bytes()
    path.unlink()
    path.mkdir()  # something is there, and nobody can open it
    with pytest.raises(SkipwiseError, match=r"resume\.safetensors can't be read"):
        execute_run(make_spec(), IMAGES, tmp_path)
    assert previous(path).exists()
    path.rmdir()
    path.write_bytes(content)
    assert execute_run(make_spec(), IMAGES, tmp_path).status == "finished"


def test_a_damaged_checkpoint_is_said_and_the_one_before_it_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tmp_path / "a", monkeypatch)
    path = tmp_path / "a" / "resume.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    notices: list[str] = []
    steps: list[int] = []
    execute_run(
        make_spec(), IMAGES, tmp_path / "a", calls(on_step=lambda at: steps.append(at.steps)), notice=notices.append
    )
    assert notices == [f"{path} is damaged and is not used."]
    assert steps[0] > 1
    execute_run(make_spec(), IMAGES, tmp_path / "whole")
    assert_same_run(tmp_path / "a", tmp_path / "whole")


def test_a_damaged_checkpoint_does_not_take_the_place_of_the_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tmp_path, monkeypatch)
    path = tmp_path / "resume.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    whole = previous(path).read_bytes()

    def stopped(_: object) -> None:
        raise KeyboardInterrupt  # saves once

    with pytest.raises(KeyboardInterrupt):
        execute_run(make_spec(), IMAGES, tmp_path, calls(on_step=stopped))
    assert previous(path).read_bytes() == whole
    assert len(list(load_checkpoints(path))) == 2


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed in its fifth step."""

    def save(*arguments: object, **options: object) -> None:
        save_checkpoint(*arguments, **options)
        saves.append(1)
        if len(saves) == 6:
            raise SkipwiseError("killed")

    saves: list[int] = []
    with monkeypatch.context() as patch:
        save_always(patch)
        patch.setattr(saving, "save_checkpoint", save)
        with pytest.raises(SkipwiseError, match="killed"):
            execute_run(make_spec(), IMAGES, folder)


@pytest.mark.slow
def test_a_full_or_read_only_disk_is_a_sentence_and_the_last_good_state_stays(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    out = tmp_path / "disk" / "out"
    train = f"{sys.executable} -m skipwise train {photos} --width 0.25 --epochs 150 --recipe reference --output {out}"
    command = f"""
        mount -t tmpfs -o size=64m tmpfs {out.parent} || exit 77
        {train} &
        while [ ! -s {out}/metrics.jsonl ]; do sleep 0.2; done
        kill -TERM $!
        wait $!
        echo "first $?"
        sha256sum {out}/resume.safetensors
        head -c 100m /dev/zero > {out.parent}/filler
        {train}
        echo "full $?"
        find {out} -name '*.tmp'
        rm {out.parent}/filler
        mount -o remount,ro {out.parent}
        {train}
        echo "read-only $?"
        sha256sum {out}/resume.safetensors
        mount -o remount,rw {out.parent}
        {train} --resume
        echo "last $?"
    """
    result = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command], capture_output=True, text=True, timeout=500
    )
    if result.returncode == 77 or "unshare failed" in result.stderr:
        pytest.skip("this machine lets nobody mount a file system")
    assert "first 143" in result.stdout, result.stderr
    assert "full 2" in result.stdout, result.stderr
    assert "read-only 2" in result.stdout, result.stderr
    assert "last 0" in result.stdout, result.stderr
    assert "the disk is full; free some space and give the same command again." in result.stderr
    assert "the file system is read-only; choose another folder with --output." in result.stderr
    assert "Traceback" not in result.stderr
    assert ".tmp" not in result.stdout
    before, after = (line for line in result.stdout.splitlines() if line.endswith("resume.safetensors"))
    assert before == after

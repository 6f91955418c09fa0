"""Attempts at a run: no two workers write into one folder, and nothing that was saved is trained again."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

import skipwise
from skipwise import Epoch, InProcess
from skipwise.comparison.executors.attempts import attempts_at, begin_attempt, forget, gather, take
from skipwise.comparison.executors.worker import Worker
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.files.checksums import read_sealed
from skipwise.training.callbacks import RunEnd
from skipwise.training.folder.names import CHECKPOINT, RECORD, VARIANTS
from skipwise.training.folder.record import find_run
from skipwise.training.folder.saved_state import saved_steps

LINEAR = "tests.external_networks:Linear"


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """The same, to be worked in."""
    return Path(shutil.copytree(begun, tmp_path / "out"))


@pytest.fixture
def worker(folder: Path) -> Iterator[Worker]:
    made = Worker(folder)
    yield made
    made.close()


@pytest.fixture
def job(folder: Path) -> Job:
    """A run of twelve epochs."""
    job = read_sealed(folder / COMPARISONS.plan_file, Plan).jobs(LINEAR, 0)[0]
    return replace(job, spec=replace(job.spec, recipe=replace(job.spec.recipe, epochs=12)))


def do(worker: Worker, job: Job, attempt: Path, *, until: int = 99) -> list[int]:
    """Does a run up to the end of an epoch, and stops it, which saves its state; returns the epochs that were done."""
    events, done = worker.events(job, attempt), list[int]()
    for event in events:
        if isinstance(event, Epoch):
            done.append(event.epoch)
            if event.epoch == until:
                events.close()
    return done


def test_an_attempt_goes_on_from_the_newest_state_of_any_other(folder: Path, worker: Worker, job: Job) -> None:
    first, second = begin_attempt(folder, job.folder), begin_attempt(folder, job.folder)
    assert first != second
    assert do(worker, job, first, until=3) == [1, 2, 3]
    assert do(worker, job, second, until=5) == [1, 2, 3, 4, 5]
    third = begin_attempt(folder, job.folder)
    assert saved_steps(third / CHECKPOINT) == saved_steps(second / CHECKPOINT) > saved_steps(first / CHECKPOINT) > 0
    assert do(worker, job, third) == [6, 7, 8, 9, 10, 11, 12]
    assert not (folder / job.folder).exists()  # only the command writes there
    take(folder, job.folder, third)
    forget(folder, job.folder)
    assert find_run(job.spec, folder / job.folder) is not None
    assert not attempts_at(folder, job.folder)


def test_a_worker_that_was_given_up_writes_nothing_any_more(folder: Path, worker: Worker, job: Job) -> None:
    slow, quick = begin_attempt(folder, job.folder), begin_attempt(folder, job.folder)
    late = worker.events(job, slow)
    assert any(isinstance(event, Epoch) for event in late)
    do(worker, job, quick)
    take(folder, job.folder, quick)
    forget(folder, job.folder)
    place = folder / job.folder
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with pytest.raises(skipwise.SkipwiseError):
        list(late)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert not attempts_at(folder, job.folder)


def test_what_dead_workers_left_is_found_by_any_executor(folder: Path, worker: Worker, job: Job) -> None:
    other = read_sealed(folder / COMPARISONS.plan_file, Plan).jobs(LINEAR, 1)[0]
    first, second = begin_attempt(folder, job.folder), begin_attempt(folder, job.folder)
    do(worker, job, first, until=4)
    do(worker, job, second, until=2)
    do(worker, other, begin_attempt(folder, other.folder))  # it ended, and nobody was told
    gather(folder)
    assert not (folder / ATTEMPTS).exists()
    ended = find_run(other.spec, folder / other.folder)
    assert ended is not None
    assert ended.status == "finished"
    left = [event.epoch for event in worker.events(job) if isinstance(event, Epoch)]
    assert left == [5, 6, 7, 8, 9, 10, 11, 12]
    gather(folder)  # with nothing to gather


@pytest.mark.parametrize("ended", [False, True])
def test_a_copy_that_is_cut_off_is_taken_for_nothing(
    folder: Path, worker: Worker, job: Job, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin_attempt(folder, job.folder)
    do(worker, job, whole, until=99 if ended else 5)
    copied = shutil.copyfileobj
    for number in range(len(list(whole.iterdir()))):
        room = iter(range(number))  # for so many files

        def copy(source: IO[bytes], target: IO[bytes], room: Iterator[int] = room) -> None:
            if next(room, None) is None:
                raise OSError(errno.ENOSPC, "no space is left")
            copied(source, target)

        before = set(attempts_at(folder, job.folder))
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "copyfileobj", copy)
            with pytest.raises(skipwise.SkipwiseError, match="the disk is full"):
                begin_attempt(folder, job.folder)
        (cut_off,) = set(attempts_at(folder, job.folder)) - before
        assert saved_steps(cut_off / CHECKPOINT) == -1
        assert not (cut_off / RECORD).exists()
    after = begin_attempt(folder, job.folder)
    assert {path.name: path.read_bytes() for path in after.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }


def test_all_attempts_but_one_are_forgotten(folder: Path, worker: Worker, job: Job) -> None:
    late, stays = begin_attempt(folder, job.folder), begin_attempt(folder, job.folder)
    events = worker.events(job, late)
    assert any(isinstance(event, Epoch) for event in events)
    forget(folder, job.folder, but=stays.name)
    with pytest.raises(skipwise.SkipwiseError):
        list(events)
    assert attempts_at(folder, job.folder) == [stays]


def test_an_attempt_at_a_run_that_has_ended_is_its_copy(folder: Path, worker: Worker, job: Job) -> None:
    do(worker, job, begin_attempt(folder, job.folder))
    gather(folder)
    again = begin_attempt(folder, job.folder)
    (end,) = worker.events(job, again)
    assert isinstance(end, RunEnd)
    take(folder, job.folder, again)
    assert find_run(job.spec, folder / job.folder) == end.record


class Heard(skipwise.Callback):
    """Writes down which runs are trained."""

    def __init__(self) -> None:
        self.runs: set[str] = set()

    def on_epoch(self, epoch: Epoch) -> None:
        self.runs.add(epoch.run)


@pytest.mark.slow
def test_a_comparison_goes_on_with_what_attempts_left_on_a_cluster(photos: Path, folder: Path, worker: Worker) -> None:
    plan, heard = read_sealed(folder / COMPARISONS.plan_file, Plan), Heard()
    first, second = (plan.jobs(LINEAR, seed)[0] for seed in (0, 1))
    do(worker, second, begin_attempt(folder, second.folder))
    options: dict[str, Any] = {"models": plan.question.candidates, "epochs": 3, "seeds": 2, "img_size": 16}
    skipwise.compare(photos, output=folder, executor=InProcess(), callbacks=[heard], precision="fp32", **options)
    assert first.folder in heard.runs
    assert second.folder not in heard.runs
    assert not (folder / ATTEMPTS).exists()


def test_an_attempt_that_is_being_removed_is_none(folder: Path, worker: Worker, job: Job) -> None:
    whole = begin_attempt(folder, job.folder)
    do(worker, job, whole)
    # As a command leaves it that is killed while it removes an attempt: the record is there, and the weights are gone.
    removed = whole.with_name("0-removed")
    shutil.copytree(whole, removed)
    (removed / "weights.safetensors").unlink()
    assert attempts_at(folder, job.folder) == [whole]
    gather(folder)
    assert find_run(job.spec, folder / job.folder) is not None
    assert not (folder / ATTEMPTS).exists()


def test_an_attempt_has_the_answers_to_variants_that_another_gave(folder: Path, worker: Worker, job: Job) -> None:
    first = begin_attempt(folder, job.folder)
    do(worker, job, first)
    (first / VARIANTS).mkdir()
    for name in ("corrupted.json", "corrupted.npz"):
        (first / VARIANTS / name).write_bytes(name.encode())
    second = begin_attempt(folder, job.folder)
    assert {path.name: path.read_bytes() for path in (second / VARIANTS).iterdir()} == {
        name: name.encode() for name in ("corrupted.json", "corrupted.npz")
    }

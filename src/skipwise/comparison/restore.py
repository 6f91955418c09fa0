"""The verb `restore`: trains a run of a comparison again whose weights were dropped, to the same bytes."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from skipwise.comparison.options import RestoreOptions
from skipwise.comparison.plan.layout import PLAN
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.errors import SkipwiseError, require
from skipwise.core.files.checksums import KEY, read_sealed, sha256
from skipwise.core.files.folders import make_folder
from skipwise.core.files.json_records import read_json
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import explained
from skipwise.core.files.paths import user_path
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.data.location import recall
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.splits import SPLIT_SEED
from skipwise.data.store.packed import pack
from skipwise.nets.external import Trust, check_trusted
from skipwise.training.callbacks import Callback, Callbacks, Phase, RunEnd, Start, with_callbacks
from skipwise.training.folder.dropped import DROPPED
from skipwise.training.folder.names import PREDICTIONS, RECORD, WEIGHTS
from skipwise.training.folder.record import RunRecord, read_run
from skipwise.training.weights.starting_weights import find_start, published_start

if TYPE_CHECKING:
    from skipwise.comparison.executors.executor import Executor

WORK = ".restore"
"""The folder in the comparison's in which the run is done; the same command goes on with what is in it."""


@dataclass(frozen=True, kw_only=True)
class Restored(Shown):
    """A run that has its weights.

    Args:
        folder: of the run.
        repeated: whether they were there, and nothing was trained.
    """

    folder: Path
    repeated: bool


@takes(RestoreOptions)
def restore(
    run: str | os.PathLike[str],
    *,
    options: RestoreOptions,
    trust: Trust = False,
    callbacks: Sequence[Callback] = (),
    executor: Executor | None = None,
) -> Restored:
    """Trains a run of a comparison again whose weights were dropped, and puts them back if they are the same bytes.

    The same call again goes on where it was stopped.

    Args:
        run: the folder of the run.
        trust: whether a network of your own, whose code only the run's record names, may run; or its name. The default
            is False.
        callbacks: called while it is trained, see `skipwise.Callback`; none by default.
        executor: does the run, see `skipwise.Executor`; None (default) is `skipwise.LocalProcesses()`.

    Returns:
        The run's folder, and whether there was nothing to do.

    Raises:
        SkipwiseError: there is no finished run of a comparison in the folder, its images or the weights that it started
            from are not there any more, another process works there, or other bytes came out, as they may on another
            machine.

    Example:
        >>> import skipwise
        >>> try:
        ...     skipwise.restore("runs/train/images")
        ... except skipwise.SkipwiseError as error:
        ...     print(error)
        runs/train/images is no run of a comparison that has ended; give a folder such as runs/...
        >>> skipwise.restore("runs/compare/images/runs/resnet18-s0").repeated  # doctest: +SKIP
        False
    """
    folder = user_path(run)
    record = _finished(folder)
    if (folder / WEIGHTS).is_file():
        read_run(folder, WEIGHTS)
        if (folder / DROPPED).exists():
            # Of a drop that was killed; one that goes on has the lock.
            with locked(folder.absolute().parent.parent):
                if (folder / WEIGHTS).is_file():
                    (folder / DROPPED).unlink(missing_ok=True)
    if (folder / WEIGHTS).is_file():
        return Restored(folder=folder, repeated=True)
    home = folder.absolute().parent.parent
    plan = read_sealed(home / PLAN, Plan)
    check_trusted(record.spec.model, trust, folder)
    wanted = _checksums(folder)
    require("torch", extra="train")
    watch = Callbacks(callbacks)
    starting = _starting_weights(record, options.init)
    request = _request(home, options.images)
    prepared = prepare(request, seed=SPLIT_SEED, progress=watch.on_prepare, notice=lambda _: None)
    if prepared.fingerprint != record.spec.fingerprint:
        raise SkipwiseError(
            f"The images in {request.data} are not those that {folder} was trained on, or they changed; name the place "
            "of those with --images."
        )
    job = Job(spec=record.spec, folder=folder.absolute().relative_to(home).as_posix())

    def work() -> None:
        with _worked_in(home) as place:
            _write(place, plan, prepared, request, starting, watch)
            _train(place, job, executor, watch)
            _check_same(place / job.folder, wanted, record)
            with explained(folder / WEIGHTS):
                (place / job.folder / WEIGHTS).replace(folder / WEIGHTS)
            (folder / DROPPED).unlink(missing_ok=True)

    with locked(home):
        with_callbacks(watch, Start(folder=home, plan=plan), work)
    return Restored(folder=folder, repeated=False)


def _finished(folder: Path) -> RunRecord:
    """The record of a finished run of a comparison.

    Raises:
        SkipwiseError: the folder holds none.
    """
    if not (folder / RECORD).is_file() or not (folder.absolute().parent.parent / PLAN).is_file():
        raise SkipwiseError(
            f"{folder} is no run of a comparison that has ended; give a folder such as "
            "runs/compare/NAME/runs/resnet18-s0."
        )
    record = read_run(folder)
    if record.status != "finished":
        raise SkipwiseError(f"The run in {folder} failed ({record.reason}), so it never had weights.")
    return record


def _checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 that the run's weights and answers had.

    Raises:
        SkipwiseError: the record has none.
    """
    found = read_json(folder / RECORD, dict[str, Any]).get(KEY, {})
    if not {WEIGHTS, PREDICTIONS} <= found.keys():
        raise SkipwiseError(
            f"{folder / RECORD} has no checksum of weights, as earlier versions wrote none; nobody can tell whether "
            "the same came out; train that network anew."
        )
    return {name: found[name] for name in (WEIGHTS, PREDICTIONS)}


def _starting_weights(record: RunRecord, named: str | None) -> dict[str, Path]:
    """The file of weights that the run started from, by its SHA-256; {} where it started from scratch.

    Raises:
        SkipwiseError: it is not there.
    """
    wanted, model = record.spec.init, record.spec.model
    if wanted is None:
        return {}
    if named is not None:
        found = find_start(named)
    else:
        try:
            found = published_start(model)
        except SkipwiseError as error:
            raise SkipwiseError(f"{model} started from weights of your own; name their file or run with --init.") from (
                error
            )
    if found.start.sha256 != wanted:
        which = "The published weights are" if named is None else f"{named} is"
        raise SkipwiseError(f"{which} not what {model} started from; name that file or run with --init.")
    return {wanted: found.file}


def _request(home: Path, images: str | None) -> Request:
    """The comparison's images, with the split that they had.

    Raises:
        SkipwiseError: nobody knows where they are.
    """
    request = recall(home)
    if request is None:
        raise SkipwiseError(f"{home} does not say where its images are, as earlier versions did not; train anew.")
    if images is not None:
        request = replace(request, data=images)
    if request.split is not None and not Path(request.split).exists():  # what came of it is here
        request = replace(request, split=str(home / "split.csv"), exclude=None)
    return replace(request, strict=False)


@contextlib.contextmanager
def _worked_in(home: Path) -> Iterator[Path]:
    """The folder in which the run is done. It stays where that is stopped, so that the same command goes on."""
    place = home / WORK
    make_folder(place)
    try:
        yield place
    except _OtherBytesError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise SkipwiseError(str(error)) from None
    shutil.rmtree(place, ignore_errors=True)


def _write(
    place: Path, plan: Plan, prepared: Prepared, request: Request, starting: dict[str, Path], watch: Callback
) -> None:
    """Writes what a worker needs."""
    from skipwise.comparison.run.images import StoredWeights, store_images  # which need what training needs
    from skipwise.core.files.checksums import write_sealed

    # What else was asked of the answers is in the run's folder already.
    question = replace(plan.question, outcome="accuracy", further_outcomes=UNSET)
    asked = replace(plan, question=question, processes=1)
    COMPARISONS.begin(place, asked)
    packed = pack(prepared.source, prepared.scan, PixelFormat.from_preprocessing(plan.preprocessing), watch.on_prepare)
    store_images(place, asked, prepared, request, packed)
    if starting:
        paths = {digest: str(path.absolute()) for digest, path in starting.items()}
        write_sealed(place / "weights.json", StoredWeights(paths=paths))


def _train(place: Path, job: Job, executor: Executor | None, watch: Callback) -> None:
    from skipwise.comparison.executors.local import LocalProcesses

    watch.on_phase(Phase(name="Training again", runs=(job,)))
    with contextlib.closing(executor or LocalProcesses()) as does:
        does.open(place, processes=1, threads=job.spec.execution.threads)
        does.submit(job)
        for event in does.events():
            if not isinstance(event, RunEnd):
                watch.on_epoch(event)
            elif event.record.status == "failed":
                raise SkipwiseError(f"The run could not be trained again: {event.record.reason}.")
            else:
                watch.on_run_end(event)


class _OtherBytesError(Exception):
    """The weights that were trained again are not those that were dropped."""


def _check_same(trained: Path, wanted: dict[str, str], record: RunRecord) -> None:
    for name, digest in wanted.items():
        if sha256(trained / name) != digest:
            there, here = record.machine, read_run(trained).machine
            apart = [
                f"{what} {before} there and {now} here"
                for what, before, now in (
                    ("the processor is", there.processor, here.processor),
                    ("torch is", there.versions.get("torch"), here.versions.get("torch")),
                )
                if before != now
            ]
            reason = f" ({', '.join(apart)})" if apart else ""
            raise _OtherBytesError(
                f"Other {'weights' if name == WEIGHTS else 'answers'} came out than {record.spec.model} with seed "
                f"{record.spec.seed} had{reason}, so nothing was changed; train it where it was trained, or compare "
                "anew."
            )

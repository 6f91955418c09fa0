"""The verb `train`: one network on one's own images, from the images to a run folder."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from msgspec import UnsetType

from skipwise.core.deprecation import earlier_name
from skipwise.core.errors import SkipwiseError, require
from skipwise.core.files.atomic import clear_leftovers, write_text
from skipwise.core.files.paths import output_path
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.core.workspace.task import Place, Task
from skipwise.core.workspace.workspace import check_again, check_begun
from skipwise.data.images import Images
from skipwise.data.location import remember
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.splits import SPLIT_SEED, save_split
from skipwise.training.callbacks import Callback, Callbacks, RunEnd, Start, with_callbacks
from skipwise.training.depth.norms import DepthNorms, asked_epochs, read_depth_norms
from skipwise.training.folder.files import remove_checkpoint
from skipwise.training.folder.names import CHECKPOINT, RECORD
from skipwise.training.folder.record import Job, RunRecord, find_run, read_run
from skipwise.training.machine.execution import check_precision, check_unchanged, choose_device, is_unchanged
from skipwise.training.machine.faults import in_short
from skipwise.training.machine.joining import joined
from skipwise.training.machine.nodes import check_restarts, same_folder
from skipwise.training.machine.ranks import Ranks
from skipwise.training.observer import Observed, TrainObserver
from skipwise.training.options import MachineOptions, TrainOptions
from skipwise.training.planning.draft import check_shared, choose_start, draft_plan, request_of
from skipwise.training.planning.plan import RUNS, RunPlan
from skipwise.training.trackers import trackers_of
from skipwise.training.tuning.of_run import tune_run
from skipwise.training.weights.starting_weights import Found

RETRIES = 3


@dataclass(frozen=True, kw_only=True)
class Trained(Shown):
    """A run that has ended.

    Args:
        folder: where it is.
        plan: what was fixed before it began.
        record: what came of it.
        repeated: whether it had ended before, and nothing was done now.

    Example:
        >>> import skipwise
        >>> run = skipwise.train("digits")  # doctest: +SKIP
        >>> run.record.test.accuracy, run.folder / "weights.safetensors"  # doctest: +SKIP
    """

    folder: Path
    plan: RunPlan
    record: RunRecord
    repeated: bool

    terms = earlier_name("plan", "terms")


@takes(TrainOptions)
def train(
    data: str | os.PathLike[str],
    *,
    options: TrainOptions,
    callbacks: Sequence[Callback] = (),
    observer: TrainObserver | None = None,
    began: float | None = None,
) -> Trained:
    """Trains one network with one seed. The same call again continues an unfinished run, or shows a finished one.

    Under torchrun its processes do the run together.

    Args:
        data: the name of a data set, or the path of a folder with one sub-folder per class, an archive of one, or a
            table of paths and labels.
        callbacks: called while the run is going on, see `skipwise.Callback`; none by default.
        observer: deprecated; use `callbacks`.
        began: the time on time.monotonic() from which the time limit counts, in seconds; None (default) is now.

    Returns:
        The run: its folder, its plan and its record, with the metrics on the test images in `record.test`.

    Raises:
        SkipwiseError: the images can't be found or can't be trained on; there is no such network, or an option is out
            of range; weights do not fit; the folder for the results holds something else, or another process works in
            it; the loss diverged however often the run was resumed; the disk or the memory is full; or a callback
            failed. What was saved is kept, and the same call resumes the run.
        TypeError: there is no such argument.

    Example:
        >>> import skipwise
        >>> run = skipwise.train("digits", model="resnet20", width=0.5, epochs=2)
        >>> run.record.status, run.record.test.accuracy > 0.1
        ('finished', True)
        >>> skipwise.train("digits", model="resnet20", width=0.5, epochs=2).repeated
        True
    """
    precision, compile, pack = options.machine.precision, options.machine.compile, options.machine.pack
    began = time.monotonic() if began is None else began
    if observer is not None:
        warnings.warn("`observer` is now `callbacks`.", DeprecationWarning, stacklevel=3)
        callbacks = [*callbacks, Observed(observer)]
    trackers = trackers_of(options.tracking.track)
    called = Callbacks([*callbacks, *trackers, *([DepthNorms()] if options.run.depth_norms else [])])
    check_precision(precision)
    check_again(again=options.folder.again, resume=options.folder.resume)
    check_restarts(again=options.folder.again)
    asked = request_of(options)
    request = Request.of(data, options.images, options.reading)
    require("torch", extra="train")
    named = None if options.folder.output is None else output_path(options.folder.output)
    check_begun(RUNS, named, resume=options.folder.resume)
    asked = replace(asked, device=choose_device(asked.device))
    with contextlib.ExitStack() as stack:
        ranks = stack.enter_context(joined(asked.device))
        watch = called if ranks.first else Callbacks(())
        with ranks.in_turn():
            stack.enter_context(RUNS.reading(named))
            prepared = prepare(request, seed=SPLIT_SEED, packed=pack, progress=watch.on_prepare, notice=watch.on_notice)
            asked = choose_start(asked, prepared, watch.on_notice)
            draft = draft_plan(asked, prepared, watch.on_notice)
            check_shared(draft.spec.recipe, draft.tuning, ranks)
            task = Task(
                workspace=RUNS,
                plan=draft,
                name=draft.data,
                output=named,
                again=options.folder.again,
                resume=options.folder.resume,
                acceptable=lambda stored: is_unchanged(stored.spec.execution, precision, compile),
                notice=watch.on_notice,
            )
            place = task.find()
            images = _RunImages(prepared, request, packed=pack, progress=watch.on_prepare, closing=stack)
            if place.plan is not None and (ended := _ended(place.plan, place.folder)) is not None:
                check_unchanged(place.plan.spec.execution, precision, compile, place.folder, watch.on_notice)
                _tidy(place.folder, images)
                if options.run.depth_norms and read_depth_norms(place.folder) is None:
                    watch.on_notice("This run had ended, and recorded no norms by depth; --again trains another.")
                plan = replace(place.plan, data=draft.data)
                found = Trained(folder=place.folder, plan=plan, record=ended, repeated=True)
                for tracker in trackers if ranks.first else ():
                    tracker.catch_up(found.folder, plan, found, [RunEnd(run=found.folder.name, record=ended)])
                return found
            # What works needs torch, which takes a second to import; what was found out so far does not.
            from skipwise.training.planning.fit import fit_setting

            if place.plan is None and ranks.count == 1:
                draft = fit_setting(
                    draft,
                    precision=precision,
                    other_size=asked.img_size is None,
                    other_stem=asked.stem == "auto" and asked.start is None,
                    began=began,
                    notice=watch.on_notice,
                )
            images.of(place.plan or draft)  # decoded before the folder is made: a full disk leaves nothing behind

        begun = None
        if ranks.first:
            begun = stack.enter_context(_begun(task, place, draft, images, asked.start, options.machine, began))
        begun = ranks.broadcast(begun)
        assert begun is not None
        folder, plan, repeated = begun
        stack.enter_context(same_folder(ranks, folder))

        def work() -> Trained:
            record = _run(plan, folder, images.of(plan), asked.start, watch, ranks, began)
            return Trained(folder=folder, plan=plan, record=record, repeated=repeated)

        return with_callbacks(watch, Start(folder=folder, plan=plan), work)


@contextlib.contextmanager
def _begun(
    task: Task[RunPlan],
    place: Place[RunPlan],
    draft: RunPlan,
    images: _RunImages,
    start: Found | None,
    machine: MachineOptions,
    began: float,
) -> Iterator[tuple[Path, RunPlan, bool]]:
    """The folder, locked for this run, with its plan in it, and whether the run had ended there.

    Args:
        place: what was found before the folder was locked.

    Raises:
        SkipwiseError: the network can't be trained on this machine or in this time, or the folder is in use.
    """
    from skipwise.training.planning.resolve import keeper_of, resolve_plan

    def resolved() -> RunPlan:
        plan = resolve_plan(
            draft, images.of(draft), start, machine.precision, machine.compile, task.notice, began=began
        )
        if (keeper := keeper_of(plan, began)) is not None:
            keeper.check()
        return plan

    # Before the folder is made, too: what is refused leaves nothing behind.
    fresh = None if place.plan else resolved()
    with task.open() as now:  # another process may have begun, or ended, there meanwhile
        if now.plan is None:
            plan = fresh or resolved()
            RUNS.begin(now.folder, plan)
        else:
            check_unchanged(now.plan.spec.execution, machine.precision, machine.compile, now.folder, task.notice)
            plan = replace(now.plan, data=draft.data)  # what they are called now
        images.describe(now.folder)
        yield now.folder, plan, now.finished


class _RunImages:
    """The images of a run, decoded when it is known in which size, and closed with `closing`."""

    def __init__(
        self,
        prepared: Prepared,
        request: Request,
        *,
        packed: bool,
        progress: Callable[[str, int, int], None],
        closing: contextlib.ExitStack,
    ) -> None:
        self.prepared, self.request = prepared, request
        self.packed, self.progress, self.closing = packed, progress, closing
        self._decoded: dict[PixelFormat, Images] = {}

    def of(self, plan: RunPlan) -> Images:
        """The images as a plan wants them; another size is decoded once more."""
        square = PixelFormat.from_preprocessing(plan.spec.preprocessing)
        if square not in self._decoded:
            images = self.prepared.images(square, packed=self.packed, progress=self.progress)
            self.closing.callback(getattr(images.pixels, "close", lambda: None))
            self._decoded[square] = images
        return self._decoded[square]

    def describe(self, folder: Path) -> None:
        """Writes down where the images are, and which was used for what."""
        source, split, duplicated_in = self.prepared.source, self.prepared.split, self.prepared.duplicated_in
        classes = np.array(source.classes)[source.labels].tolist()
        save_split(folder / "split.csv", source.ids, classes, split.tolist(), duplicated_in.tolist())
        remember(folder, self.request, source, tables=["split.csv"])


def _tidy(folder: Path, images: _RunImages) -> None:
    """Clears up a finished run's folder; it may be read-only, since it is shown only."""
    with contextlib.suppress(SkipwiseError, OSError):
        images.describe(folder)
        clear_leftovers(folder)
        remove_checkpoint(folder / CHECKPOINT)


def _ended(plan: RunPlan, folder: Path) -> RunRecord | None:
    """The run of a plan, with the hyperparameters that tuning chose, if it has ended in this folder; see `find_run`."""
    spec = plan.spec
    if plan.tuning is not None and (folder / RECORD).exists():
        tuned = read_run(folder).tuned
        spec = plan.tuned_spec({} if isinstance(tuned, UnsetType) else tuned.values)
    return find_run(spec, folder)


def _run(
    plan: RunPlan,
    folder: Path,
    images: Images,
    start: Found | None,
    watch: Callback,
    ranks: Ranks,
    began: float,
) -> RunRecord:
    """Trains to the end, from the saved state if there is one."""
    from skipwise.training.planning.resolve import keeper_of
    from skipwise.training.run.runner import execute_run

    init = None if start is None else start.file

    def try_out(job: Job, images: Images, callback: Callback) -> RunRecord:
        place = folder / job.folder
        return execute_run(job.spec, images, place, callback, name=job.folder, init=init, notice=watch.on_notice)

    try:
        spec, tuned = plan.spec, None
        if (ended := _ended(plan, folder)) is not None:  # by another process, meanwhile
            spec = ended.spec
        elif plan.tuning is not None:
            tuned = tune_run(plan, folder, images, watch, try_out)
            spec = plan.tuned_spec(tuned.values)
        record = execute_run(
            spec,
            images,
            folder,
            watch,
            init=init,
            retries=RETRIES,
            keeper=keeper_of(plan, began),
            notice=watch.on_notice,
            ranks=ranks,
            depth_epochs=asked_epochs(folder),
            tuned=tuned,
        )
    except (SkipwiseError, OSError, MemoryError):
        raise
    except (
        Exception
    ) as error:  # the network's code, the compiler, a device: once it is corrected, the run can be resumed
        trace = folder / f"error{'' if ranks.first else f'-{ranks.rank}'}.txt"
        write_text(trace, traceback.format_exc())
        raise SkipwiseError(
            f"{plan.spec.model} stopped ({in_short(error)}; all of it is in {trace}); what was saved is kept, and the "
            "same command resumes it."
        ) from error
    if ranks.first:
        for trace in folder.glob("error*.txt"):  # of an earlier attempt
            trace.unlink()
    return record

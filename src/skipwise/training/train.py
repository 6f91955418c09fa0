"""The verb `train`: one network on one's own images, from the images to a run folder."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skipwise.core.deprecation import earlier_name
from skipwise.core.errors import SkipwiseError, require
from skipwise.core.files.atomic import clear_leftovers, write_text
from skipwise.core.files.paths import user_path
from skipwise.core.workspace.task import Task
from skipwise.core.workspace.workspace import check_again
from skipwise.data.images import Images
from skipwise.data.location import remember
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.sources import ReadingOptions
from skipwise.data.splits import SPLIT_SEED, save_split
from skipwise.nets.catalogue import check_model
from skipwise.nets.weights.published import published
from skipwise.training.callbacks import Callback, Callbacks, Start, carry_out
from skipwise.training.draft import RunRequest, check_shared, choose_start, draft_plan
from skipwise.training.inputs import check_options
from skipwise.training.loop.recipe import Wishes, check_recipe
from skipwise.training.machine.execution import check_precision, check_unchanged, choose_device, is_unchanged
from skipwise.training.machine.faults import in_short
from skipwise.training.machine.ranks import Ranks, joined
from skipwise.training.observer import Observed, TrainObserver
from skipwise.training.plan import RUNS, RunPlan
from skipwise.training.run.files import CHECKPOINT, remove_checkpoint
from skipwise.training.run.record import RunRecord, find_run
from skipwise.training.run.time_budget import parse_limit
from skipwise.training.starting_weights import AUTO, NONE, PRETRAINED, Found, agreed, find_start, for_model, model_of

DEFAULT_MODEL = "resnet18"
RETRIES = 3


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run that has ended.

    Args:
        folder: where it is.
        plan: what was fixed before it began.
        record: what came of it.
        repeated: whether it had ended before, and nothing was done now.
    """

    folder: Path
    plan: RunPlan
    record: RunRecord
    repeated: bool

    terms = earlier_name("plan", "terms")


def train(
    data: str | os.PathLike[str],
    *,
    model: str | None = None,
    seed: int = 0,
    epochs: int | None = None,
    time_limit: str | None = None,
    batch_size: int | None = None,
    img_size: int | None = None,
    lr: float | None = None,
    recipe: str = "standard",
    mirror: bool | None = None,
    stem: str = "auto",
    width: float | None = None,
    pretrained: bool = False,
    init: str | os.PathLike[str] = AUTO,
    init_key: str | None = None,
    freeze_norms: bool = False,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    exclude: str | os.PathLike[str] | None = None,
    strict: bool = False,
    pack: bool = True,
    balance: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    compile: bool | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    callbacks: Sequence[Callback] = (),
    observer: TrainObserver | None = None,
    began: float | None = None,
) -> Trained:
    """Trains one network with one seed; the same call again goes on with an unfinished run, or shows a finished one.

    Under torchrun its processes do it together (see distributed.py). The arguments are those of `compare`, for one
    model and one seed, and these.

    Args:
        model: the network; None is that of the run to start from, else resnet18. So are `width`, else 1, and `stem`.
        time_limit: such as "20m": as many epochs as fit, instead of `epochs`.
        pretrained: the same as the `init` of that name.
        init: what to start from: "none", "pretrained" (published weights), a run's folder, a file of weights, or
            "auto", the published weights where experiments say that they help on images like these.
        init_key: which of the file's weights, where it holds several; see `load_weights`.
        freeze_norms: leave batch norms as the weights to start from have them.
        output: the run's folder; None is the one in runs/train that the same call made, or the next.
        again: train once more, in the next folder, where the same call has made a run before.
        callbacks: are called while it works; see `skipwise.Callback`.
        observer: deprecated; use `callbacks`.
        began: when the time limit began, on time.monotonic(); None is now.

    Raises:
        SkipwiseError: anything a person can mend; what was finished stays.
    """
    began = time.monotonic() if began is None else began
    if observer is not None:
        warnings.warn("`observer` is now `callbacks`.", DeprecationWarning, stacklevel=2)
        callbacks = [*callbacks, Observed(observer)]
    called = Callbacks(callbacks)
    if pretrained and init != AUTO:
        raise SkipwiseError("Give --pretrained or --init, not both.")
    init = PRETRAINED if pretrained else os.fspath(init)
    if model is not None:
        check_model(model)
    check_options(img_size=img_size, stem=stem, width=width, seed=seed)
    if init_key is not None and init in (NONE, AUTO, PRETRAINED):
        raise SkipwiseError("--init-key is for --init with a file; leave it out.")
    found = None if init in (NONE, AUTO, PRETRAINED) else find_start(init, init_key)
    if model is None:
        model = DEFAULT_MODEL if found is None or found.spec is None else model_of(found, init)
    if found is not None:
        found = for_model(found, model, init)
    if init == PRETRAINED:
        published(model)  # now, rather than once all images have been read
    stem, width = agreed(
        {} if found is None else {model: found}, [model] if init == PRETRAINED else [], stem=stem, width=width
    )
    check_precision(precision)
    check_again(again=again, resume=resume)
    check_recipe(recipe)
    if epochs is not None and time_limit is not None:
        raise SkipwiseError("Give --epochs or --time-limit, not both.")
    seconds = None if time_limit is None else parse_limit(time_limit)
    wishes = Wishes(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        mirror=mirror,
        balance=balance,
        fine_tune=init != NONE,
        freeze_norms=freeze_norms,
    )
    wishes.check()
    request = Request(
        data=os.fspath(data),
        reading=ReadingOptions(
            class_level=class_level,
            image_column=image_column,
            label_column=label_column,
            label_regex=label_regex,
            group=group,
            group_regex=group_regex,
            crop_boxes=crop_boxes,
            skip_unread_formats=skip_unread_formats,
        ),
        split=None if split is None else os.fspath(split),
        exclude=None if exclude is None else os.fspath(exclude),
        val_share=val_share,
        strict=strict,
        img_size=img_size,
    )
    require("torch", extra="train")
    named = user_path(output) if output is not None else None
    device = choose_device(device)

    asked = RunRequest(
        model=model,
        seed=seed,
        init=init,
        init_key=init_key,
        start=found,
        stem=stem,
        width=width,
        img_size=img_size,
        recipe=recipe,
        wishes=wishes,
        time_limit=seconds,
        device=device,
    )
    with contextlib.ExitStack() as stack:
        ranks = stack.enter_context(joined(device))
        watch = called if ranks.first else Callbacks(())
        with ranks.in_turn():
            stack.enter_context(RUNS.reading(named))
            prepared = prepare(request, seed=SPLIT_SEED, packed=pack, progress=watch.on_prepare, notice=watch.on_notice)
            asked = choose_start(asked, prepared, watch.on_notice)
            draft = draft_plan(asked, prepared, watch.on_notice)
            check_shared(draft.spec.recipe, ranks)
            task = Task(
                workspace=RUNS,
                plan=draft,
                name=draft.data,
                output=named,
                again=again,
                resume=resume,
                acceptable=lambda stored: is_unchanged(stored.spec.execution, precision, compile),
                notice=watch.on_notice,
            )
            place = task.find()
            images = _RunImages(prepared, request, packed=pack, progress=watch.on_prepare, closing=stack)
            if place.plan is not None and (ended := find_run(place.plan.spec, place.folder)) is not None:
                check_unchanged(place.plan.spec.execution, precision, compile, place.folder, watch.on_notice)
                _tidy(place.folder, images)
                plan = replace(place.plan, data=draft.data)
                return Trained(folder=place.folder, plan=plan, record=ended, repeated=True)
            # What works needs torch, which takes a second to import; what was found out so far does not.
            from skipwise.training.fit import fit_setting
            from skipwise.training.resolve import keeper_of, resolve_plan

            if place.plan is None and ranks.count == 1:
                draft = fit_setting(
                    draft,
                    precision=precision,
                    other_size=asked.img_size is None,
                    other_stem=stem == "auto" and asked.start is None,
                    began=began,
                    notice=watch.on_notice,
                )
            images.of(place.plan or draft)  # decoded before the folder is made: a full disk leaves nothing behind

        def resolved() -> RunPlan:
            """The draft, resolved on this machine."""
            plan = resolve_plan(draft, images.of(draft), asked.start, precision, compile, watch.on_notice, began=began)
            if (keeper := keeper_of(plan, began)) is not None:
                keeper.check()
            return plan

        begun = None
        if ranks.first:
            # Before the folder is made, too: what is refused leaves nothing behind.
            fresh = None if place.plan else resolved()
            now = stack.enter_context(task.open())  # another process may have begun, or ended, there meanwhile
            if now.plan is None:
                plan = fresh or resolved()
                RUNS.begin(now.folder, plan)
            else:
                check_unchanged(now.plan.spec.execution, precision, compile, now.folder, watch.on_notice)
                plan = replace(now.plan, data=draft.data)  # what they are called now
            images.describe(now.folder)
            begun = now.folder, plan, now.finished
        begun = ranks.broadcast(begun)
        assert begun is not None
        folder, plan, repeated = begun

        def work() -> Trained:
            record = _run(plan, folder, images.of(plan), asked.start, watch, ranks, began)
            return Trained(folder=folder, plan=plan, record=record, repeated=repeated)

        return carry_out(watch, Start(folder=folder, plan=plan), work)


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
    """What a finished run's folder is left with; it may be read-only, since it is shown only."""
    with contextlib.suppress(SkipwiseError, OSError):
        images.describe(folder)
        clear_leftovers(folder)
        remove_checkpoint(folder / CHECKPOINT)


def _run(
    plan: RunPlan,
    folder: Path,
    images: Images,
    start: Found | None,
    watch: Callback,
    ranks: Ranks,
    began: float,
) -> RunRecord:
    """Trains to the end, or goes on with it."""
    from skipwise.training.resolve import keeper_of
    from skipwise.training.run.runner import execute_run

    try:
        record = execute_run(
            plan.spec,
            images,
            folder,
            watch,
            init=None if start is None else start.file,
            retries=RETRIES,
            keeper=keeper_of(plan, began),
            notice=watch.on_notice,
            ranks=ranks,
        )
    except (SkipwiseError, OSError, MemoryError):
        raise
    except Exception as error:  # the network's code, the compiler, a device: once it is mended, the run goes on
        trace = folder / f"error{'' if ranks.first else f'-{ranks.rank}'}.txt"
        write_text(trace, traceback.format_exc())
        raise SkipwiseError(
            f"{plan.spec.model} stopped ({in_short(error)}; all of it is in {trace}); what was saved is kept, and the "
            "same command goes on."
        ) from error
    if ranks.first:
        for trace in folder.glob("error*.txt"):  # of an earlier time, which is mended
            trace.unlink()
    return record

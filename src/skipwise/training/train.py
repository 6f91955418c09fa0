"""The verb `train`: one network on one's own images, from the images to a run folder."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from skipwise.advice.traits import traits_of
from skipwise.advice.weights import should_start_from_weights
from skipwise.core.errors import SkipwiseError, require
from skipwise.core.files.atomic import cache_for_looking, clear_leftovers, write_text
from skipwise.core.files.checksums import write_sealed
from skipwise.core.files.paths import user_path
from skipwise.core.workspace import check_again
from skipwise.data.images import Images
from skipwise.data.location import remember
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.sources import ReadingOptions
from skipwise.data.splits import SPLIT_SEED, save_split
from skipwise.nets.catalogue import check_model
from skipwise.nets.external import code_fingerprint, is_external
from skipwise.nets.stems import resolve_stem
from skipwise.nets.weights.published import published
from skipwise.training.inputs import check_options, check_sizes, choose_preprocessing, with_sizes_for_all
from skipwise.training.loop.recipe import Wishes, check_recipe, choose_recipe
from skipwise.training.machine.execution import Execution, check_precision, check_unchanged, choose_device, is_unchanged
from skipwise.training.machine.faults import in_short
from skipwise.training.machine.ranks import joined
from skipwise.training.plan import SHELF, Terms
from skipwise.training.run.progress import Epoch, Standing
from skipwise.training.run.record import CHECKPOINT, RunRecord, RunSpec, find_run, remove_checkpoint
from skipwise.training.run.time_budget import parse_limit
from skipwise.training.starting_weights import (
    AUTO,
    NONE,
    PRETRAINED,
    agreed,
    automatic,
    find_start,
    for_model,
    model_of,
    published_start,
    size_for,
)

DEFAULT_MODEL = "resnet18"
RETRIES = 3


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run that has ended. `repeated` says that it had before, and nothing was done now."""

    folder: Path
    terms: Terms
    record: RunRecord
    repeated: bool


class TrainObserver:
    """What a run tells while it goes on. Every method may be overridden; here they do nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Images are looked at or read."""

    def noticed(self, sentence: str) -> None:
        """Something a person should know, and that is no error."""

    def starting(self, terms: Terms, folder: Path) -> None:
        """The run begins, or goes on."""

    def step_done(self, at: Standing) -> None:
        """One more step is done."""

    def epoch_done(self, epoch: Epoch) -> None:
        """One more epoch is done."""


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
        observer: is told how it goes.
        began: when the time limit began, on time.monotonic(); None is now.

    Raises:
        SkipwiseError: anything a person can mend; what was finished stays.
    """
    began = time.monotonic() if began is None else began
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

    def describe(folder: Path) -> None:
        """Writes down where the images are, and which was used for what."""
        _save_split(folder, prepared)
        remember(folder, request, prepared.source, tables=["split.csv"])

    def decoded(terms: Terms) -> Images:
        images = prepared.images(
            PixelFormat.from_preprocessing(terms.spec.preprocessing), packed=pack, progress=watch.preparing
        )
        stack.callback(getattr(images.pixels, "close", lambda: None))
        return images

    with contextlib.ExitStack() as stack:
        ranks = stack.enter_context(joined(device))
        watch = observer if observer is not None and ranks.first else TrainObserver()
        with ranks.in_turn():
            if named is not None and (named / SHELF.finished).exists():
                stack.enter_context(cache_for_looking())
            prepared = prepare(request, seed=SPLIT_SEED, packed=pack, progress=watch.preparing, notice=watch.noticed)
            if init == PRETRAINED:
                found = published_start(model)
            elif init == AUTO:
                advice = should_start_from_weights(traits_of(prepared))
                if not advice.use:
                    watch.noticed(advice.against)
                taken = automatic([model], advice.why, stem=stem, width=width, notice=watch.noticed)
                found = taken.get(model)
                img_size = img_size or size_for(taken, advice, prepared.auto_size)
            for sentence in () if found is None else found.notes:
                watch.noticed(sentence)
            preprocessing = choose_preprocessing(prepared, [] if found is None else [found.start.expects], img_size)
            wishes = replace(wishes, fine_tune=found is not None)
            check_sizes([model], preprocessing, len(prepared.source.classes))
            chosen = choose_recipe(recipe, wishes, mirrors=prepared.source.mirrors, images=prepared.counts["train"])
            chosen = with_sizes_for_all(
                chosen, [model], preprocessing, len(prepared.source.classes), epochs, watch.noticed
            )
            if chosen.batch_size < 2 * ranks.count and ranks.count > 1:
                raise SkipwiseError(
                    f"A batch of {chosen.batch_size} can't be shared by {ranks.count} processes, at least two images "
                    "each (batch norm needs company); start fewer, or raise --batch-size."
                )
            resolved = resolve_stem((found.stem if found is not None else None) or stem, preprocessing.size)
            draft = Terms(
                spec=RunSpec(
                    model=model,
                    seed=seed,
                    stem=resolved,
                    width=width,
                    init=None if found is None else found.start.sha256,
                    init_key=init_key,
                    time_limit=seconds,
                    classes=prepared.source.classes,
                    preprocessing=preprocessing,
                    fingerprint=prepared.fingerprint,
                    recipe=chosen,
                    # Precision, threads and compiling are chosen when the run is new.
                    execution=Execution(device=device, precision="fp32", threads=1),
                ),
                data=prepared.source.name,
                split_images=prepared.counts,
                val_share=prepared.val_share,
                test_share=prepared.test_share,
                external_code=code_fingerprint(model) if is_external(model) else None,
                asked_setting=None if seconds is None else (preprocessing.size, resolved),
                start=None if found is None else found.start,
            )

            def suits(stored: Terms) -> bool:
                return is_unchanged(stored.spec.execution, precision, compile)

            choose = partial(SHELF.choose, draft, draft.data, named, again=again, suits=suits)
            folder, stored = choose(notice=watch.noticed)
            if resume and stored is None:
                raise SkipwiseError(
                    f"There is nothing to resume for this run in {named or SHELF.parent}; leave --resume out."
                )
            if stored is not None and (ended := find_run(stored.spec, folder)) is not None:
                check_unchanged(stored.spec.execution, precision, compile, folder, watch.noticed)
                with contextlib.suppress(SkipwiseError, OSError):  # it is shown from a read-only folder, too
                    describe(folder)
                    clear_leftovers(folder)
                    remove_checkpoint(folder / CHECKPOINT)
                terms = replace(stored, data=draft.data)
                return Trained(folder=folder, terms=terms, record=ended, repeated=True)
            # What works needs torch, which takes a second to import; what was found out so far does not.
            from skipwise.training.resolve import keeper_of, settle
            from skipwise.training.run.runner import execute_run

            if stored is None and seconds is not None and ranks.count == 1:
                from skipwise.training.fit import fit_setting

                asked = draft.setting
                draft = fit_setting(
                    draft,
                    precision=precision,
                    other_size=img_size is None,
                    other_stem=stem == "auto" and found is None,
                    began=began,
                )
                if draft.setting != asked:
                    watch.noticed(f"Given up for the time limit: images of {draft.setting} instead of {asked}.")
            # Decoded before the folder is made, so that a full disk leaves nothing behind.
            images = prepared.images(
                PixelFormat.from_preprocessing((stored or draft).spec.preprocessing),
                packed=pack,
                progress=watch.preparing,
            )
            stack.callback(getattr(images.pixels, "close", lambda: None))

        def settled() -> Terms:
            fresh = settle(draft, images, found, precision, compile, watch.noticed, began=began)
            if (keeper := keeper_of(fresh, began)) is not None:
                keeper.check()
            return fresh

        def begin() -> tuple[Path, Terms, bool]:
            """The folder, held for this run, what was written there, and whether the run had ended before."""
            nonlocal images
            # Before the folder is made, too: what is refused leaves nothing behind.
            fresh = None if stored else settled()
            # Another process may have begun, or ended, there meanwhile.
            folder, there = stack.enter_context(
                SHELF.held(draft, choose, named=named is not None, notice=watch.noticed)
            )
            if there is None:
                fresh = fresh or settled()
                write_sealed(folder / SHELF.begun, fresh)
            else:
                check_unchanged(there.spec.execution, precision, compile, folder, watch.noticed)
                if there.setting != (stored or draft).setting:  # a time limit chose otherwise for it
                    images = decoded(there)
                fresh = replace(there, data=draft.data)  # what they are called now
            describe(folder)
            return folder, fresh, (folder / SHELF.finished).exists()

        begun = ranks.agree(begin() if ranks.first else None)
        assert begun is not None
        folder, terms, repeated = begun
        watch.starting(terms, folder)
        try:
            record = execute_run(
                terms.spec,
                images,
                folder,
                watch.epoch_done,
                on_step=watch.step_done,
                init=None if found is None else found.file,
                retries=RETRIES,
                keeper=keeper_of(terms, began),
                notice=watch.noticed,
                ranks=ranks,
            )
        except (SkipwiseError, OSError, MemoryError):
            raise
        except Exception as error:  # the network's code, the compiler, a device: once it is mended, the run goes on
            trace = folder / f"error{'' if ranks.first else f'-{ranks.rank}'}.txt"
            write_text(trace, traceback.format_exc())
            raise SkipwiseError(
                f"{model} stopped ({in_short(error)}; all of it is in {trace}); what was saved is kept, and the same "
                "command goes on."
            ) from error
        if ranks.first:
            for trace in folder.glob("error*.txt"):  # of an earlier time, which is mended
                trace.unlink()
    return Trained(folder=folder, terms=terms, record=record, repeated=repeated)


def _save_split(folder: Path, prepared: Prepared) -> None:
    source = prepared.source
    classes = np.array(source.classes)[source.labels].tolist()
    save_split(folder / "split.csv", source.ids, classes, prepared.split.tolist(), prepared.duplicated_in.tolist())

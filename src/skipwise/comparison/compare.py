"""The verb `compare`: from images and networks to a report."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from skipwise.comparison.draft import ComparisonRequest, draft_plan
from skipwise.comparison.plan.extending import as_asked_before, in_stored_order, is_answered
from skipwise.comparison.plan.plan import COMPARISONS, Plan, check_together
from skipwise.comparison.plan.planned import NoticeList, Planned, Stage
from skipwise.comparison.plan.question import Question, choose_looks
from skipwise.comparison.plan.reuse import find_included
from skipwise.comparison.plan.saved import by_plan, check_savable, write_plan
from skipwise.comparison.plan.starting_weights import Words, find_starts
from skipwise.comparison.results.finished import Comparison, read_comparison
from skipwise.comparison.run.executor import Executor
from skipwise.comparison.run.observer import Observed, Observer
from skipwise.core.errors import SkipwiseError, require
from skipwise.core.files.paths import user_path
from skipwise.core.workspace.task import Place, Task
from skipwise.core.workspace.workspace import check_again
from skipwise.data.prepare import Request, prepare
from skipwise.data.sources import ReadingOptions
from skipwise.data.splits import SPLIT_SEED
from skipwise.evaluation.outcomes import outcome_of
from skipwise.training.callbacks import Callback, Callbacks
from skipwise.training.inputs import check_options
from skipwise.training.loop.recipe import Wishes, check_recipe
from skipwise.training.machine.execution import check_precision, check_workers, choose_device, is_unchanged
from skipwise.training.run.time_budget import parse_limit

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast

DEFAULT_MODELS = ("resnet18", "se_resnet18", "mobilenet_v2", "plain18")


@by_plan
def compare(
    data: str | os.PathLike[str],
    *,
    models: str | Sequence[str] = DEFAULT_MODELS,
    seeds: int | None = None,
    looks: Sequence[int] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    batch_size: int | None = None,
    img_size: int | None = None,
    lr: float | None = None,
    recipe: str = "standard",
    mirror: bool | None = None,
    stem: str = "auto",
    width: float | None = None,
    pretrained: bool = False,
    init: Words = (),
    init_key: Words = (),
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
    folds: int | None = None,
    outcome: str = "accuracy",
    margin: float | None = None,
    alpha: float = 0.05,
    every_pair: bool = False,
    tune: Sequence[float] | None = None,
    tune_epochs: int | None = None,
    time_limit: str | None = None,
    include: Sequence[str | os.PathLike[str]] = (),
    extend: bool = False,
    began: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    compile: bool | None = None,
    workers: int | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    plan: str | os.PathLike[str] | None = None,  # noqa: ARG001 - it is read by the decorator
    save_plan: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    callbacks: Sequence[Callback] = (),
    executor: Executor | None = None,
    observer: Observer | None = None,
) -> Comparison | Planned:
    """Trains every network with every seed on the same images in the same way, and says which to use.

    The same call again goes on with an unfinished comparison of the same plan, or shows a finished one.

    Args:
        data: a data set's name, a folder with one sub-folder per class, an archive of one, or a table of paths and
            labels.
        models: at least two networks, see `skipwise.list_models()`.
        seeds: runs per network, at least 2, and one look at them. None looks several times, see `looks`.
        looks: after how many seeds it is looked whether the answer is there, such as (5, 8, 12), which is the default;
            only networks in pairs that are still open get more.
        seed: the first seed; the others follow it.
        epochs, batch_size, lr: None leaves them to the recipe.
        img_size: pixels a side; None takes the images' own, up to 128.
        recipe: "fast", "standard" or "reference"; see training/loop/recipe.py.
        mirror: whether to flip training images left to right at random. With None they are flipped, unless the data
            set is known to have classes that a flip changes, such as digits.
        stem: "imagenet", "small" or "auto", that of weights to start from, else by the image size.
        width: scales the channels of every network; None is that of weights to start from, else 1.
        pretrained: the same as the `init` of that name.
        init: what networks start from: "none", "pretrained" (published weights), "auto" or a run's folder;
            "NETWORK=..." is for one network, and takes a file, too. Several of these are a list. The default is "auto",
            the published weights where experiments say that they help on images like these. With weights the new last
            layer learns first, then all of it by SGD, at a small rate unless `lr` says otherwise.
        init_key: which of a file's weights, where it holds several; "NETWORK=KEY" is for the file of one network.
        freeze_norms: leave batch norms as the weights to start from have them.
        val_share: of the images, for the learning curves; None is 15%, or 10% of given training images.
        split: a split.csv of an earlier comparison, to be used again.
        class_level, image_column, label_column, label_regex, group, group_regex, crop_boxes, skip_unread_formats: how
            the images are to be read where their layout does not say it, see `open_images`.
        exclude: an audit.json whose flagged images are left out.
        strict: raise where an image is, exactly or nearly, on two sides of a given split.
        pack: decode once, into a file in the cache; False decodes again in every epoch and needs no disk.
        balance: "none", "sampling" (every class is shown equally often) or "loss" (rare classes weigh more); None
            leaves it to the recipe.
        folds: for small data sets without a split: every seed is a repeat of cross-validation in so many parts, in
            which each image is tested once.
        outcome: what counts: "accuracy", "balanced-accuracy" (every class weighs the same), "top5-accuracy", "log-loss"
            or "brier"; with ":classes=A,B" behind it, on test images of these classes alone.
        margin: the difference in that which would not matter, in its unit: percentage points of an accuracy, nats of
            log-loss. None is 0.5 points, 0.01 nats, or 0.005 of the Brier score.
        alpha: the chance that any verdict is wrong.
        every_pair: spend more seeds also on pairs of networks that are out of the running.
        tune: peak learning rates that every network tries first, in a short run each, judged on validation images.
        tune_epochs: of these runs; None is a third of the recipe's.
        time_limit: for the whole comparison, such as "2h": looks, and then epochs, are chosen to fit.
        include: folders of finished runs that are used where the comparison would do the same ones; their networks
            take part.
        began: when the time limit began, on time.monotonic(); None is now.
        extend: ask more of the comparison in `output`: more networks, or more looks. Its runs are kept, and what it
            found, as comparison-1.json; everything is judged anew.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        compile: whether to use torch.compile; None does where it repays.
        workers: runs at once; None is as many as suit the machine.
        output: the folder to use; None is the one in runs/compare that the same call made, or the next.
        resume: raise unless there is something to go on with.
        again: compare once more, in the next folder, where the same call has made a comparison before.
        plan: a file that `save_plan` wrote. It gives all that it fixes: the networks, the seeds, the recipe, the size
            of the images; what is given beside it may not say otherwise.
        save_plan: a file for the plan, to be carried out on other images, or by others.
        dry_run: train nothing and write no results; return what is planned and how long it will take.
        callbacks: are called while it works; see `skipwise.Callback`.
        executor: does the runs; None is `skipwise.LocalProcesses()`. See `skipwise.Executor`.
        observer: deprecated; use `callbacks`.

    Returns:
        The comparison; with `dry_run`, a `Planned`.

    Raises:
        SkipwiseError: anything a person can mend; what was finished stays.
    """
    began = time.monotonic() if began is None else began
    sentences: list[str] = []
    if observer is not None:
        warnings.warn("`observer` is now `callbacks`.", DeprecationWarning, stacklevel=3)
        callbacks = [*callbacks, Observed(observer)]
    watch: Callback = Callbacks(callbacks)
    watch = NoticeList(watch, sentences) if dry_run else watch
    saved = None if save_plan is None else user_path(save_plan)
    if saved is not None:
        check_savable(saved)
    included = find_included([os.fspath(folder) for folder in include])
    names = list(models.split(",") if isinstance(models, str) else models)
    if extend and output is not None:
        names = in_stored_order(names, user_path(output))
    names += [name for name in dict.fromkeys(run.model for run in included) if name not in names]
    scoring = outcome_of(outcome)
    question = Question(
        candidates=tuple(names),
        looks=choose_looks(seeds, looks),
        first_seed=seed,
        # A whole number would be written, and read back, otherwise.
        margin=scoring.margin if margin is None else float(margin),
        alpha=float(alpha),
        outcome=outcome,
        every_pair=every_pair,
    )
    question.check()
    check_options(img_size=img_size, stem=stem, width=width, seed=seed)
    starts = find_starts(init, init_key, names, pretrained=pretrained)
    stem, width = starts.agreed(stem, width)
    check_precision(precision)
    check_again(again=again, resume=resume, extend=extend)
    check_recipe(recipe)
    device = choose_device(device)
    check_together(folds, tune=tune is not None, included=bool(included), lr=lr)
    if extend and (output is None or time_limit is not None):
        raise SkipwiseError("--extend needs --output, the comparison to ask more of, and takes no --time-limit.")
    if extend and dry_run:
        raise SkipwiseError("--extend asks more of a comparison that has its plan; leave --dry-run out.")
    limit = None if time_limit is None else parse_limit(time_limit)
    wishes = Wishes(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        mirror=mirror,
        balance=balance,
        fine_tune=starts.any,
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
        folds=folds,
    )
    require("torch", extra="train")
    named = user_path(output) if output is not None else None
    asked = ComparisonRequest(
        question=question,
        images=request,
        included=included,
        starts=starts,
        stem=stem,
        width=width,
        recipe=recipe,
        wishes=wishes,
        tune=tune,
        tune_epochs=tune_epochs,
        time_limit=limit,
        device=device,
        processes=check_workers(workers),
    )
    with COMPARISONS.reading(named):
        packed = pack and not dry_run
        prepared = prepare(request, seed=SPLIT_SEED, packed=packed, progress=watch.on_prepare, notice=watch.on_notice)
    draft = draft_plan(asked, prepared, watch.on_notice)
    task = Task(
        workspace=COMPARISONS,
        plan=draft.plan,
        name=draft.plan.data,
        output=named,
        again=again,
        resume=resume,
        acceptable=lambda stored: is_unchanged(stored.execution, precision, compile),
        as_stored=partial(as_asked_before, folder=named) if extend and named is not None else lambda plan: plan,
        notice=watch.on_notice,
    )
    place = task.find()
    if is_answered(place, question, extend=extend):
        found = read_comparison(place.folder)
        if saved is not None:
            write_plan(saved, found.plan)
        return _planned(place, found.plan, None, sentences) if dry_run else found
    # What works needs torch, which takes a second to import; what was found out so far does not.
    from skipwise.comparison.begin import Beginning, begin_or_continue, look_ahead_from
    from skipwise.comparison.budget.resolve import OnThisMachine

    begin = Beginning(
        asked=asked,
        draft=draft,
        prepared=prepared,
        packed=pack,
        extend=extend,
        saved=saved,
        here=OnThisMachine(
            precision=precision,
            compile=compile,
            workers=workers,
            fewer_epochs=epochs is None,
            other_size=img_size is None,
            other_stem=stem == "auto" and not draft.weights,
            began=began,
        ),
        callback=watch,
        executor=executor,
    )
    if dry_run:
        return _planned(place, *look_ahead_from(begin, place), sentences)
    return begin_or_continue(begin, task, place)


def _planned(place: Place[Plan], plan: Plan, forecast: Forecast | None, sentences: Sequence[str]) -> Planned:
    """What a dry run gives; without a forecast, nothing is left to do."""
    stage: Stage = "new" if place.plan is None else "begun" if forecast else "finished"
    return Planned(plan=plan, forecast=forecast, folder=place.folder, stage=stage, noticed=tuple(sentences))

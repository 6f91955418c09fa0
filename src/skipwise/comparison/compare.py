"""The verb `compare`: from images and networks to a report."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.advice.points import Asked, cross_validation
from skipwise.advice.traits import traits_of
from skipwise.advice.weights import should_start_from_weights
from skipwise.comparison.plan.counting import check_countable
from skipwise.comparison.plan.grouping import grouping_of
from skipwise.comparison.plan.plan import SHELF, Plan, check_together
from skipwise.comparison.plan.planned import Noting, Planned, Stage
from skipwise.comparison.plan.question import Question, choose_looks
from skipwise.comparison.plan.reuse import check_included, find_included, include_runs
from skipwise.comparison.plan.saved import by_plan, check_savable, write_plan
from skipwise.comparison.plan.starting_weights import Words, choose_recipes, files_of, find_starts, try_weights
from skipwise.comparison.plan.tuning import choose_tuning
from skipwise.comparison.results.finished import Comparison, is_finished, read_comparison
from skipwise.comparison.run.images import image_options, store_images, store_weights
from skipwise.comparison.run.observer import Observer
from skipwise.core.errors import SkipwiseError, require
from skipwise.core.files.atomic import cache_for_looking, clear_leftovers, remove_empty
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.paths import user_path
from skipwise.core.workspace import check_again
from skipwise.data.cache.rows import RowReader
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.prepare import Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.sources import ReadingOptions
from skipwise.data.splits import SPLIT_SEED
from skipwise.data.store.packed import pack as make_pack
from skipwise.evaluation.outcomes import outcome_of
from skipwise.nets.external import code_fingerprint, is_external
from skipwise.nets.stems import resolve_stem
from skipwise.training.inputs import check_options, check_sizes, choose_preprocessing, with_sizes_for_all
from skipwise.training.loop.recipe import Wishes, check_recipe, shortened
from skipwise.training.machine.execution import (
    Execution,
    check_precision,
    check_unchanged,
    check_workers,
    choose_device,
    is_unchanged,
)
from skipwise.training.run.time_budget import parse_limit
from skipwise.training.starting_weights import agreed, size_for

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
        observer: is told what happens.

    Returns:
        The comparison; with `dry_run`, a `Planned`.

    Raises:
        SkipwiseError: anything a person can mend; what was finished stays.
    """
    began = time.monotonic() if began is None else began
    sentences: list[str] = []
    watch = Noting(observer or Observer(), sentences) if dry_run else observer or Observer()
    saved = None if save_plan is None else user_path(save_plan)
    if saved is not None:
        check_savable(saved)
    included = find_included([os.fspath(folder) for folder in include])
    names = list(models.split(",") if isinstance(models, str) else models)
    if extend and output is not None:
        names = _in_order(names, user_path(output))
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
    with cache_for_looking() if named is not None and is_finished(named) else contextlib.nullcontext():
        packing = pack and not dry_run
        prepared = prepare(request, seed=SPLIT_SEED, packed=packing, progress=watch.preparing, notice=watch.noticed)
    traits = traits_of(prepared, folds)
    advice = should_start_from_weights(traits)
    if starts.automatic and not advice.use:
        watch.noticed(advice.against)
    weights = starts.found(advice.why, stem=stem, width=width, notice=watch.noticed)
    stem, width = agreed(weights, (), stem=stem, width=width)
    taken = {name: each for name, each in weights.items() if name in starts.automatic}
    img_size = img_size or size_for(taken, advice, prepared.auto_size)
    grouping = grouping_of(prepared, request.reading)
    # What so many images can show is told for images that are independent.
    level = question.level if scoring.is_share_of_all and grouping is None else None
    limits = Asked(margin=question.margin, level=level, folds=folds, auto_size=prepared.auto_size)
    if (proposed := cross_validation(traits, limits)) is not None and proposed.flags:
        watch.noticed(f"{proposed.reason} {' '.join(proposed.flags)} does that.")
    asked = [weights[name].start.expects if name in weights else None for name in names]
    preprocessing = choose_preprocessing(prepared, asked, img_size)
    source, counts = prepared.source, prepared.counts
    trained = counts["train"] if folds is None else counts["test"] * (folds - 1) // folds
    check_sizes(names, preprocessing, len(source.classes))
    chosen, tuned = choose_recipes(recipe, wishes, weights, names, mirrors=source.mirrors, images=trained)
    chosen = with_sizes_for_all(chosen, names, preprocessing, len(source.classes), epochs, watch.noticed)
    resolved = resolve_stem(stem, preprocessing.size)
    check_countable(question, prepared, tuned=tune is not None)
    if grouping is not None:
        watch.noticed(f"{grouping.said(counts['test'])}.")
        for sentence in grouping.warnings(counts["test"]):
            watch.noticed(sentence)
    draft = Plan(
        question=question,
        included=included,
        data=source.name,
        found_in=None if source.container is None else Path(request.data).resolve().name,
        classes=source.classes,
        fingerprint=prepared.fingerprint,
        image_options=image_options(request),
        split_images=counts,
        split_seed=SPLIT_SEED,
        val_share=prepared.val_share,
        test_share=prepared.test_share,
        folds=folds,
        grouping=grouping,
        preprocessing=preprocessing,
        stem=resolved,
        width=width,
        init={name: each.start for name, each in weights.items()},
        external_code={name: code_fingerprint(name) for name in question.candidates if is_external(name)},
        recipe=chosen,
        fine_tuning=tuned,
        tuning=choose_tuning(tune, tune_epochs, chosen, question, counts["val"]),
        time_limit=limit,
        asked_for=None if limit is None else (question.looks, chosen.epochs),
        asked_setting=None if limit is None else (preprocessing.size, resolved),
        asked_seed=None if limit is None else seed,
        # Precision, threads and processes are chosen when the plan is new.
        execution=Execution(device=device, precision="fp32", threads=1),
        processes=check_workers(workers),
    )
    tested = [source.ids[index] for index in prepared.members.tolist() if prepared.split[index] == "test"]

    def decoded(preprocessing: Preprocessing) -> RowReader | None:
        return (
            make_pack(source, prepared.scan, PixelFormat.from_preprocessing(preprocessing), watch.preparing)
            if pack
            else None
        )

    def asks_more(stored: Plan) -> bool:
        return extend and stored.question != question

    def suits(stored: Plan) -> bool:
        return is_unchanged(stored.execution, precision, compile)

    def finished_in(folder: Path) -> Comparison:
        found = read_comparison(folder)
        if saved is not None:
            write_plan(saved, found.plan)
        return found

    def planned(plan: Plan, forecast: Forecast | None) -> Planned:
        stage: Stage = "new" if stored is None else "begun" if forecast else "finished"
        return Planned(plan=plan, forecast=forecast, folder=folder, stage=stage, noticed=tuple(sentences))

    choose = partial(_choose, draft, named, extend=extend, again=again, suits=suits)
    folder, stored = choose(notice=watch.noticed)
    if resume and stored is None:
        raise SkipwiseError(f"There is nothing to resume for this plan in {named or SHELF.parent}; leave --resume out.")
    if is_finished(folder) and stored is not None and not asks_more(stored):
        found = finished_in(folder)
        return planned(found.plan, None) if dry_run else found
    # What works needs torch, which takes a second to import; what was found out so far does not.
    from skipwise.comparison.budget.corrections import Budget
    from skipwise.comparison.budget.resolve import OnThisMachine, fit_setting, look_ahead, settle, try_again
    from skipwise.comparison.conclude import carry_out

    here = OnThisMachine(
        precision=precision,
        compile=compile,
        workers=workers,
        fewer_epochs=epochs is None,
        other_size=img_size is None,
        other_stem=stem == "auto" and not weights,
        began=began,
    )
    if dry_run:
        if stored is not None:
            check_unchanged(stored.execution, precision, compile, folder, watch.noticed)
        ahead, forecast = look_ahead(draft, stored, here, watch.noticed)
        if saved is not None:
            write_plan(saved, ahead)
        return planned(ahead, forecast)
    tried = fit_setting(draft, here, watch.noticed) if stored is None else None
    # Decoded before the folder is made, so that a full disk leaves nothing behind.
    packed = decoded((stored or draft if tried is None else tried.plan).preprocessing)
    with SHELF.held(draft, choose, named=named is not None, notice=watch.noticed) as (folder, stored):
        # Meanwhile another process may have finished in there.
        asked_more = stored is not None and asks_more(stored)
        if is_finished(folder) and stored is not None and not asked_more:
            return finished_in(folder)
        clear_leftovers(folder)
        if stored is not None:
            check_unchanged(stored.execution, precision, compile, folder, watch.noticed)
        settled, expected, costs = stored, None, None
        try:
            if settled is None:
                # Another process may have given up in there meanwhile, what it had planned among it.
                try_weights(draft, weights, watch.noticed)
                tried = tried or fit_setting(draft, here, watch.noticed)
                packed = decoded(tried.plan.preprocessing)
                settled, expected = settle(prepared, packed, tried, here, watch.noticed)
                costs = tried.costs
            elif asked_more:
                settled = replace(settled.extended(question), external_code=draft.external_code, init=draft.init)
                try_weights(settled, weights, watch.noticed)
            check_included(settled, tested)
            if saved is not None:
                write_plan(saved, settled)
        except SkipwiseError:  # what is refused leaves nothing behind
            if stored is None:
                remove_empty(folder)
            raise
        if asked_more and is_finished(folder):  # what was found under the first plan stands by itself
            (folder / "comparison.json").replace(folder / f"comparison-{len(settled.asked_before)}.json")
        if settled != stored:
            (folder / SHELF.finished).unlink(missing_ok=True)
            write_sealed(folder / SHELF.begun, settled)
        if stored is not None:
            packed = decoded(settled.preprocessing)  # of the size that was chosen then
        store_images(folder, settled, prepared, request, packed)
        store_weights(folder, files_of(weights))
        include_runs(settled, folder)
        # How many run at once changes no result, so it may change from one time to the next.
        settled = settled if workers is None else replace(settled, processes=workers)
        budget = None
        if settled.time_limit is not None and settled.stopped_after is None:
            budget = Budget(
                settled,
                replace(settled, question=question, recipe=draft.recipe, tuning=draft.tuning),
                costs or try_again(settled),
                end=began + settled.time_limit,
                fewer_epochs=epochs is None,
            )
        return carry_out(settled, folder, watch, expected, budget)


def _choose(
    draft: Plan,
    named: Path | None,
    *,
    extend: bool,
    again: bool = False,
    suits: Callable[[Plan], bool] = lambda _: True,
    notice: Callable[[str], None] = lambda _: None,
) -> tuple[Path, Plan | None]:
    """The folder for a plan and what was planned there; an extension is chosen by what was asked there before."""
    if extend and named is not None and (named / SHELF.begun).exists():
        before = read_sealed(named / SHELF.begun, Plan)
        external_code = {name: code for name, code in draft.external_code.items() if name in before.question.candidates}
        init = {name: start for name, start in draft.init.items() if name in before.question.candidates}
        draft = replace(
            draft,
            question=before.question,
            external_code=external_code,
            init=init,
            time_limit=before.time_limit,
            asked_for=before.asked_for,
            asked_setting=before.asked_setting,
            asked_seed=before.asked_seed,
        )
        draft = draft.as_begun(before)
        if before.asked_for is not None:  # the time limit chose the epochs
            draft = replace(draft, recipe=shortened(draft.recipe, before.recipe.epochs, draft.train_images))
            if draft.tuning is not None and before.tuning is not None:
                draft = replace(draft, tuning=replace(draft.tuning, epochs=before.tuning.epochs))
    elif extend:
        raise SkipwiseError(f"There is no comparison in {named} to extend; leave --extend out.")
    return SHELF.choose(draft, draft.data, named, notice, again=again, suits=suits)


def _in_order(names: list[str], folder: Path) -> list[str]:
    """The networks as a comparison that is to be extended has them, those that are new last."""
    if not (folder / SHELF.begun).exists():
        return names
    before = read_sealed(folder / SHELF.begun, Plan).question.candidates
    return [*(name for name in before if name in names), *(name for name in names if name not in before)]

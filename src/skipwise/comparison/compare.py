"""The verb `compare`: from images and networks to a report."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET

from skipwise.comparison.draft import ComparisonRequest, Draft, draft_plan
from skipwise.comparison.executors.table import find_executor
from skipwise.comparison.options import CompareOptions
from skipwise.comparison.plan.extending import as_asked_before, in_stored_order, is_answered
from skipwise.comparison.plan.plan import COMPARISONS, KEEPS, Keep, Plan, check_together
from skipwise.comparison.plan.planned import NoticeList, Planned, Stage
from skipwise.comparison.plan.reuse import find_included
from skipwise.comparison.plan.saved import by_plan, check_savable, write_plan
from skipwise.comparison.question.question import FurtherOutcome, Question, choose_looks
from skipwise.comparison.question.starting_weights import find_starts, several
from skipwise.comparison.question.target import target_of
from skipwise.comparison.results.finished import Comparison, priced, read_comparison, runs_of
from skipwise.comparison.run.observer import Observed, Observer
from skipwise.core.errors import SkipwiseError, require, unknown_name
from skipwise.core.files.paths import output_path
from skipwise.core.signatures import takes
from skipwise.core.text import count
from skipwise.core.workspace.task import Place, Task
from skipwise.core.workspace.workspace import check_again, check_begun
from skipwise.cost.price import Price, parse_price
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.splits import SPLIT_SEED
from skipwise.evaluation.outcomes import margins_of, outcome_names
from skipwise.training.callbacks import Callback, Callbacks
from skipwise.training.machine.execution import check_precision, check_workers, choose_device, is_unchanged
from skipwise.training.planning.inputs import check_options
from skipwise.training.run.time_budget import parse_limit
from skipwise.training.trackers import trackers_of

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast
    from skipwise.comparison.budget.resolve import OnThisMachine
    from skipwise.comparison.executors.executor import Executor, Room


@by_plan
@takes(CompareOptions)
def compare(
    data: str | os.PathLike[str],
    *,
    options: CompareOptions,
    began: float | None = None,
    callbacks: Sequence[Callback] = (),
    observer: Observer | None = None,
) -> Comparison | Planned:
    """Trains every network with every seed on the same images in the same way, and says which to use.

    The same call again continues an unfinished comparison of the same plan, or shows a finished one. With a plan's
    file, all that it fixes is as the file says; what is given beside it may not say otherwise.

    Args:
        data: the name of a data set, or the path of a folder with one sub-folder per class, an archive of one, or a
            table of paths and labels.
        began: the time on time.monotonic() from which the time limit counts, in seconds; None (default) is now.
        callbacks: called while the comparison is running, see `skipwise.Callback`; none by default.
        observer: deprecated; use `callbacks`.

    Returns:
        The comparison; with `dry_run`, a `Planned`.

    Raises:
        SkipwiseError: the images can't be found or can't be trained on; there is no such network, or an option is out
            of range; the folder for the results holds something else, or another process works in it; the time limit
            is too short; the disk is full; or a callback failed. Runs that were finished are kept, and the same call
            continues from there.
        TypeError: there is no such argument.

    Example:
        >>> import skipwise
        >>> found = skipwise.compare("digits", models=["resnet20", "se_resnet20"], seeds=2, epochs=4)
        >>> [(pair.a, pair.b) for pair in found.results.pairs]
        [('resnet20', 'se_resnet20')]
        >>> found.costs.recommendation.candidate in ("resnet20", "se_resnet20")
        True
    """
    if observer is not None:
        warnings.warn("`observer` is now `callbacks`.", DeprecationWarning, stacklevel=4)
        callbacks = [*callbacks, Observed(observer)]
    executor = find_executor(options.processes.executor)
    workers = _workers(options, executor)
    _keep(options)
    _price(options)
    trackers = trackers_of(options.tracking.track)
    callbacks = [*callbacks, *trackers]
    began = time.monotonic() if began is None else began
    sentences: list[str] = []
    watch: Callback = Callbacks(callbacks)
    watch = NoticeList(watch, sentences) if options.planning.dry_run else watch
    asked = _request(data, options)
    require("torch", extra="train")
    prepared = _prepare(asked, options, watch)
    draft = draft_plan(asked, prepared, watch.on_notice)
    task = _task(draft, options, watch)
    place = task.find()
    if is_answered(place, asked.question, learning_curve=asked.learning_curve, extend=options.planning.extend):
        shown = _show(place, options, sentences)
        if isinstance(shown, Comparison):
            for tracker in trackers:
                tracker.catch_up(shown.folder, shown.plan, shown, runs_of(shown))
        return shown
    # What works needs torch, which takes a second to import; what was found out so far does not.
    from skipwise.comparison.begin import Beginning, begin_or_continue, look_ahead_from

    with _rooms(executor, asked.device) as rooms:
        begin = Beginning(
            asked=asked,
            draft=draft,
            prepared=prepared,
            packed=options.machine.pack,
            extend=options.planning.extend,
            saved=_saved(options),
            here=_on_this_machine(options, workers, asked, draft, began, rooms),
            callback=watch,
            executor=executor,
            keep=_keep(options),
            price=_price(options),
        )
        if options.planning.dry_run:
            return _planned(place, *look_ahead_from(begin, place), sentences)
        return begin_or_continue(begin, task, place)


def _request(data: str | os.PathLike[str], options: CompareOptions) -> ComparisonRequest:
    """Returns the request that the options make, checked as far as possible without the images.

    Raises:
        SkipwiseError: options exclude each other, name nothing that there is, or have values that can't be.
    """
    study, images, network, machine = options.study, options.images, options.network, options.machine
    extend, output = options.planning.extend, options.folder.output
    if (saved := _saved(options)) is not None:
        check_savable(saved)
    included = find_included(several(study.include))
    names = list(study.models.split(",") if isinstance(study.models, str) else study.models)
    if extend and output is not None:
        names = in_stored_order(names, output_path(output))
    names += [name for name in dict.fromkeys(run.model for run in included) if name not in names]
    question = _question(options, names)
    check_options(img_size=images.img_size, stem=network.stem, width=network.width, seed=study.seed)
    starts = find_starts(options.start.init, options.start.init_key, names, pretrained=network.pretrained)
    stem, width = starts.agreed(network.stem, network.width)
    check_precision(machine.precision)
    check_again(again=options.folder.again, resume=options.folder.resume, extend=extend)
    check_begun(COMPARISONS, _output(options), resume=options.folder.resume)
    device = choose_device(machine.device)
    options.tuning.check(options.recipe.lr)
    check_together(images.folds, tune=options.tuning.asked, included=bool(included))
    if extend and (output is None or study.time_limit is not None):
        raise SkipwiseError("--extend needs --output, the comparison to extend, and takes no --time-limit.")
    if extend and options.planning.dry_run:
        raise SkipwiseError("--extend adds to a comparison that has its plan already; leave --dry-run out.")
    limit = None if study.time_limit is None else parse_limit(study.time_limit)
    options.recipe.check(fine_tune=starts.any)
    return ComparisonRequest(
        question=question,
        images=Request.of(data, images, options.reading),
        included=included,
        starts=starts,
        stem=stem,
        width=width,
        recipe=options.recipe,
        tuning=options.tuning,
        time_limit=limit,
        target_accuracy=target_of(options.target.target_accuracy),
        learning_curve=study.learning_curve,
        device=device,
        processes=check_workers(options.processes.workers),
    )


def _prepare(asked: ComparisonRequest, options: CompareOptions, watch: Callback) -> Prepared:
    """The images, looked at and split; a dry run decodes none for later."""
    packed = options.machine.pack and not options.planning.dry_run
    with COMPARISONS.reading(_output(options)):
        return prepare(asked.images, seed=SPLIT_SEED, packed=packed, progress=watch.on_prepare, notice=watch.on_notice)


def _task(draft: Draft, options: CompareOptions, watch: Callback) -> Task[Plan]:
    """The work on a plan, which finds its folder."""
    named, machine = _output(options), options.machine
    extended = named if options.planning.extend else None
    return Task(
        workspace=COMPARISONS,
        plan=draft.plan,
        name=draft.plan.data,
        output=named,
        again=options.folder.again,
        resume=options.folder.resume,
        acceptable=lambda stored: is_unchanged(stored.execution, machine.precision, machine.compile),
        as_stored=lambda plan: plan if extended is None else as_asked_before(plan, extended),
        notice=watch.on_notice,
    )


def _show(place: Place[Plan], options: CompareOptions, sentences: Sequence[str]) -> Comparison | Planned:
    """Returns the finished comparison in the folder; for a dry run, its plan."""
    found = priced(read_comparison(place.folder), _price(options))
    if (saved := _saved(options)) is not None:
        write_plan(saved, found.plan)
    return _planned(place, found.plan, None, sentences) if options.planning.dry_run else found


def _workers(options: CompareOptions, executor: Executor) -> int | None:
    """Returns the number of runs at a time; None where that is left to this machine."""
    asked, able = options.processes.workers, getattr(executor, "at_once", None)
    if asked is not None and able is not None and asked > able:
        name = options.processes.executor
        name = name if isinstance(name, str) else type(name).__name__
        raise SkipwiseError(
            f"The executor {name} does {count(able, 'run')} at a time, not {asked}; leave out --workers, or choose "
            "another executor."
        )
    return able if asked is None else asked


def _on_this_machine(
    options: CompareOptions,
    workers: int | None,
    asked: ComparisonRequest,
    draft: Draft,
    began: float,
    rooms: tuple[Room, ...],
) -> OnThisMachine:
    """Returns how the user wants runs to be computed, and what a time limit may change."""
    from skipwise.comparison.budget.resolve import OnThisMachine

    return OnThisMachine(
        precision=options.machine.precision,
        compile=options.machine.compile,
        workers=workers,
        fewer_epochs=options.recipe.epochs is None,
        other_size=options.images.img_size is None,
        other_stem=asked.stem == "auto" and not draft.weights,
        began=began,
        rooms=rooms,
    )


@contextlib.contextmanager
def _rooms(executor: Executor, device: str) -> Iterator[tuple[Room, ...]]:
    """The machines that an executor has for runs, by which the plan goes; none where runs are done on this one."""
    ask: Callable[[str], Sequence[Room]] | None = getattr(executor, "rooms", None)
    if ask is None:
        yield ()
        return
    with contextlib.closing(executor):  # also where the work ends before it begins
        yield tuple(ask(device))


def _output(options: CompareOptions) -> Path | None:
    return None if options.folder.output is None else output_path(options.folder.output)


def _saved(options: CompareOptions) -> Path | None:
    return None if options.planning.save_plan is None else output_path(options.planning.save_plan)


def _keep(options: CompareOptions) -> Keep | None:
    """The weights that are to be kept; None where nothing was said.

    Raises:
        SkipwiseError: there is no such choice.
    """
    asked = options.disk.keep
    if asked is None:
        return None
    if asked not in KEEPS:
        raise unknown_name("choice of weights to keep", asked, KEEPS)
    return next(each for each in KEEPS if each == asked)


def _price(options: CompareOptions) -> Price | None:
    """The price of a machine; None where none was named."""
    return None if options.cost.price is None else parse_price(options.cost.price)


def _question(options: CompareOptions, names: Sequence[str]) -> Question:
    """The question that is asked of these networks.

    Raises:
        SkipwiseError: it can't be answered.
    """
    study, asked = options.study, options.outcome
    outcomes = outcome_names(asked.outcome)
    margin, *margins = margins_of(outcomes, asked.margin)
    further = tuple(map(_further, outcomes[1:], margins))
    question = Question(
        candidates=tuple(names),
        looks=choose_looks(study.seeds, study.looks),
        first_seed=study.seed,
        margin=margin,
        # A whole number would be written, and read back, otherwise.
        alpha=float(asked.alpha),
        outcome=outcomes[0],
        every_pair=study.every_pair,
        further_outcomes=further or UNSET,
    )
    question.check()
    return question


def _further(outcome: str, margin: float) -> FurtherOutcome:
    return FurtherOutcome(outcome=outcome, margin=margin)


def _planned(place: Place[Plan], plan: Plan, forecast: Forecast | None, sentences: Sequence[str]) -> Planned:
    """Returns the result of a dry run; without a forecast, nothing is left to do."""
    stage: Stage = "new" if place.plan is None else "begun" if forecast else "finished"
    return Planned(plan=plan, forecast=forecast, folder=place.folder, stage=stage, noticed=tuple(sentences))

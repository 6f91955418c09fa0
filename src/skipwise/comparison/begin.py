"""A comparison begun, gone on with or extended in its folder: the plan is resolved once, and written before anything
runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skipwise.comparison.budget.corrections import Budget
from skipwise.comparison.budget.forecast import Forecast
from skipwise.comparison.budget.resolve import OnThisMachine, Tried, fit_setting, look_ahead, resolve_plan, try_again
from skipwise.comparison.conclude import carry_out
from skipwise.comparison.draft import ComparisonRequest, Draft
from skipwise.comparison.evidence.predictions import read_tested
from skipwise.comparison.executors.executor import Executor
from skipwise.comparison.plan.extending import is_answered
from skipwise.comparison.plan.layout import REPORT, RESULTS
from skipwise.comparison.plan.plan import COMPARISONS, Keep, Plan
from skipwise.comparison.plan.reuse import check_included, include_runs
from skipwise.comparison.plan.saved import write_plan
from skipwise.comparison.question.starting_weights import files_of, try_weights
from skipwise.comparison.results.finished import Comparison, read_comparison
from skipwise.comparison.run.images import store_images, store_weights
from skipwise.comparison.wording.notes import resolvable
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import clear_leftovers
from skipwise.core.files.folders import remove_empty
from skipwise.core.workspace.task import Place, Task
from skipwise.cost.price import Price
from skipwise.data.cache.rows import RowReader
from skipwise.data.prepare import Prepared
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.store.packed import pack
from skipwise.training.callbacks import Callback
from skipwise.training.machine.execution import check_unchanged
from skipwise.training.probe.step_cost import StepCost


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Everything that is needed to begin a comparison.

    Args:
        packed: whether images are decoded once, into the cache.
        extend: whether more is asked of a comparison than it was begun with.
        saved: a file for the plan.
        executor: does the runs.
        keep: the runs that keep their weights; None is as it was begun, or all.
        price: of a machine, where it was named.
    """

    asked: ComparisonRequest
    draft: Draft
    prepared: Prepared
    packed: bool
    extend: bool
    saved: Path | None
    here: OnThisMachine
    callback: Callback
    executor: Executor
    keep: Keep | None
    price: Price | None

    def is_answered(self, place: Place[Plan]) -> bool:
        """Returns whether a folder has the answer to what is asked."""
        asked = self.asked
        return is_answered(place, asked.question, learning_curve=asked.learning_curve, extend=self.extend)

    def decoded(self, plan: Plan) -> RowReader | None:
        """The images in the size of a plan; None where they are decoded in every epoch."""
        if not self.packed:
            return None
        return pack(
            self.prepared.source,
            self.prepared.scan,
            PixelFormat.from_preprocessing(plan.preprocessing),
            self.callback.on_prepare,
        )

    def save(self, plan: Plan) -> None:
        """Writes the plan's file, where one is asked for."""
        if self.saved is not None:
            write_plan(self.saved, plan)

    def check_machine(self, place: Place[Plan]) -> None:
        """Raises SkipwiseError where what was begun is to be computed otherwise."""
        if place.plan is not None:
            here = self.here
            check_unchanged(place.plan.execution, here.precision, here.compile, place.folder, self.callback.on_notice)


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A plan that can be written down and carried out.

    Args:
        forecast: what it will take; None where it was begun before.
        costs: of a step of each network, where they were tried out.
    """

    plan: Plan
    forecast: Forecast | None = None
    costs: dict[str, StepCost] | None = None


def look_ahead_from(begin: Beginning, place: Place[Plan]) -> tuple[Plan, Forecast]:
    """Returns what a dry run finds out: the plan as far as it is known without decoding, and the work that is left."""
    begin.check_machine(place)
    plan, forecast = look_ahead(begin.draft.plan, place.plan, begin.here, begin.callback.on_notice)
    begin.save(plan)
    plan = plan if begin.keep is None else replace(plan, keep=begin.keep)
    return plan, replace(forecast, price=begin.price)


def begin_or_continue(begin: Beginning, task: Task[Plan], place: Place[Plan]) -> Comparison:
    """Carries a comparison out in its folder, from wherever it stands.

    Args:
        place: what was found in the folder before it was locked.

    Raises:
        SkipwiseError: the folder is in use, the time is too short, an image or a weight is gone, the disk is full, ...
    """
    tried = fit_setting(begin.draft.plan, begin.here, begin.callback.on_notice) if place.plan is None else None
    # Decoded before the folder is made, so that a full disk leaves nothing behind.
    begin.decoded(place.plan or (begin.draft if tried is None else tried).plan)
    with task.open() as place:
        if begin.is_answered(place):  # another process was quicker
            found = read_comparison(place.folder)
            begin.save(found.plan)
            return found
        clear_leftovers(place.folder)
        begin.check_machine(place)
        try:
            resolved = _resolve(begin, place, tried)
        except SkipwiseError:  # what is refused leaves nothing behind
            if place.plan is None:
                remove_empty(place.folder)
            raise
        plan = resolved.plan if begin.keep is None else replace(resolved.plan, keep=begin.keep)
        _write(begin, place, plan)
        plan = begin.here.spread(plan)  # how many run at once, and where, changes no result
        budget = _budget(begin, plan, resolved.costs)
        forecast = resolved.forecast and replace(resolved.forecast, price=begin.price)
        _tell_what_can_be_shown(begin, plan, place.folder)
        return carry_out(plan, place.folder, begin.callback, forecast, budget, begin.executor, begin.price)


def _tell_what_can_be_shown(begin: Beginning, plan: Plan, folder: Path) -> None:
    """Says how large a difference has to be, unless that was said with the advice to cross-validate."""
    if plan.grouping is not None or begin.draft.advises_folds:
        return
    tested = read_tested(plan, folder)
    if bound := resolvable(np.bincount(tested.labels[tested.counts]).tolist(), plan.question):
        begin.callback.on_notice(bound)


def _resolve(begin: Beginning, place: Place[Plan], tried: Tried | None) -> Resolved:
    """The plan that was begun, or that is begun now, or what was begun and what is asked more."""
    draft, notice = begin.draft, begin.callback.on_notice
    if place.plan is None:
        try_weights(draft.plan, draft.weights, notice)
        # Another process may have given up here meanwhile; then nothing was tried before.
        tried = tried or fit_setting(draft.plan, begin.here, notice)
        packed = begin.decoded(tried.plan)
        plan, forecast = resolve_plan(begin.prepared, packed, tried, begin.here, notice)
        resolved = Resolved(plan=plan, forecast=forecast, costs=tried.costs)
    elif begin.extend and (plan := _extended(place.plan, begin)) != place.plan:
        try_weights(plan, draft.weights, notice)
        resolved = Resolved(plan=plan)
    else:
        resolved = Resolved(plan=place.plan)
    check_included(resolved.plan, _tested(begin.prepared))
    begin.save(resolved.plan)
    return resolved


def _extended(plan: Plan, begin: Beginning) -> Plan:
    """The plan with what is asked more."""
    asked, draft = begin.asked, begin.draft
    if plan.question != asked.question:
        plan = plan.extended(asked.question)
        plan = replace(plan, external_code=draft.plan.external_code, init=draft.plan.init)
    if asked.learning_curve and not (plan.learning_curve and plan.curve_stopped_after is None):
        plan = replace(plan, learning_curve=True, curve_stopped_after=None, time_limit=None)
    return plan


def _tested(prepared: Prepared) -> Sequence[str]:
    ids = prepared.source.ids
    return [ids[index] for index in prepared.members.tolist() if prepared.split[index] == "test"]


def _write(begin: Beginning, place: Place[Plan], plan: Plan) -> None:
    """Writes the plan, and where its images and weights are."""
    folder = place.folder
    before = () if place.plan is None else place.plan.asked_before
    # What was found under the first plan stands by itself.
    if (folder / RESULTS).is_file() and plan.asked_before != before:
        (folder / RESULTS).replace(folder / f"comparison-{len(plan.asked_before)}.json")
    if plan != place.plan:
        (folder / REPORT).unlink(missing_ok=True)
        COMPARISONS.begin(folder, plan)
    store_images(folder, plan, begin.prepared, begin.asked.images, begin.decoded(plan))
    store_weights(folder, files_of(begin.draft.weights))
    include_runs(plan, folder)


def _budget(begin: Beginning, plan: Plan, costs: dict[str, StepCost] | None) -> Budget | None:
    """Returns the corrections that keep a plan within its time limit; None where it has none."""
    over = plan.stopped_after is not None and not plan.learning_curve
    if plan.time_limit is None or over or plan.curve_stopped_after is not None:
        return None
    draft = begin.draft.plan
    return Budget(
        plan,
        replace(plan, question=begin.asked.question, recipe=draft.recipe, tuning=draft.tuning),
        costs or try_again(plan),
        end=begin.here.began + plan.time_limit,
        fewer_epochs=begin.here.fewer_epochs,
    )

"""Carries out a plan to the end: runs, verdicts, latencies, report."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from skipwise.comparison.budget.corrections import Budget, StartAgain, TimeIsUp
from skipwise.comparison.budget.forecast import Forecast
from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.evidence.learning_curve import learning_curve, network_of_curve
from skipwise.comparison.evidence.predictions import Records
from skipwise.comparison.executors.attempts import gather
from skipwise.comparison.executors.executor import Executor
from skipwise.comparison.plan.layout import COSTS, CURVE, REPORT, RESULTS
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.comparison.question.question import LEAST
from skipwise.comparison.report.examples import shown_images
from skipwise.comparison.report.networks import write_network_pages
from skipwise.comparison.report.page import write_report
from skipwise.comparison.report.thumbnails import pictures
from skipwise.comparison.results.choice import choose
from skipwise.comparison.results.finished import PICTURES, Comparison, histories
from skipwise.comparison.results.interim import INTERIM, write_interim
from skipwise.comparison.results.records import Costs, Results
from skipwise.comparison.run.curve import train_parts
from skipwise.comparison.run.images import load_images
from skipwise.comparison.run.interim import interim_of
from skipwise.comparison.run.keeping import WeightKeeper
from skipwise.comparison.run.pulse import ComparisonPulse
from skipwise.comparison.run.settling import settling
from skipwise.comparison.run.study import LookTaken, StudyResult, run_study
from skipwise.comparison.wording.costs import after_look
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import write_sealed
from skipwise.core.files.json_records import write_json
from skipwise.core.machine.system import describe_machine
from skipwise.core.text import count
from skipwise.core.workspace.heartbeat import HEARTBEAT
from skipwise.cost.price import Price
from skipwise.cost.timing import latencies
from skipwise.pages.pictures import FEW_PIXELS
from skipwise.training.callbacks import Callback, Callbacks, Phase, Start, with_callbacks
from skipwise.training.folder.names import TUNING


def carry_out(
    plan: Plan,
    folder: Path,
    callback: Callback,
    forecast: Forecast | None,
    budget: Budget | None,
    executor: Executor,
    price: Price | None = None,
) -> Comparison:
    """Does the runs that are left, judges, measures latencies, and writes the results and the report.

    Args:
        forecast: for `Callback.on_start`.
        budget: of the plan's time limit, if it has one.
        executor: does the runs.
        price: of a machine, where it was named.

    Raises:
        SkipwiseError: something that no run can continue from, or the time was up before there was anything to judge.
    """
    start = Start(folder=folder, plan=plan, forecast=forecast)
    pulse = ComparisonPulse(None if budget is None else budget.end)
    callback = Callbacks([pulse, callback, WeightKeeper(plan, folder, callback)])
    return with_callbacks(callback, start, lambda: _carry_out(plan, folder, callback, budget, executor, price))


def _carry_out(
    plan: Plan,
    folder: Path,
    callback: Callback,
    budget: Budget | None,
    executor: Executor,
    price: Price | None,
) -> Comparison:
    changes, results = _Changes(plan, folder, callback, budget), None
    with contextlib.closing(executor):
        executor.open(folder, processes=plan.processes, threads=plan.execution.threads)
        gather(folder)  # of an earlier command, whichever executor it had
        study = _study(changes, executor, price)
        if plan.learning_curve:
            study, results = _with_curve(changes, executor, study)
    results = results or _judged(changes, study)
    plan = changes.plan
    write_sealed(folder / RESULTS, results)
    callback.on_phase(Phase(name="Measuring latency on this machine"))
    costs = _measure(plan, results, study, price)
    images = load_images(folder, plan)
    with contextlib.ExitStack() as stack:
        stack.callback(getattr(images.pixels, "close", lambda: None))
        pages = write_network_pages(
            plan,
            folder,
            results,
            lambda ids: pictures(images, ids),
            few_pixels=plan.preprocessing.size < FEW_PIXELS,
            begin=lambda name, number, total: callback.on_phase(Phase(name=f"Evaluating {name} ({number} of {total})")),
        )
        shown = pictures(images, shown_images(results, costs.recommendation, pages))
    callback.on_phase(Phase(name="Writing the report"))
    write_json(folder / PICTURES, shown)
    write_sealed(folder / COSTS, costs, [PICTURES])
    for name in ("images.json", "weights.json", INTERIM, HEARTBEAT):
        (folder / name).unlink(missing_ok=True)
    write_report(folder / REPORT, plan, results, costs, histories(plan, folder, results), shown, pages)
    return Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=False)


class _Changes:
    """The plan, and what changes it: a time limit. A change is written down before it takes effect.

    Args:
        plan: as it was begun.
        folder: the comparison's.
        callback: is told of every change.
        budget: of the plan's time limit, if it has one.
    """

    def __init__(self, plan: Plan, folder: Path, callback: Callback, budget: Budget | None) -> None:
        self.plan, self.folder, self.callback, self.budget = plan, folder, callback, budget

    def revised(self, changed: Plan) -> None:
        """Replaces the plan."""
        for sentence in changed.corrections[len(self.plan.corrections) :]:
            self.callback.on_notice(sentence)
        for name in changed.not_trained.keys() - self.plan.not_trained.keys():
            self.callback.on_notice(f"{name} is not trained any further. {changed.not_trained[name]}")
        COMPARISONS.begin(self.folder, changed)
        self.plan = changed
        if self.budget is not None:
            self.budget.change_plan(changed)


def _judged(changes: _Changes, study: StudyResult) -> Results:
    changes.callback.on_phase(Phase(name="Judging the answers"))
    return collect(changes.plan, changes.folder, study)


def _with_curve(changes: _Changes, executor: Executor, study: StudyResult) -> tuple[StudyResult, Results]:
    """Judges the study, makes the learning curve of the network that is chosen, and puts it beside what was found."""
    results = _judged(changes, study)
    name = network_of_curve(results)
    if name is None:
        changes.callback.on_notice("There is no learning curve, since no network can be recommended.")
        return study, results
    plan, records = train_parts(
        changes.plan,
        changes.folder,
        executor,
        name,
        study.tuned.get(name),
        callback=changes.callback,
        budget=changes.budget,
        revised=changes.revised,
    )
    study = replace(study, records={**study.records, **records})
    if not plan.curve_seeds:
        return study, replace(results, plan=plan.digest())
    found = learning_curve(plan, changes.folder, study, results, name, records)
    return study, replace(results, plan=plan.digest(), learning_curve=found)


def _study(changes: _Changes, executor: Executor, price: Price | None = None) -> StudyResult:
    """Carries out the study."""

    def looked(look: LookTaken) -> None:
        interim = interim_of(look)
        write_interim(changes.folder, interim)
        if said := after_look(interim, run_seconds(look.plan, look.records), look.plan.processes, price):
            changes.callback.on_notice(said)

    # Once the last look was taken, only a learning curve is left for the limit to be about.
    budget = None if changes.plan.stopped_after is not None else changes.budget
    while True:
        try:
            return run_study(
                changes.plan,
                changes.folder,
                executor,
                callback=changes.callback,
                budget=budget,
                revised=changes.revised,
                looked=looked,
            )
        except StartAgain as again:
            executor.cancel()
            changes.revised(again.plan)
        except TimeIsUp as early:
            executor.cancel()
            budget = None
            if not early.seeds:
                raise SkipwiseError(
                    "The time is up, and some networks have no finished run, so that there is no answer. What was "
                    f"done is kept in {changes.folder}; the same command resumes it, with the same time limit again."
                ) from early
            if early.seeds < changes.plan.question.looks[-1]:
                sentence = f"The time was up after {count(early.seeds, 'seed')}."
                if early.seeds < LEAST:
                    sentence += " One seed does not show how much runs vary, so that nothing is judged."
                corrections = (*changes.plan.corrections, sentence)
                changes.revised(replace(changes.plan, stopped_after=early.seeds, corrections=corrections))


def _measure(plan: Plan, results: Results, study: StudyResult, price: Price | None) -> Costs:
    trained = [c.name for c in results.candidates if c.counts is not None and c.not_trained is None]
    networks = {name: plan.network(name).build(seed=plan.question.first_seed) for name in trained}
    preprocessing = plan.preprocessing
    threads, timings = latencies(networks, channels=preprocessing.channels, size=preprocessing.size)
    choice = choose(results, {name: timing.median for name, timing in timings.items()})
    return Costs(
        machine=describe_machine(),
        threads=threads,
        latencies=timings,
        recommendation=choice,
        run_seconds=run_seconds(plan, study.records),
        processes=plan.processes,
        trained_seconds=_trained_seconds(plan, study),
        tuning_seconds=_seconds_in(TUNING, study),
        finished=datetime.now(UTC).date().isoformat(),
        price=price,
        settling=settling(study, results, choice),
        curve_seconds=_seconds_in(CURVE, study),
    )


def run_seconds(plan: Plan, records: Records) -> dict[str, float]:
    """The median time of each candidate's finished runs; those that were trained before may be of another machine."""
    before = {(run.model, run.seed) for run in plan.included}
    taken: dict[str, list[float]] = {}
    for name in plan.trained:
        for seed in plan.question.seeds:
            for job in plan.jobs(name, seed):
                record = records.get(job.folder)
                if record is not None and record.status == "finished" and (name, seed) not in before:
                    taken.setdefault(name, []).append(record.seconds)
    return {name: median(each) for name, each in taken.items()}


def _seconds_in(part: str, study: StudyResult) -> float | None:
    """The time of the runs in a folder of their own, as those that tuned learning rates; None without any."""
    found = [record.seconds for folder, record in study.records.items() if folder.startswith(f"{part}/")]
    return sum(found) if found else None


def _trained_seconds(plan: Plan, study: StudyResult) -> float:
    """The time of all runs together, but for those that were trained before."""
    before = {job.folder for run in plan.included for job in plan.jobs(run.model, run.seed)}
    return sum(record.seconds for folder, record in study.records.items() if folder not in before)

"""The content of the report. It computes nothing but means over seeds; evidence.py has the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.report import evidence, examples, fairness
from skipwise.comparison.report.by_seed import page_of_epochs, page_of_spreads
from skipwise.comparison.report.further import page_of_further
from skipwise.comparison.report.learning_curve import page_of_curve
from skipwise.comparison.report.networks import NetworkPage
from skipwise.comparison.results.records import Candidate, Costs, Results, RunResult
from skipwise.comparison.wording import pairs, phrases, study
from skipwise.comparison.wording.answer import answer, excess, has_a_bug, status
from skipwise.comparison.wording.further import and_outcomes
from skipwise.comparison.wording.notes import notes, reservations
from skipwise.comparison.wording.tuning import searched, tuned
from skipwise.core.files.atomic import write_text
from skipwise.core.text import count
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.pages import figures, render
from skipwise.pages.pictures import FEW_PIXELS
from skipwise.statistics import Estimate
from skipwise.training.folder.state import EpochMetrics


def write_report(
    path: Path,
    plan: Plan,
    results: Results,
    costs: Costs,
    histories: Mapping[str, Sequence[tuple[EpochMetrics, ...]]],
    pictures: Mapping[str, str],
    pages: Mapping[str, NetworkPage],
) -> None:
    """Writes the comparison as one HTML file that needs nothing else.

    Args:
        histories: every run's epochs, by candidate.
        pictures: data URLs of the images that it shows, by their ids; any may be missing.
        pages: the pages of networks to which it links, by their names; any may be missing.
    """
    machine, choice, outcome = costs.machine, costs.recommendation, results.question.scoring
    said = answer(results, choice, costs)
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    write_text(
        path,
        render(
            "report.html",
            title=f"{count(len(results.candidates), 'network')} compared on {plan.data}",
            status=status(results, choice),
            settled=choice.shown and not results.exploratory and not has_a_bug(results),
            head=said.head,
            quiet=study.when_and_how_long(plan, costs),
            reservations=reservations(plan, results),
            grounds=said.rest,
            chosen=choice.candidate or "",
            tag="use this" if choice.shown and not has_a_bug(results) else "best guess",
            asked=study.asked(results),
            notes=[note for note in notes(plan, results) if note not in reservations(plan, results)],
            examples=examples.examples(results, choice, pages, pictures),
            divided=examples.divided(results, choice, pictures),
            disagreements=examples.disagreements(results, pictures),
            few_pixels=plan.preprocessing.size < FEW_PIXELS,
            measure=phrases.measure(results.question),
            sure=phrases.sure(results.question),
            also_accuracy="" if outcome.is_accuracy else OUTCOMES["accuracy"].measure(),
            higher_is_better=outcome.higher_is_better,
            difference_of=outcome.difference_of,
            heading=f"difference, {outcome.unit}" if outcome.unit else "difference",
            behind=outcome.behind,
            networks=_networks(results, costs, pages),
            looks_taken=study.looks_taken(plan, results),
            latency_note=(
                "the median of forward passes of one image in fp32, PyTorch eager, "
                f"{count(costs.threads, 'thread')} of {machine.processor}, the networks measured in turn; "
                "below it the middle half of the measurements."
            ),
            trade_off=evidence.trade_off(results, costs),
            margin=phrases.margin(results.question),
            several_looks=len(results.question.looks) > 1,
            matrix=evidence.matrix(results),
            pairs=evidence.pairs(results, costs),
            further=page_of_further(results),
            doubling=page_of_curve(results),
            spreads=page_of_spreads(results),
            epochs_needed=page_of_epochs(results),
            and_outcomes=and_outcomes(results.question),
            of_losses="errors" if outcome.higher_is_better else "loss",
            has_ratios=bool(results.ratios),
            calibrations=evidence.calibrations(results),
            separating=pairs.would_separate(results, _fitting(results, costs), costs),
            not_covered=study.not_covered(plan),
            assumed=study.assumed(results),
            curves=evidence.curves(results, histories),
            any_finished=any(run.status == "finished" for c in results.candidates for run in c.runs),
            legend=[(figures.mark(number), c.name) for number, c in enumerate(results.candidates)],
            classes=evidence.classes(results),
            tried=None if searched(results) else evidence.tried(results),
            searched=searched(results),
            tuned=tuned(results, costs),
            equal=fairness.equal(plan),
            different=fairness.different(plan, results),
            runs=[_run(candidate, run) for candidate in results.candidates for run in candidate.runs],
            folds=plan.folds,
            command=command(plan),
            included=len(plan.included),
            data=plan.data,
            fingerprint=plan.fingerprint,
            machine=(
                f"{machine.processor}, {count(machine.cores, 'core')}, {machine.system}, Python "
                f"{machine.python}, {versions}."
            ),
        ),
    )


def _fitting(results: Results, costs: Costs) -> frozenset[str]:
    """The candidates that were compared and break no limit."""
    unfit = costs.recommendation.unfit
    return frozenset(c.name for c in results.candidates if c.outcome is not None and c.name not in unfit)


def _networks(results: Results, costs: Costs, pages: Mapping[str, NetworkPage]) -> list[dict[str, Any]]:
    """A row per candidate, the best first."""
    outcomes = [c.outcome for c in results.candidates if c.outcome is not None]
    ends = (min((o.low for o in outcomes), default=0.0), max((o.high for o in outcomes), default=1.0))
    beaten, choice = results.beaten(), costs.recommendation
    return [
        {
            "mark": figures.mark(number),
            "name": candidate.name,
            "page": pages[candidate.name].address if candidate.name in pages else None,
            "chosen": candidate.name == choice.candidate,
            "unfit": [excess(each, results) for each in choice.unfit.get(candidate.name, ())],
            "below": beaten.get(candidate.name),
            **_outcome(candidate, results, ends),
            "runs": phrases.runs_done(candidate),
            "unlearned": phrases.unlearned(candidate),
            **_costs(candidate, costs),
        }
        for number, candidate in evidence.ranked(results)
    ]


def _outcome(candidate: Candidate, results: Results, ends: tuple[float, float]) -> dict[str, Any]:
    plain = phrases.accuracy(candidate.accuracy)
    outcome: Estimate | None = candidate.outcome
    if outcome is None:
        return {
            "outcome": phrases.reached(candidate, results.question),
            "interval": "",
            "figure": "",
            "plain": plain,
        }
    scoring = results.question.scoring
    return {
        "outcome": scoring.value(outcome.value),
        "interval": scoring.bounds(outcome.low, outcome.high),
        "figure": figures.interval(outcome.value, outcome.low, outcome.high, ends=ends),
        "plain": plain,
    }


def _costs(candidate: Candidate, costs: Costs) -> dict[str, str]:
    counts, timing = candidate.counts, costs.latencies.get(candidate.name)
    return {
        "size": phrases.size(counts),
        "parameters": f"{counts.parameters:,}" if counts else "",
        "multiply_adds": phrases.operations(counts),
        "latency": phrases.latency(timing),
        "quartiles": f"{timing.low * 1000:.2f} to {timing.high * 1000:.2f}" if timing else "",
    }


def _run(candidate: Candidate, run: RunResult) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "seed": run.seed,
        "fold": run.fold,
        "failed": run.status == "failed" or run.not_learned is not None,
        "status": _status(run),
        "val": phrases.accuracy(run.val.accuracy if run.val else None),
        "test": phrases.accuracy(run.test.accuracy if run.test else None),
        "nll": f"{run.test.nll:.3f}" if run.test else "",
    }


def _status(run: RunResult) -> str:
    if run.not_learned is not None:
        nothing = f"learned nothing: {run.not_learned}"
        return nothing if run.reason is None else f"{run.status}: {run.reason}; {nothing}"
    return run.status if run.reason is None else f"{run.status}: {run.reason}"

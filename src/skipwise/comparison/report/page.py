"""What the report says; computes nothing but means over seeds. What it shows of the evidence is in evidence.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.report import evidence, fairness
from skipwise.comparison.report.notes import notes
from skipwise.comparison.results import wording
from skipwise.comparison.results.records import Candidate, Costs, Results, RunResult
from skipwise.core.files.atomic import write_text
from skipwise.evaluation.metrics import Metrics
from skipwise.pages import figures, render
from skipwise.statistics import Estimate
from skipwise.training.run.state import EpochMetrics


def write_report(
    path: Path,
    plan: Plan,
    results: Results,
    costs: Costs,
    histories: Mapping[str, Sequence[tuple[EpochMetrics, ...]]],
    pictures: Mapping[str, str],
) -> None:
    """Writes the comparison as one HTML file that needs nothing else.

    Args:
        histories: every run's epochs, by candidate.
        pictures: data URLs of the images in `results.disagreements`, by their ids; any may be missing.
    """
    machine, choice, outcome = costs.machine, costs.recommendation, results.question.scoring
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    write_text(
        path,
        render(
            "report.html",
            title=f"{wording.counted(len(results.candidates), 'network')} compared on {plan.data}",
            standing=_standing(results, costs),
            settled=choice.shown and not results.exploratory and not _has_a_bug(results),
            answer=choice.sentence,
            chosen=choice.candidate or "",
            tag="use this" if choice.shown and not _has_a_bug(results) else "best guess",
            asked=wording.asked(results),
            notes=notes(plan, results),
            script=figures.script(),
            measure=wording.measure(results.question),
            sure=wording.sure(results.question),
            also_accuracy=not outcome.is_accuracy,
            higher_is_better=outcome.higher_is_better,
            difference_of=outcome.difference_of,
            heading=f"difference, {outcome.unit}" if outcome.unit else "difference",
            behind=outcome.behind,
            networks=_networks(results, costs),
            course=wording.course(plan, results),
            latency_note=(
                "the median of forward passes of one image in fp32, PyTorch eager, "
                f"{wording.counted(costs.threads, 'thread')} of {machine.processor}, the networks measured in turn; "
                "below it the middle half of the measurements."
            ),
            trade_off=evidence.trade_off(results, costs),
            margin=wording.margin(results.question),
            several_looks=len(results.question.looks) > 1,
            matrix=evidence.matrix(results),
            pairs=evidence.pairs(results, costs),
            of_losses="loss" if not outcome.right_or_wrong else "errors",
            has_ratios=bool(results.ratios),
            calibrations=evidence.calibrations(results),
            separating=choice.separating,
            not_covered=wording.not_covered(plan),
            assumed=wording.assumed(results),
            curves=evidence.curves(results, histories),
            legend=[(figures.mark(number), c.name) for number, c in enumerate(results.candidates)],
            classes=evidence.classes(results),
            disagreements=evidence.disagreements(results, pictures),
            tried=evidence.tried(results),
            equal=fairness.equal(plan),
            different=fairness.different(plan, results),
            runs=[_run(candidate, run) for candidate in results.candidates for run in candidate.runs],
            folds=plan.folds,
            command=command(plan),
            included=len(plan.included),
            data=plan.data,
            fingerprint=plan.fingerprint,
            machine=(
                f"{machine.processor}, {wording.counted(machine.cores, 'core')}, {machine.system}, Python "
                f"{machine.python}, {versions}."
            ),
        ),
    )


def _standing(results: Results, costs: Costs) -> str:
    """How much the answer rests on, in two or three words."""
    if costs.recommendation.candidate is None:
        return "No answer"
    if _has_a_bug(results):
        return "Not to be trusted"
    if not costs.recommendation.shown:
        return "Not settled"
    if results.folds is not None:
        return "Shown, approximately"
    return "Shown, but exploratory" if results.exploratory else f"Shown, {wording.sure(results.question)} sure"


def _has_a_bug(results: Results) -> bool:
    """Whether seeds made no difference where they must."""
    return any(candidate.repeated for candidate in results.candidates)


def _networks(results: Results, costs: Costs) -> list[dict[str, Any]]:
    """A row per candidate, the best first."""
    outcomes = [c.outcome for c in results.candidates if c.outcome is not None]
    ends = (min((o.low for o in outcomes), default=0.0), max((o.high for o in outcomes), default=1.0))
    beaten, choice = results.beaten(), costs.recommendation
    return [
        {
            "mark": figures.mark(number),
            "name": candidate.name,
            "chosen": candidate.name == choice.candidate,
            "unfit": choice.unfit.get(candidate.name, ()),
            "below": beaten.get(candidate.name),
            **_outcome(candidate, results, ends),
            "runs": wording.runs_done(candidate),
            "unlearned": wording.unlearned(candidate),
            **_costs(candidate, costs),
        }
        for number, candidate in evidence.ranked(results)
    ]


def _outcome(candidate: Candidate, results: Results, ends: tuple[float, float]) -> dict[str, Any]:
    plain = "" if candidate.accuracy is None else f"{candidate.accuracy * 100:.2f}%"
    outcome: Estimate | None = candidate.outcome
    if outcome is None:
        return {
            "outcome": wording.reached(candidate, results.question),
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
        "size": wording.size(counts),
        "parameters": f"{counts.parameters:,}" if counts else "",
        "multiply_adds": wording.operations(counts),
        "latency": wording.latency(timing),
        "quartiles": f"{timing.low * 1000:.2f} to {timing.high * 1000:.2f}" if timing else "",
    }


def _run(candidate: Candidate, run: RunResult) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "seed": run.seed,
        "fold": run.fold,
        "failed": run.status == "failed" or run.not_learned is not None,
        "status": _status(run),
        "val": _accuracy(run.val),
        "test": _accuracy(run.test),
        "nll": f"{run.test.nll:.3f}" if run.test else "",
    }


def _status(run: RunResult) -> str:
    if run.not_learned is not None:
        nothing = f"learned nothing: {run.not_learned}"
        return nothing if run.reason is None else f"{run.status}: {run.reason}; {nothing}"
    return run.status if run.reason is None else f"{run.status}: {run.reason}"


def _accuracy(metrics: Metrics | None) -> str:
    return f"{metrics.accuracy * 100:.2f}%" if metrics else ""

"""From a finished comparison to its part of a study's record."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, geometric_mean, stdev

from skipwise.comparison.options import CompareOptions
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.finished import Comparison, histories
from skipwise.comparison.results.records import Candidate, Results, RunResult
from skipwise.comparison.wording.plans import outlined
from skipwise.core.options import command_words
from skipwise.core.text import command
from skipwise.studies.designs import Design
from skipwise.studies.networks import plain_name
from skipwise.studies.records import ComparisonFound, Cost, NetworkFound, NormsFound, OutcomeFound
from skipwise.training.depth.norms import LAST, DepthSnapshot, read_depth_norms


def comparison_found(design: Design, found: Comparison, seed: int) -> ComparisonFound:
    """The record of one comparison."""
    plan, results = found.plan, found.results
    losses = {
        name: [epochs[-1].train_loss for epochs in runs if epochs]
        for name, runs in histories(plan, found.folder, results).items()
    }
    return ComparisonFound(
        name=design.name,
        title=design.title,
        command=command_of(design, seed),
        outline=tuple(_outline(plan)),
        plan=results.plan,
        data=design.images.data,
        fingerprint=results.fingerprint,
        outcome=plan.question.outcome,
        seeds=plan.question.seeds,
        steps=plan.recipe.steps_in_all(plan.train_images),
        networks=tuple(_network(candidate, losses[candidate.name], results) for candidate in results.candidates),
        norms=tuple(each for name in plan.trained if (each := _norms(found, name)) is not None),
    )


def _norms(found: Comparison, name: str) -> NormsFound | None:
    """Returns how gradients change with depth in a network; None where no run recorded it."""
    jobs = [job for seed in found.plan.question.seeds for job in found.plan.jobs(name, seed)]
    records = [each for job in jobs if (each := read_depth_norms(found.folder / job.folder)) is not None]
    if not records:
        return None
    before, after = ([each.at(epoch) for each in records] for epoch in (0, LAST))
    return NormsFound(
        name=name,
        runs=len(records),
        blocks=len(records[0].blocks),
        before=_growth(before),
        after=_growth(after),
    )


def _growth(snapshots: Sequence[DepthSnapshot | None]) -> float | None:
    growths = [None if each is None else each.growth for each in snapshots]
    known = [growth for growth in growths if growth is not None]
    return geometric_mean(known) if known and len(known) == len(growths) else None


def command_of(design: Design, seed: int) -> str:
    """The command that does a comparison of a study by itself."""
    words = command_words(CompareOptions, {"split": f"{design.name}.csv", **design.arguments(seed)})
    return command("skipwise", "compare", design.images.data, *words)


def _outline(plan: Plan) -> list[str]:
    """The images, the question and the recipe, with networks by their short names."""
    lines = outlined(plan)
    for name in plan.question.candidates:
        lines = [line.replace(name, plain_name(name)) for line in lines]
    return lines


def _network(candidate: Candidate, losses: list[float], results: Results) -> NetworkFound:
    counts, finished = candidate.counts, [run for run in candidate.runs if run.status == "finished"]
    return NetworkFound(
        name=candidate.name,
        parameters=None if counts is None else counts.parameters,
        multiply_adds=None if counts is None else counts.multiply_adds,
        outcome=candidate.outcome,
        train_loss=fmean(losses) if losses else None,
        spread=_spread(finished),
        runs=len(finished),
        learned=learned(candidate),
        failed=candidate.failed,
        further=tuple(
            OutcomeFound(outcome=judged.outcome, value=each.outcome)
            for judged in results.further
            for each in judged.networks
            if each.name == candidate.name
        ),
    )


def _spread(finished: list[RunResult]) -> float | None:
    accuracies = [run.test.accuracy for run in finished if run.test is not None and run.not_learned is None]
    return stdev(accuracies) if len(accuracies) > 1 else None


def learned(candidate: Candidate) -> int:
    """Counts the seeds that learned anything."""
    return len(candidate.seeds_that_count)


def costs_of(design: Design, found: Comparison) -> list[Cost]:
    """Lists the costs of a comparison's networks on this machine."""
    costs = found.costs
    return [
        Cost(
            comparison=design.name,
            name=candidate.name,
            latency=costs.medians.get(candidate.name),
            run=costs.run_seconds.get(candidate.name),
        )
        for candidate in found.results.candidates
    ]

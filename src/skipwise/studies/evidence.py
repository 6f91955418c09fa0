"""From finished comparisons to the answers of a study."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from skipwise.comparison.options import CompareOptions
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.finished import Comparison, histories
from skipwise.comparison.results.records import Candidate
from skipwise.comparison.run.predictions import Answers, read_answers, read_tested
from skipwise.comparison.wording.plans import outlined
from skipwise.core.errors import SkipwiseError
from skipwise.core.options import command_words
from skipwise.core.text import command
from skipwise.statistics import judge
from skipwise.statistics.records import Pair
from skipwise.studies.answers import answer_to, without_interval
from skipwise.studies.designs import Design, Part
from skipwise.studies.records import ComparisonFound, Cost, Finding, NetworkFound
from skipwise.training.run.record import read_run

Done = Mapping[str, Comparison]
"""The finished comparisons of a study by the names of their designs."""


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
        outline=tuple(outlined(plan)),
        plan=results.plan,
        fingerprint=results.fingerprint,
        recipe_steps=plan.recipe.steps_in_all(plan.train_images),
        networks=tuple(_network(candidate, losses[candidate.name]) for candidate in results.candidates),
    )


def command_of(design: Design, seed: int) -> str:
    """The command that does a comparison of a study by itself."""
    words = command_words(CompareOptions, {"split": f"{design.name}.csv", **design.arguments(seed)})
    return command("skipwise", "compare", design.images.data, *words)


def _network(candidate: Candidate, losses: list[float]) -> NetworkFound:
    counts, finished = candidate.counts, [run for run in candidate.runs if run.status == "finished"]
    return NetworkFound(
        name=candidate.name,
        parameters=None if counts is None else counts.parameters,
        multiply_adds=None if counts is None else counts.multiply_adds,
        outcome=candidate.outcome,
        train_loss=fmean(losses) if losses else None,
        runs=len(finished),
        learned=_learned(candidate),
        failed=candidate.failed,
    )


def _learned(candidate: Candidate) -> int:
    return len(candidate.seeds_that_count)


def costs_of(design: Design, found: Comparison) -> list[Cost]:
    """What the networks of a comparison cost on this machine."""
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


def finding_on(part: Part, done: Done) -> Finding:
    """The answer to one part of the claim."""
    first, second = done[part.of_better], done[part.of_worse]
    question = first.results.question
    scale = question.scoring.scale
    pair = first.results.advantage(part.better, part.worse) if first is second else _across(part, first, second)
    if pair is None:
        verdict = without_interval(_learned(_candidate(first, part.better)), _learned(_candidate(second, part.worse)))
        numbers: dict[str, Any] = {"difference": None, "low": None, "high": None}
    else:
        verdict = pair.verdict
        numbers = {
            "difference": pair.difference * scale,
            "low": pair.low * scale,
            "high": pair.high * scale,
            "seeds_to_settle": pair.seeds_to_settle,
        }
    return Finding(
        part=part,
        unit=question.scoring.unit,
        verdict=verdict,
        answer=answer_to(verdict),
        margin=question.margin,
        **numbers,
    )


def _candidate(found: Comparison, name: str) -> Candidate:
    return next(candidate for candidate in found.results.candidates if candidate.name == name)


def _across(part: Part, first: Comparison, second: Comparison) -> Pair | None:
    """A pair of networks of two comparisons, which have the same test images and seeds."""
    if first.results.fingerprint != second.results.fingerprint:
        raise SkipwiseError(f"{first.folder} and {second.folder} were made of different images; begin the study anew.")
    answers = {"better": _answers(first, part.better), "worse": _answers(second, part.worse)}
    question, tested = first.results.question, read_tested(first.plan, first.folder)
    judged = judge(
        {side: each.scores for side, each in answers.items()},
        margin=question.tolerance,
        alpha=question.alpha,
        looks=question.looks,
        seeds={side: each.seeds for side, each in answers.items()},
        groups=tested.groups_that_count,
        learned={side: each.learned for side, each in answers.items()},
        higher_is_better=question.scoring.higher_is_better,
    )
    return judged.pairs[0] if judged.pairs else None


def _answers(found: Comparison, name: str) -> Answers:
    plan: Plan = found.plan
    jobs = [job for seed in plan.question.seeds for job in plan.jobs(name, seed)]
    records = {job.folder: read_run(found.folder / job.folder) for job in jobs}
    return read_answers(plan, found.folder, read_tested(plan, found.folder), name, records)

"""From finished comparisons to the answers to the parts of a claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skipwise.comparison.evidence.by_seed import attempts, spreads_among
from skipwise.comparison.evidence.predictions import Answers, read_answers, read_tested
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.results.records import Candidate, as_advantage
from skipwise.core.errors import SkipwiseError
from skipwise.statistics import judge, reachings
from skipwise.statistics.records import Pair
from skipwise.studies.answers import Verdict, answer_to, without_interval
from skipwise.studies.comparisons import learned
from skipwise.studies.designs import Part, Quantity
from skipwise.studies.networks import plain_name
from skipwise.studies.records import Finding
from skipwise.training.folder.record import read_run

Done = Mapping[str, Comparison]
"""The finished comparisons of a study by the names of their designs."""

OF_PAIRS: dict[str, Verdict] = {"better": "more", "worse": "less", "equivalent": "alike"}
OF_SPREADS: dict[str, Verdict] = {"larger": "more", "smaller": "less"}
OF_EPOCHS: dict[str, Verdict] = {"more": "more", "fewer": "less"}
UNRESOLVED: Verdict = "unresolved"


def finding_on(part: Part, done: Done) -> Finding:
    """The answer to one part of the claim."""
    return EVIDENCE[part.quantity](part, done[part.of_a], done[part.of_b])


def _outcome(part: Part, first: Comparison, second: Comparison) -> Finding:
    judged = next(each for each in first.results.judged if part.outcome in ("", each.outcome))
    scale, unit = judged.scoring.scale, judged.scoring.unit
    pair = judged.pair(part.a, part.b) if first is second else _across(part, first, second)
    if pair is not None:
        pair = as_advantage(pair, judged.scoring)
    else:
        verdict = without_interval(learned(_candidate(first, part.a)), learned(_candidate(second, part.b)))
        return Finding(part=part, unit=unit, verdict=verdict, answer=answer_to(verdict), margin=judged.margin)
    verdict = OF_PAIRS.get(pair.verdict, UNRESOLVED)
    return Finding(
        part=part,
        value=pair.difference * scale,
        low=pair.low * scale,
        high=pair.high * scale,
        unit=unit,
        verdict=verdict,
        answer=answer_to(verdict),
        margin=judged.margin,
        seeds_to_settle=pair.seeds_needed,
    )


def _spread(part: Part, first: Comparison, second: Comparison) -> Finding:
    """Divides the spread of a's outcome over seeds by that of b's."""
    answers = {part.a: answers_of(first, part.a), part.b: answers_of(second, part.b)}
    found = spreads_among(answers, read_tested(first.plan, first.folder), part.alpha)
    scoring = first.results.question.scoring
    details = tuple(
        f"{plain_name(name)}: a standard deviation of {scoring.scale * each.deviation:.2f} {scoring.unit} over "
        f"{each.seeds} seeds on these images; {scoring.scale * each.beyond:.2f} without what is due to the images"
        for name, each in found.networks.items()
    )
    pair = found.pairs[0] if found.pairs else None
    verdict = UNRESOLVED if pair is None else OF_SPREADS.get(pair.verdict, UNRESOLVED)
    return Finding(
        part=part,
        value=None if pair is None else pair.ratio,
        low=None if pair is None else pair.low,
        high=None if pair is None else pair.high,
        unit="times",
        verdict=verdict,
        answer=answer_to(verdict),
        details=details,
    )


def _epochs(part: Part, first: Comparison, second: Comparison) -> Finding:
    """Counts the epochs that a needs more than b to reach the target on the validation images."""
    if part.target is None:
        raise ValueError(f"The part {part.claim!r} has no target.")
    runs = {
        name: attempts(found.plan, found.folder, _candidate(found, name), part.target)
        for name, found in ((part.a, first), (part.b, second))
    }
    reached = reachings(runs, epochs=first.plan.recipe.epochs, alpha=part.alpha)
    details = tuple(
        f"{plain_name(name)}: {each.reached} of {each.runs} runs reached {part.target:.0%} of the validation images, "
        + ("fewer than half of all" if each.median is None else f"half of all by epoch {each.median}")
        + f"; {each.mean:.1f} epochs on average, counted up to {each.horizon}"
        for name, each in reached.networks.items()
    )
    pair = reached.pairs[0] if reached.pairs else None
    verdict = UNRESOLVED if pair is None else OF_EPOCHS.get(pair.verdict, UNRESOLVED)
    return Finding(
        part=part,
        value=None if pair is None else pair.difference,
        low=None if pair is None else pair.low,
        high=None if pair is None else pair.high,
        unit="epochs",
        verdict=verdict,
        answer=answer_to(verdict),
        details=details,
    )


EVIDENCE: dict[Quantity, Callable[[Part, Comparison, Comparison], Finding]] = {
    "outcome": _outcome,
    "spread": _spread,
    "epochs": _epochs,
}
"""The answer to a part of a claim, by what it is about: of the part, and the comparisons of its two networks."""


def _candidate(found: Comparison, name: str) -> Candidate:
    return next(candidate for candidate in found.results.candidates if candidate.name == name)


def _across(part: Part, first: Comparison, second: Comparison) -> Pair | None:
    """A pair of networks of two comparisons, which have the same test images and seeds."""
    if first.results.fingerprint != second.results.fingerprint:
        raise SkipwiseError(f"{first.folder} and {second.folder} were made of different images; begin the study anew.")
    answers = {"a": answers_of(first, part.a), "b": answers_of(second, part.b)}
    question, tested = first.results.question, read_tested(first.plan, first.folder)
    judged = judge(
        {side: each.scores for side, each in answers.items()},
        margin=question.tolerance,
        alpha=question.share_of_alpha,
        looks=question.looks,
        seeds={side: each.seeds for side, each in answers.items()},
        groups=tested.groups_that_count,
        learned={side: each.learned for side, each in answers.items()},
        higher_is_better=question.scoring.higher_is_better,
    )
    return judged.pairs[0] if judged.pairs else None


def answers_of(found: Comparison, name: str) -> Answers:
    """The answers of a network's runs to the test images."""
    plan = found.plan
    jobs = [job for seed in plan.question.seeds for job in plan.jobs(name, seed)]
    records = {job.folder: read_run(found.folder / job.folder) for job in jobs}
    return read_answers(plan, found.folder, read_tested(plan, found.folder), name, records)

"""Short phrases about results, as tables and sentences have them."""

from __future__ import annotations

import math

from skipwise.comparison.question.question import Question
from skipwise.comparison.results.records import Candidate, Results
from skipwise.core.text import count
from skipwise.cost.counts import Counts
from skipwise.cost.interleaved import Timing
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.statistics import Estimate, Pair
from skipwise.training.loop.recipe import Recipe

UNKNOWN = "unknown"


def measure(question: Question, *, on: str = "test") -> str:
    """Names what the question counts."""
    return question.scoring.measure(on=on)


def margin(question: Question) -> str:
    """The difference that would not matter, in its unit: "0.5 points"."""
    return question.scoring.margin_text(question.margin)


def sure(question: Question) -> str:
    """Returns the confidence level of the intervals: "95%"."""
    return f"{(1 - question.alpha) * 100:g}%"


def tested(results: Results) -> str:
    """Counts the images that networks were tested on: "900 test images in 30 groups (column patient)"."""
    images, used = count(results.test_images, "test image"), sum(results.class_images_that_count)
    if used < results.test_images:
        images = f"{used:,} of {images}"
    if results.test_groups is None:
        return images
    groups = f"{images} in {count(results.test_groups, 'group')}"
    if results.grouped_by:
        return f"{groups} ({results.grouped_by})"
    return f"{groups} ({count(results.test_images - results.test_groups, 'near-duplicate')})"


def unlearned(candidate: Candidate) -> str:
    """Counts runs that learned nothing: "0 of 5 learned nothing; up to 52% may"; "" where unknown."""
    share = candidate.not_learned
    if share is None:
        return ""
    reach = f"up to {share.high:.0%} may" if not share.count else f"{share.low:.0%} to {share.high:.0%} may"
    return f"{share.count} of {share.runs} learned nothing; {reach}"


def reached(candidate: Candidate, question: Question) -> str:
    """A candidate's outcome with its interval."""
    if candidate.not_trained is not None:
        return "not trained"
    outcome = candidate.outcome
    if outcome is None:
        share = candidate.not_learned
        if share is None or not share.count:
            return "none"
        return "learned nothing" if share.count == share.runs else "too few runs learned"
    return mean(outcome, question)


def mean(outcome: Estimate | None, question: Question) -> str:
    """A mean with its interval: "97.70% (95.4 to 99.7)"; "none" where there is none."""
    if outcome is None:
        return "none"
    scoring = question.scoring
    return f"{scoring.value(outcome.value)} ({scoring.bounds(outcome.low, outcome.high)})"


def accuracy(value: float | None) -> str:
    """An accuracy, which is shown also where something else is counted; "" where there is none."""
    return "" if value is None else OUTCOMES["accuracy"].value(value)


def difference(pair: Pair, question: Question) -> str:
    """A difference with its interval, in the outcome's unit."""
    scoring = question.scoring
    return f"{scoring.difference(pair.difference)} ({scoring.differences(pair.low, pair.high)})"


def latency(timing: Timing | None) -> str:
    """The median of what an image takes."""
    return milliseconds(timing.median) if timing else UNKNOWN


def milliseconds(seconds: float) -> str:
    """Returns the time for an image: "9.80 ms"."""
    return f"{seconds * 1000:.2f} ms"


def size(counts: Counts | None) -> str:
    """Returns the size of the weights in float32."""
    return f"{counts.parameters * 4 / 1e6:,.1f} MB" if counts else UNKNOWN


def operations(counts: Counts | None) -> str:
    """Multiply-adds per image, in millions."""
    return f"{counts.multiply_adds / 1e6:,.1f} M" if counts else UNKNOWN


def runs_done(candidate: Candidate) -> str:
    """Counts the runs of a candidate: "5", "5, 1 failed", or "5 x 4" with four folds."""
    folds = f" x {candidate.folds}" if candidate.folds > 1 else ""
    failed = f", {candidate.failed} failed" if candidate.failed else ""
    return f"{len(candidate.seeds)}{folds}{failed}"


def length(recipe: Recipe) -> str:
    """Returns the length of a run: "40 epochs", or "24 steps, less than an epoch"."""
    if recipe.steps is not None:
        return f"{count(recipe.steps, 'step')}, less than an epoch"
    return count(recipe.epochs, "epoch")


def over_limit(name: str, value: float | None, limit: float, *, scale: float, unit: str) -> str:
    """By how much a cost is over a limit: "latency 3 ms, 20% over the limit of 2.5 ms".

    Args:
        scale: what values are multiplied by for the unit.
    """
    if value is None:
        return f"its {name} is not known"
    over = f"{value / limit - 1:.0%} over" if value < 10 * limit else f"{value / limit:.0f} times"
    over = "just over" if over == "0% over" else over
    return f"{name} {_short(value * scale)} {unit}, {over} the limit of {_short(limit * scale)} {unit}"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"


def rounded_up(number: int) -> int:
    """An estimate, to the two digits that it is worth."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return math.ceil(number / unit) * unit

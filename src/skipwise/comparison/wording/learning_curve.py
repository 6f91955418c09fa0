"""What more training images would bring, in words: for the terminal, the page and Markdown."""

from __future__ import annotations

from msgspec import UnsetType

from skipwise.comparison.results.learning_curve import LearningCurve
from skipwise.comparison.results.records import Results
from skipwise.comparison.wording.phrases import sure
from skipwise.core.text import count
from skipwise.evaluation.outcomes import Outcome
from skipwise.statistics import LEAST_CURVE_SEEDS, Estimate
from skipwise.statistics.extrapolation import HELD, HELD_ON

FEW = 10
"""Images of a class in a quarter, below which a learning curve says little."""


def few_for_a_curve(smallest: tuple[str, int]) -> str:
    """Warns of a class of which a quarter of the training images has few; "" where there are enough.

    Args:
        smallest: the class of which it has the fewest, and how many.
    """
    name, images = smallest
    if images >= FEW:
        return ""
    return (
        f"A quarter of the training images has only {images} of the class {name!r}: with fewer than {FEW} images of a "
        "class, a learning curve says little about what more of them would bring."
    )


def curve_of(results: Results) -> LearningCurve | None:
    """The learning curve; None where there is none."""
    return None if isinstance(results.learning_curve, UnsetType) else results.learning_curve


def more_images(results: Results) -> str:
    """What twice the images would bring, for whoever decides; "" where that was not asked."""
    curve, outcome = curve_of(results), results.question.scoring
    if curve is None:
        return ""
    if curve.found is None:
        if len(curve.seeds) >= LEAST_CURVE_SEEDS:
            return (
                "What more images would bring is not known: the training images are in so few groups that a quarter, "
                "half and all of them can't be told apart."
            )
        few = "only one" if curve.seeds else "none"
        return (
            f"What more images would bring is not known. That takes two seeds with which {curve.network} learns on a "
            f"quarter, on half and on all of the training images, and there is {few}."
        )
    _, half, whole = curve.points
    return (
        f"Twice the images would bring {curve.network} about {_gain(curve.found.next, outcome)}, which is an "
        f"extrapolation; the last doubling, from {half.images:,} to {whole.images:,}, brought "
        f"{_gain(curve.found.last, outcome)}. {_another(curve, results)}"
    )


def _gain(gain: Estimate, outcome: Outcome) -> str:
    """A gain with its interval: "1.8 points (0.6 to 3.0)"."""
    return f"{outcome.amount(gain.value)} ({outcome.bounds(gain.low, gain.high)})"


def _another(curve: LearningCurve, results: Results) -> str:
    """What another network of the comparison may bring at most."""
    pairs = [results.advantage(each.name, curve.network) for each in results.candidates if each.name != curve.network]
    known = [pair for pair in pairs if pair is not None]
    if not known:
        return "It is not known what another network would bring."
    most = max(known, key=lambda pair: pair.high)
    if most.high <= 0:
        return "No other network here would bring anything."
    return f"Another network here would bring {results.question.scoring.amount(most.high)} at most."


def about_curve(curve: LearningCurve, results: Results) -> list[str]:
    """Explains how the numbers came about, and how far they can be relied on."""
    said = [
        f"{curve.network} was also trained on a quarter and on half of the training images, with the same epochs and "
        f"{count(len(curve.seeds), 'seed')}, and answered the same test images. Each seed has parts of its own, the "
        "quarter within the half. Batches are as small as for so few images."
    ]
    if curve.found is not None:
        said.append(
            f"The interval of the last doubling holds in {sure(results.question)} of cases, for seeds and test images, "
            "whichever network was chosen. What the next doubling may bring is an extrapolation: it rests on errors "
            "falling as a power of the number of images, down to a floor, which three sizes can't prove. On "
            f"{HELD_ON} published learning curves of other learners, {HELD:.0%} of such 95% intervals held."
        )
    if curve.lost:
        said.append(
            f"{count(curve.lost, 'seed')} {'is' if curve.lost == 1 else 'are'} left out, with which a run failed or "
            "learned nothing."
        )
    if few := few_for_a_curve((curve.smallest, curve.fewest)):
        said.append(few)
    return said

"""An evaluation in words, the same on the screen and on the page."""

from __future__ import annotations

from skipwise.core.text import count
from skipwise.evaluation.confusion import ClassScores, Score
from skipwise.evaluation.one_network import Confidence, Evaluation, Measured
from skipwise.evaluation.outcomes import outcome_of

NEARLY_ONE = 0.02
"""A temperature so close to 1 changes nothing that is worth a sentence."""
FEW_CLASSES = 12
"""The largest number of classes of which all are shown at first; of more, only the weakest are."""
SURE = 0.02
"""A calibration error that is shown to be no larger is called small."""


def measured(each: Measured) -> str:
    """A mean with its interval: "94.10% (92.8 to 95.3)"."""
    outcome = outcome_of(each.outcome)
    return f"{outcome.value(each.value)} ({outcome.bounds(each.low, each.high)})"


def measure(each: Measured, split: str) -> str:
    """Names the measure: "Test accuracy"; for images outside a known split, "Accuracy"."""
    name = outcome_of(each.outcome).measure(on={"test": "test", "val": "validation"}.get(split, "")).strip()
    return name[0].upper() + " ".join(name.split())[1:]


def share(score: Score) -> str:
    """A share with its interval: "91% (84 to 96)"; "none" where nothing was counted."""
    if score.value is None:
        return "none"
    return f"{100 * score.value:.0f}% ({100 * score.low:.0f} to {100 * score.high:.0f})"


def weakest_first(found: Evaluation) -> list[ClassScores]:
    """The classes by their F1, the lowest first; those without one last."""
    return sorted(found.scores, key=lambda each: (2.0 if each.f1.value is None else each.f1.value, each.name))


def headline(found: Evaluation, network: str) -> str:
    """States the main result in one sentence."""
    accuracy = found.accuracy
    images = count(found.images, "image") + (f", in {count(found.groups, 'group')}" if found.groups else "")
    return (
        f"{network} is right on {100 * accuracy.value:.1f}% of {images} (95% interval {100 * accuracy.low:.1f} to "
        f"{100 * accuracy.high:.1f}%, for this network: another seed gives another)."
    )


def against_guessing(found: Evaluation) -> str:
    """Compares the result with always giving the commonest class."""
    accuracy = found.accuracy
    guess = f"Always answering the commonest class would be right on {100 * accuracy.guess:.1f}%"
    if accuracy.low > accuracy.guess:
        return f"{guess}."
    return f"{guess}, so these images do not show that the network has learned anything."


def weakest(found: Evaluation) -> str | None:
    """The class that is recognised least, and what it is taken for; None where every image is right."""
    if not found.confused:
        return None
    seen = [each for each in found.scores if each.recall.value is not None]
    worst = min(seen, key=lambda each: (each.recall.value or 0.0, each.name))
    assert worst.recall.value is not None
    pair = found.confused[0]
    return (
        f"It recognises {worst.name} least: {100 * worst.recall.value:.0f}% of {worst.images:,}. Its most frequent "
        f"mistake is to take {pair.label} for {pair.answer} ({pair.count:,} of {_images(found, pair.label):,})."
    )


def trust(found: Evaluation) -> str:
    """States whether the network's confidence can be believed."""
    given, accuracy = found.confidence.calibration, found.accuracy
    error = f"{100 * given.error:.1f} points ({100 * given.low:.1f} to {100 * given.high:.1f})"
    if given.high <= SURE:
        return f"Its confidence is close to how often it is right: the calibration error is {error}."
    means = f"on average it is {100 * given.confidence:.1f}% sure and {100 * accuracy.value:.1f}% right"
    if given.confidence > accuracy.high:
        return f"It is overconfident: {means}. The calibration error is {error}."
    if given.confidence < accuracy.low:
        return f"It is underconfident: {means}. The calibration error is {error}."
    if given.low == 0.0:
        return f"These images are too few to tell whether its confidence is right: the calibration error is {error}."
    return f"Its confidence is right on average, but not of single answers: the calibration error is {error}."


def scaled(found: Evaluation) -> str | None:
    """States the effect of temperature scaling; None where it was not fitted, or does nothing."""
    if found.scaled is None or abs(found.scaled.temperature - 1) < NEARLY_ONE:
        return None
    before, after = found.confidence, found.scaled
    worse = " So it does not help on these images." if after.log_loss > before.log_loss else ""
    return (
        f"Dividing the logits by a temperature of {after.temperature:.2f}, fitted on the validation images, changes no "
        f"answer. It takes the calibration error from {_points(before)} to {_points(after)} points, and the log-loss "
        f"from {before.log_loss:.3f} to {after.log_loss:.3f}.{worse}"
    )


def refusals(found: Evaluation) -> list[str]:
    """States how many images must be left to a person for a higher accuracy on the others."""
    sentences = []
    for each in found.refusals:
        if each.accuracy is None:
            sentences.append(
                f"No threshold reached {100 * each.asked:.0f}% on the validation images without refusing every image "
                "here."
            )
            continue
        missed = ": the aim is missed" if each.accuracy < each.asked else ""
        sentences.append(
            f"To aim for {100 * each.asked:.0f}% right, accept only answers with a confidence of at least "
            f"{100 * each.threshold:.1f}%, as chosen on the validation images. Here that leaves "
            f"{100 * each.answered:.1f}% of the images, and {100 * each.accuracy:.1f}% of these are right{missed}."
        )
    return sentences


def operating(found: Evaluation) -> str | None:
    """The threshold between two classes, and what it gives; None with more classes or without validation images."""
    if found.operating is None:
        return None
    negative, positive = found.classes
    at = found.operating
    return (
        f"Calling an image {positive} from a probability of {100 * at.threshold:.1f}% on, as chosen on the validation "
        f"images, finds {100 * at.true_positives:.1f}% of {positive} and wrongly calls {100 * at.false_positives:.1f}% "
        f"of {negative} so; {100 * at.precision:.1f}% of the images called {positive} are."
    )


def _points(confidence: Confidence) -> str:
    return f"{100 * confidence.calibration.error:.1f}"


def _images(found: Evaluation, name: str) -> int:
    return next(each.images for each in found.scores if each.name == name)

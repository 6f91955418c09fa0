"""Options for the outcome in which networks are compared."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.core.options import Listed, option, options


@options("What is compared")
class OutcomeOptions:
    """The outcomes, and their margins."""

    outcome: str | Sequence[str] = option(
        "accuracy",
        "What is compared: accuracy, balanced-accuracy (every class weighs the same), top5-accuracy, log-loss, brier, "
        "corrupted (accuracy under noise, blur, weather and compression), background (how much accuracy depends on the "
        "background, for the data set backgrounds), or one of them on some classes, such as "
        "accuracy:classes=A,B. Of several, separated by commas, the first "
        "decides which network is recommended and gets more seeds; the verdicts hold for all of them together.",
        metavar="OUTCOME,OUTCOME,...",
    )
    margin: float | Sequence[float] | None = option(
        None,
        "The largest difference that would not matter, in the unit of --outcome: percentage points of an accuracy, "
        "nats of log-loss. Of several outcomes, that of the first, or of each, separated by commas.",
        unset="0.5 points, 0.01 nats, or 0.005 of the Brier score",
        metavar="NUMBER,NUMBER,...",
        listed=Listed(of=float, takes="numbers, like --margin 0.5,0.01"),
    )
    alpha: float = option(0.05, "The probability that any of the verdicts is wrong.")


@options("What is compared")
class TargetOptions:
    """The accuracy to be reached."""

    target_accuracy: float | None = option(
        None,
        "Also compare how many epochs networks need to reach this accuracy on the validation images, in percent.",
        metavar="PERCENT",
    )

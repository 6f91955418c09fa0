"""Options for the outcome in which networks are compared."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("What is compared")
class OutcomeOptions:
    """The outcome, and the margin."""

    outcome: str = option(
        "accuracy",
        "What is compared: accuracy, balanced-accuracy (every class weighs the same), top5-accuracy, log-loss, brier, "
        "or one of them on some classes, such as accuracy:classes=A,B.",
    )
    margin: float | None = option(
        None,
        "The largest difference that would not matter, in the unit of --outcome: percentage points of an accuracy, "
        "nats of log-loss.",
        unset="0.5 points, 0.01 nats, or 0.005 of the Brier score",
    )
    alpha: float = option(0.05, "The probability that any of the verdicts is wrong.")

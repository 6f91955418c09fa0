"""The options of `judge` and `judge_predictions`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions


@options("What is compared")
class QuestionOptions:
    """The outcome, and how large a difference has to be to matter."""

    margin: float | None = option(
        None,
        "The largest difference that would not matter, in the unit of --outcome: percentage points of an accuracy, "
        "nats of log-loss.",
        unset="0.5 points, 0.01 nats, or 0.005 of the Brier score",
    )
    outcome: str = option(
        "accuracy",
        "What is compared: accuracy, balanced-accuracy (every class weighs the same), top5-accuracy, log-loss, brier, "
        "or one of them on some classes, such as accuracy:classes=A,B. top5-accuracy, log-loss and brier take "
        "probabilities or logits.",
    )
    alpha: float = option(0.05, "The probability that any of the verdicts is wrong.")


@options("How the files are read")
class FileOptions:
    """Options for the columns of the files, where their names alone do not say it."""

    labels: str | None = option(None, "A table of id and label, for files without labels.", metavar="FILE", path=True)
    network_column: str | None = option(
        None,
        "The column that names the network, in tables that hold several.",
        unset="network, or the file's name",
        metavar="COLUMN",
    )
    seed_column: str | None = option(
        None,
        "The column that holds the seed, in tables that hold several.",
        unset="seed, or the file's name",
        metavar="COLUMN",
    )
    group: str | None = option(
        None, "The column that says which images belong together (one patient).", metavar="COLUMN"
    )


@options()
class PredictionsOptions:
    """The options of `judge_predictions`."""

    question: QuestionOptions = group(QuestionOptions)


@options()
class JudgeOptions:
    """The options of `judge`."""

    question: QuestionOptions = group(QuestionOptions)
    files: FileOptions = group(FileOptions)
    folder: FolderOptions = group(FolderOptions, without=("resume",))

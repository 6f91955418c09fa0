"""The options of `predict`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.nets.options import TrustOptions


@options("Answers")
class AnswerOptions:
    """Options for the answers, and for the place where they are written."""

    top: int = option(1, "The number of classes in each answer, the most likely ones.", metavar="N")
    probabilities: bool = option(False, "Give the probability of every class, too.")
    output: str | None = option(
        None,
        "Write the answers into this .csv or .jsonl file. The same command continues it.",
        metavar="FILE",
        short="-o",
        path=True,
    )
    format: str | None = option(
        None,
        "How answers are printed or written: table, csv or jsonl.",
        unset="what the name of --output says, or else table",
    )


@options("Machine")
class ComputeOptions:
    """Options for computing the answers."""

    batch_size: int = option(32, "The number of images per forward pass.", metavar="IMAGES", short="-b")
    workers: int | None = option(
        None, "The number of threads that decode images.", unset="one per core", metavar="N", short="-j"
    )
    threads: int | None = option(None, "The number of threads of the network.", unset="one per core", metavar="N")


@options()
class PredictOptions:
    """The options of `predict`."""

    answers: AnswerOptions = group(AnswerOptions)
    compute: ComputeOptions = group(ComputeOptions)
    trust: TrustOptions = group(TrustOptions)

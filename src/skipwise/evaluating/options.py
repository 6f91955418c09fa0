"""What a user may say of an evaluation; the options of `evaluate`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.data.options import ReadingOptions
from skipwise.nets.options import TrustOptions


@options("Evaluation")
class AnsweringOptions:
    """Which images are answered, and what answers them."""

    subset: str = option("test", "Which of the run's own images to evaluate on: test or val.", metavar="test|val")
    backend: str | None = option(
        None,
        "What runs an exported network: onnxruntime, openvino or torch.",
        unset="the format's own",
        metavar="BACKEND",
    )


@options()
class EvaluateOptions:
    """The options of `evaluate`."""

    answering: AnsweringOptions = group(AnsweringOptions)
    trust: TrustOptions = group(TrustOptions)
    reading: ReadingOptions = group(ReadingOptions)
    folder: FolderOptions = group(FolderOptions, without=("resume",))

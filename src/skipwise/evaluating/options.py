"""The options of `evaluate`."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.core.options import Listed, group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.data.options import ReadingOptions
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.nets.options import TrustOptions


@options("Evaluation")
class AnsweringOptions:
    """Options for the images to evaluate on, and for the backend."""

    subset: str = option("test", "Which of the run's own images to evaluate on: test or val.", metavar="test|val")
    backend: str | None = option(
        None,
        "What runs an exported network: onnxruntime, openvino or torch.",
        unset="the format's own",
        metavar="BACKEND",
    )


@options("Noise, blur and weather")
class CorruptionOptions:
    """Options for corrupted images."""

    corruptions: str | Sequence[str] | None = option(
        None,
        "Also measure the accuracy on corrupted images: all, groups of corruptions (noise, blur, weather, digital), or "
        "single ones such as fog,gaussian_noise. They are applied to images at the size that the network takes.",
        unset="none",
        metavar="all|NAMES",
        listed=Listed(),
    )
    severities: Sequence[int] | None = option(
        None,
        "The severities of the corruptions, from 1 to 5, such as 1,3,5.",
        unset="all five",
        metavar="NUMBERS",
        listed=Listed(of=int, takes="severities from 1 to 5, like --severities 1,3,5"),
    )
    images: int | None = option(
        None,
        "How many images are corrupted at most, drawn class by class. Each is answered once for every corruption and "
        "severity.",
        unset="1000",
        metavar="NUMBER",
    )


@options()
class EvaluateOptions:
    """The options of `evaluate`."""

    answering: AnsweringOptions = group(AnsweringOptions)
    weights: ExternalWeights = group(ExternalWeights)
    corruption: CorruptionOptions = group(CorruptionOptions)
    trust: TrustOptions = group(TrustOptions)
    reading: ReadingOptions = group(ReadingOptions)
    folder: FolderOptions = group(FolderOptions, without=("resume",))

"""The options of `export`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.data.options import ReadingOptions
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.nets.options import TrustOptions
from skipwise.training.options import TrackOptions


@options("The file")
class FormatOptions:
    """The format and the precision of the exported file, and who signs it."""

    format: str = option("onnx", "The format of the file: onnx, openvino or torch (a .pt2 of torch.export).")
    precision: str = option(
        "fp32",
        "The precision of the weights: fp32, fp16 (half the space; computed in single precision) or int8.",
    )
    max_drop: float = option(
        0.3,
        "For int8: the points of accuracy on the validation images that may be lost.",
        metavar="POINTS",
    )
    temperature: bool = option(
        True,
        "Divide the logits by the temperature that makes the probabilities honest on the run's validation images. It "
        "changes no answer.",
    )
    explain: bool = option(
        False,
        "Give the heat map of the answer, too, as a second output of an ONNX file of fp32 or fp16; for networks of "
        "Skipwise.",
    )
    serve: str | None = option(
        None,
        "Write a folder into the artifact, too, that a server runs as it is: docker, openvino-model-server or triton.",
        metavar="SERVER",
    )
    huggingface: bool = option(
        False,
        "Write a folder into the artifact, too, for the Hugging Face Hub: a model card, the weights, and a config.json "
        "that timm takes, too, where it has the network. 'skipwise push' sends it.",
    )
    sign: str | None = option(
        None,
        "Sign the artifact with this secret minisign key. One that was made before has to be signed by it already.",
        metavar="KEY",
        path=True,
    )


@options()
class ExportOptions:
    """The options of `export`."""

    file: FormatOptions = group(FormatOptions)
    folder: FolderOptions = group(FolderOptions, only=("output",))
    trust: TrustOptions = group(TrustOptions)
    weights: ExternalWeights = group(ExternalWeights)
    tracking: TrackOptions = group(TrackOptions)
    reading: ReadingOptions = group(ReadingOptions, without=("group", "group_regex"))

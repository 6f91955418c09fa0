"""What a user may say of an export; the options of `export`."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.core.options import Listed, group, option, options
from skipwise.core.workspace_options import FolderOptions
from skipwise.data.options import ReadingOptions
from skipwise.nets.options import TrustOptions

CHANNELS = Listed(of=float, takes="numbers such as 0.5,0.5,0.5")


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
    sign: str | None = option(
        None,
        "Sign the artifact with this secret key of minisign's. One that was made before has to be signed by it.",
        metavar="KEY",
        path=True,
    )


@options("For a file of weights instead of a run")
class WeightsOptions:
    """What a file of weights from elsewhere does not say of its network."""

    model: str | None = option(
        None,
        "The network, see 'skipwise models'. For a run: trust this network of your own, as --trust does any.",
        metavar="NETWORK",
    )
    classes: str | Sequence[str] | None = option(
        None,
        "The names of the classes in the order of the network's answers, as a,b,c or as a file of lines.",
        metavar="NAMES",
    )
    img_size: int = option(224, "The size of the images, in pixels a side.", metavar="PIXELS")
    mean: Sequence[float] | None = option(
        None, "The means of the channels, from 0 to 1.", unset="ImageNet's", metavar="R,G,B", listed=CHANNELS
    )
    std: Sequence[float] | None = option(
        None,
        "The standard deviations of the channels, from 0 to 1.",
        unset="ImageNet's",
        metavar="R,G,B",
        listed=CHANNELS,
    )
    crop: float = option(
        1.0,
        "The share of the middle square that the network sees: 0.875 for images of 256 pixels that are cut to 224.",
        metavar="SHARE",
    )
    interpolation: str = option("bilinear", "How images are resized: bilinear or bicubic.")
    width: float = option(1.0, "The width of the network, as in 'skipwise train'.", metavar="FACTOR")
    stem: str = option("imagenet", "The stem of the network: imagenet or small.")
    init_key: str | None = option(
        None,
        "Which weights to take from a file that holds several, such as state_dict_ema.",
        metavar="KEY",
    )


@options()
class ExportOptions:
    """The options of `export`."""

    file: FormatOptions = group(FormatOptions)
    folder: FolderOptions = group(FolderOptions, only=("output",))
    weights: WeightsOptions = group(WeightsOptions)
    trust: TrustOptions = group(TrustOptions)
    reading: ReadingOptions = group(ReadingOptions, without=("group", "group_regex"))

"""The options of `profile`."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("Measurement")
class ProfileOptions:
    """The options of `profile`."""

    img_size: int = option(224, "The size of the images, in pixels a side.", metavar="PIXELS")
    batch_size: int = option(32, "The number of images per batch.", metavar="IMAGES", short="-b")
    num_classes: int = option(1000, "The number of classes.", metavar="N")
    stem: str = option("auto", "The networks' first layers: small, imagenet, or auto, which is small up to 64 pixels.")
    width: float = option(1.0, "The number of channels, as a multiple of the published number.", metavar="FACTOR")
    precision: str = option("fp32", "The precision to compute in: fp32 or bf16.")
    compile: bool = option(False, "Compile each network first (a minute each).")

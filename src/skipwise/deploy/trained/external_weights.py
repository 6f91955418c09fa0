"""The user's description of a file of weights that was not trained here; the file itself does not have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.options import Listed, option, options
from skipwise.deploy.trained.normalisation import IMAGENET_MEAN, IMAGENET_STD, check_scale

if TYPE_CHECKING:
    from skipwise.data.image.preprocess import Preprocessing

CHANNELS = Listed(of=float, takes="numbers such as 0.5,0.5,0.5")


@options("For a file of weights instead of a run")
class ExternalWeights:
    """The network that a file of weights belongs to, its classes, and how images become its input."""

    model: str | None = option(
        None,
        "The network; see 'skipwise models'. For a run: trust the network of your own that has this name.",
        metavar="NETWORK",
    )
    classes: str | Sequence[str] | None = option(
        None,
        "The names of the classes in the order of the network's answers, as a,b,c or as a file of lines.",
        metavar="NAMES",
    )
    img_size: int | None = option(
        None,
        "The size of the images, in pixels a side.",
        unset="32 for networks that were published for CIFAR, else 224",
        metavar="PIXELS",
    )
    mean: Sequence[float] = option(
        IMAGENET_MEAN,
        "The mean of each channel, from 0 to 1; one number for grey images.",
        metavar="R,G,B",
        listed=CHANNELS,
    )
    std: Sequence[float] = option(
        IMAGENET_STD,
        "The standard deviation of each channel, from 0 to 1.",
        metavar="R,G,B",
        listed=CHANNELS,
    )
    crop: float = option(
        1.0,
        "The side of the central square that the network sees, as a share of the shorter side: 0.875 if images are "
        "resized to 256 pixels and cropped to 224.",
        metavar="SHARE",
    )
    interpolation: str = option("bilinear", "How images are resized: bilinear or bicubic.")
    width: float = option(1.0, "The width of the network, as in 'skipwise train'.", metavar="FACTOR")
    stem: str | None = option(
        None, "The stem of the network: imagenet or small.", unset="the one that the network was published with"
    )
    init_key: str | None = option(
        None, "Which weights to take from a file that holds several, such as state_dict_ema.", metavar="KEY"
    )

    def preprocessing(self, usual_size: int = 224) -> Preprocessing:
        """The steps that turn images into the network's input.

        Args:
            usual_size: of the images, where the user says none.

        Raises:
            SkipwiseError: something is out of range.
        """
        from skipwise.data.image.preprocess import Preprocessing  # and with it numpy

        size = usual_size if self.img_size is None else self.img_size
        if not 8 <= size <= 1024:
            raise SkipwiseError(f"--img-size must lie between 8 and 1024 pixels, not {size}.")
        check_scale(self.mean, self.std)
        if not 0 < self.crop <= 1:
            raise SkipwiseError(f"--crop must be above 0 and at most 1, not {self.crop:g}.")
        if self.interpolation not in ("bilinear", "bicubic"):
            raise unknown_name("interpolation", self.interpolation, ("bilinear", "bicubic"))
        return Preprocessing(
            size=size,
            channels=len(self.mean),
            mean=tuple(self.mean),
            std=tuple(self.std),
            crop=self.crop,
            interpolation=self.interpolation,
        )

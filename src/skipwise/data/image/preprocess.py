"""Pixels -> network input, as a frozen record that travels with the run into whatever is shipped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.white_level import DEFAULT, FULL, Levels

if TYPE_CHECKING:  # what looks at files is started often, and has no use for the rest
    from skipwise.data.images import Pixels


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How an image of any size becomes network input.

    What has more than 8 bits is brought to 8 by `levels`. The middle square, `crop` times the shorter side, is resized
    to `size` x `size` pixels (antialiased, by `interpolation`: "bilinear" or "bicubic"), and each channel becomes
    (value / 255 - mean) / std.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float = 1.0
    interpolation: str = "bilinear"
    levels: Levels = DEFAULT

    def check(self) -> None:
        """Raises ValueError for what no record of ours holds."""
        if not 1 <= self.size <= 4096 or self.channels not in (1, 3) or not 0 < self.crop <= 1:
            raise ValueError("its preprocessing is out of range")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError("its mean or deviation is not one for each channel")
        whites = [white for white in vars(self.levels).values() if white is not None]
        if not 0 < self.levels.white_16 <= FULL or not all(0 < white < math.inf for white in whites):
            raise ValueError("what counts as white is out of range")
        if self.interpolation not in ("bilinear", "bicubic"):
            raise ValueError(f"it resizes by {self.interpolation!r}")


def fit_square(
    pixels: NDArray[np.uint8], size: int, *, crop: float = 1.0, interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """uint8 [H, W, C] -> uint8 [size, size, C], as `Preprocessing` says; untouched if it fits already."""
    height, width, channels = pixels.shape
    if (height, width) == (size, size) and crop == 1:
        return pixels
    from PIL import Image

    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    fitted = fit_image(image, size, crop=crop, interpolation=interpolation)
    return np.asarray(fitted, dtype=np.uint8).reshape(size, size, channels)


def fit_image(image: Any, size: int, *, crop: float = 1.0, interpolation: str = "bilinear") -> Any:
    """The same for Pillow's images."""
    from PIL import Image

    width, height = image.size
    if (height, width) == (size, size) and crop == 1:
        return image
    # What is cropped away is not resized first. Across, then down: in one call Pillow 13 takes the passes in the one
    # order or the other, as it finds quicker, and rounding in between makes them differ.
    shorter = min(height, width)
    # In steps of 1/256 pixel, which single precision holds exactly; Pillow keeps a box so.
    side = shorter - 2 * math.floor(shorter * cropped_away(crop) + 0.5) / 256
    left, top = (width - side) / 2, (height - side) / 2
    methods = {"bilinear": (Image.Resampling.BILINEAR, 1), "bicubic": (Image.Resampling.BICUBIC, 2)}
    method, reach = methods[interpolation]
    margin = reach * max(side / size, 1) + 1
    first, last = max(0, math.floor(top - margin)), min(height, math.ceil(top + side + margin))
    rows = image if (first, last) == (0, height) else image.crop((0, first, width, last))
    across = rows.resize((size, last - first), method, box=(left, 0, left + side, last - first))
    return across.resize((size, size), method, box=(0, top - first, size, top - first + side))


def cropped_away(crop: float) -> float:
    """How much of the shorter side is left out at either end, as a share, in 1/256 pixel."""
    return 256 * (1 - crop) / 2


def channel_statistics(pixels: Pixels, members: NDArray[np.int64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of some images of uint8 [N, H, W, C], on the scale 0 to 1.

    Rounded to four digits, so that the record is short; a channel that never varies gets a std of 1.
    """
    channels = pixels.shape[-1]
    # Counting values is exact; in pieces, since it makes wide copies of what it counts.
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(members), 256):
        piece = pixels[members[start : start + 256]]
        counts += np.stack([np.bincount(piece[..., c].ravel(), minlength=256) for c in range(channels)])
    values = np.arange(256) / 255
    mean = (counts * values).sum(axis=1) / counts.sum(axis=1)
    variance = (counts * (values[None] - mean[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1)
    std = np.where(variance > 1e-8, np.sqrt(variance), 1.0)
    return tuple(np.round(mean, 4).tolist()), tuple(np.round(std, 4).tolist())

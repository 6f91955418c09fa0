"""Preprocessing: how pixels become network input. The record is stored with the run and in the exported file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.white_level import DEFAULT, FULL, Levels

if TYPE_CHECKING:  # decoder processes start often, and do not need it
    from skipwise.data.images import Pixels


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The steps that turn an image of any size into network input.

    Pixels of more than 8 bits are scaled to 8 bits. The central square is resized to `size` x `size` pixels, with
    antialiasing. Each channel becomes (value / 255 - mean) / std.

    Args:
        size: height and width in pixels.
        channels: 1 (grey) or 3 (RGB).
        mean, std: for each channel, on the scale from 0 to 1.
        crop: side of the central square, as a share of the shorter side.
        interpolation: "bilinear" or "bicubic".
        levels: the values that count as white in images of more than 8 bits.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float = 1.0
    interpolation: str = "bilinear"
    levels: Levels = DEFAULT

    def check(self) -> None:
        """Raises ValueError for values that Skipwise never writes."""
        if not 1 <= self.size <= 4096 or self.channels not in (1, 3) or not 0 < self.crop <= 1:
            raise ValueError("its preprocessing is out of range")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError("its mean and standard deviation do not have one value for each channel")
        whites = [white for white in vars(self.levels).values() if white is not None]
        if not 0 < self.levels.white_16 <= FULL or not all(0 < white < math.inf for white in whites):
            raise ValueError("what counts as white is out of range")
        if self.interpolation not in ("bilinear", "bicubic"):
            raise ValueError(f"it resizes by {self.interpolation!r}")


def fit_square(
    pixels: NDArray[np.uint8], size: int, *, crop: float = 1.0, interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """Crops and resizes pixels uint8 [H, W, C] to [size, size, C], as `Preprocessing` describes."""
    height, width, channels = pixels.shape
    if (height, width) == (size, size) and crop == 1:
        return pixels
    from PIL import Image

    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    resized = fit_image(image, size, crop=crop, interpolation=interpolation)
    return np.asarray(resized, dtype=np.uint8).reshape(size, size, channels)


def fit_image(image: Any, size: int, *, crop: float = 1.0, interpolation: str = "bilinear") -> Any:
    """The same for Pillow's image. An image that has the size already is returned as it is."""
    from PIL import Image

    width, height = image.size
    if (height, width) == (size, size) and crop == 1:
        return image
    # The image is resized across, then down. In one call Pillow 13 chooses the faster order, and the order matters,
    # since values are rounded in between.
    shorter = min(height, width)
    # In steps of 1/256 pixel, since Pillow stores boxes in single precision, which holds these exactly.
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
    """The share of the shorter side that is cropped from each end, in 1/256 pixel."""
    return 256 * (1 - crop) / 2


def channel_statistics(pixels: Pixels, members: NDArray[np.int64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over some images, on the scale from 0 to 1.

    They are rounded to four digits. A channel that never varies gets a standard deviation of 1.

    Args:
        pixels: uint8 [N, H, W, C].
        members: the indices of the images.
    """
    channels = pixels.shape[-1]
    # Counting values is exact. It is done in pieces, since bincount makes copies of eight times the size.
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(members), 256):
        piece = pixels[members[start : start + 256]]
        counts += np.stack([np.bincount(piece[..., c].ravel(), minlength=256) for c in range(channels)])
    values = np.arange(256) / 255
    mean = (counts * values).sum(axis=1) / counts.sum(axis=1)
    variance = (counts * (values[None] - mean[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1)
    std = np.where(variance > 1e-8, np.sqrt(variance), 1.0)
    return tuple(np.round(mean, 4).tolist()), tuple(np.round(std, 4).tolist())

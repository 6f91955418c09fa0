"""Everything that is learnt from an image's bytes in one look: its hash, its header, a thumbnail, its pixels."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.decode import Header, Picture, UnreadableImage, read_image
from skipwise.data.image.preprocess import Preprocessing, fit_image
from skipwise.data.image.thumbnails import thumbnail
from skipwise.data.image.white_level import DEFAULT, Extent, Levels

NO_DIGEST = bytes(32)


@dataclass(frozen=True, kw_only=True)
class Square:
    """The part of `Preprocessing` that decides pixels: side in pixels, channels, how images are brought to it, and what
    counts as white in those of more than 8 bits."""

    size: int
    channels: int
    crop: float = 1.0
    interpolation: str = "bilinear"
    levels: Levels = DEFAULT

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Square:
        """What a preprocessing does before mean and deviation."""
        return cls(
            size=preprocessing.size,
            channels=preprocessing.channels,
            crop=preprocessing.crop,
            interpolation=preprocessing.interpolation,
            levels=preprocessing.levels,
        )

    @property
    def key(self) -> str:
        """Names it, as a part of file names."""
        values = (self.size, self.channels, self.crop, self.interpolation, *vars(self.levels).values())
        return "-".join(map(str, values))

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image: height, width and channels."""
        return self.size, self.size, self.channels

    @property
    def row_bytes(self) -> int:
        """Bytes per image."""
        return self.size * self.size * self.channels

    def takes(self, pixels: NDArray[np.uint8]) -> bool:
        """Whether pixels [H, W, C] are as they should be already."""
        return pixels.shape == (self.size, self.size, self.channels) and self.crop == 1

    def fit(self, image: Any) -> bytes:
        """Pillow's image (mode L or RGB) as bytes [size, size, channels]."""
        mode = "RGB" if self.channels == 3 else "L"
        fitted = fit_image(image, self.size, crop=self.crop, interpolation=self.interpolation)
        pixels: bytes = (fitted if fitted.mode == mode else fitted.convert(mode)).tobytes()
        return pixels


@dataclass(frozen=True)
class Look:
    """`fault` says why the image can't be read, or is "". `extent` is that of an image of more than 8 bits. `pixels`
    [size, size, channels] and `thumbnail` are raw bytes, empty where they were not asked for, where there is a fault,
    or, pixels, where the square's levels don't fit. `digest` is NO_DIGEST where not even bytes could be had."""

    digest: bytes
    width: int
    height: int
    grey: bool
    kind: str
    fault: str
    extent: Extent | None
    thumbnail: bytes
    pixels: bytes


def look(data: bytes, square: Square | None) -> Look:
    """One look at an encoded image, in a process that does nothing else meanwhile."""
    digest = hashlib.sha256(data).digest()
    try:
        return _seen(digest, read_image(data, alone=True), square)
    except UnreadableImage as error:
        return fault(str(error), digest)
    except MemoryError:
        return fault("there is not enough memory for it")


def look_at_pixels(pixels: NDArray[np.uint8], square: Square | None) -> Look:
    """One look at an image that is decoded already: uint8 [H, W, C]."""
    from PIL import Image

    digest = hashlib.sha256(pixels.tobytes()).digest()
    height, width, channels = pixels.shape
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    return _seen(digest, Picture(Header(width, height, channels == 1, "array"), image, pixels=pixels), square)


def fault(reason: str, digest: bytes = NO_DIGEST) -> Look:
    """The look at what can't be looked at."""
    return Look(digest, 0, 0, True, "", reason, None, b"", b"")


def _seen(digest: bytes, picture: Picture, square: Square | None) -> Look:
    header, extent = picture.header, None if picture.wide is None else picture.wide.extent
    packed = b""
    if square is not None:
        if picture.pixels is not None and square.takes(picture.pixels):
            packed = picture.pixels.tobytes()
        else:
            with contextlib.suppress(UnreadableImage):
                packed = square.fit(picture.shown(square.levels))
    small = thumbnail(picture.stretched()).tobytes()
    return Look(digest, header.width, header.height, header.grey, header.kind, "", extent, small, packed)

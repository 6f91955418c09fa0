"""Everything that is learnt from an image's bytes in one look: its hash, its header, a thumbnail, its pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.decode import Header, UnreadableImage, decode_image
from skipwise.data.preprocess import Preprocessing, fit_image
from skipwise.data.thumbnails import thumbnail

NO_DIGEST = bytes(32)


@dataclass(frozen=True, kw_only=True)
class Square:
    """The part of `Preprocessing` that decides pixels: side in pixels, channels, and how images are brought to it."""

    size: int
    channels: int
    crop: float = 1.0
    interpolation: str = "bilinear"

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Square:
        """What a preprocessing does before mean and deviation."""
        return cls(
            size=preprocessing.size,
            channels=preprocessing.channels,
            crop=preprocessing.crop,
            interpolation=preprocessing.interpolation,
        )

    @property
    def row_bytes(self) -> int:
        """Bytes per image."""
        return self.size * self.size * self.channels

    def fit(self, image: Any) -> bytes:
        """Pillow's image (mode L or RGB) as bytes [size, size, channels]."""
        mode = "RGB" if self.channels == 3 else "L"
        fitted = fit_image(image, self.size, crop=self.crop, interpolation=self.interpolation)
        pixels: bytes = (fitted if fitted.mode == mode else fitted.convert(mode)).tobytes()
        return pixels


@dataclass(frozen=True)
class Look:
    """`fault` says why the image can't be read, or is "". `pixels` [size, size, channels] and `thumbnail` are raw
    bytes, empty where they were not asked for or where there is a fault; `digest` is NO_DIGEST where not even bytes
    could be had."""

    digest: bytes
    width: int
    height: int
    grey: bool
    kind: str
    fault: str
    thumbnail: bytes
    pixels: bytes


def look(data: bytes, square: Square | None) -> Look:
    """One look at an encoded image."""
    digest = hashlib.sha256(data).digest()
    try:
        header, image = decode_image(data)
        return _seen(digest, header, image, square)
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
    return _seen(digest, Header(width, height, channels == 1, "array"), image, square)


def fault(reason: str, digest: bytes = NO_DIGEST) -> Look:
    """The look at what can't be looked at."""
    return Look(digest, 0, 0, True, "", reason, b"", b"")


def _seen(digest: bytes, header: Header, image: Any, square: Square | None) -> Look:
    small, packed = thumbnail(image).tobytes(), b"" if square is None else square.fit(image)
    return Look(digest, header.width, header.height, header.grey, header.kind, "", small, packed)

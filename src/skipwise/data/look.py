"""Everything that is learnt from an image's bytes in one look: its hash, its header, a thumbnail, its pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.decode import Header, UnreadableImage, decode_image, to_array
from skipwise.data.preprocess import Preprocessing, fit_square
from skipwise.data.thumbnails import thumbnail


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
    def bytes(self) -> int:
        """Bytes per image."""
        return self.size * self.size * self.channels

    def fit(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [H, W, C] -> uint8 [size, size, channels]; grey becomes colour by repeating it."""
        if self.channels < pixels.shape[-1]:
            raise ValueError("colour is not thrown away unasked")
        square = fit_square(pixels, self.size, crop=self.crop, interpolation=self.interpolation)
        return square if square.shape[-1] == self.channels else np.repeat(square, self.channels, axis=-1)


@dataclass(frozen=True)
class Look:
    """`fault` says why the image can't be read, or is "". `pixels` [size, size, channels] and `thumbnail` are raw
    bytes, empty where they were not asked for, where there is a fault, or (pixels) where a grey square was asked of
    an image in colour."""

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
        return _seen(digest, header, image, to_array(image), square)
    except UnreadableImage as error:
        return fault(str(error), digest)
    except MemoryError:
        return fault("there is not enough memory for it", digest)


def look_at_pixels(pixels: NDArray[np.uint8], square: Square | None) -> Look:
    """One look at an image that is decoded already: uint8 [H, W, C]."""
    from PIL import Image

    digest = hashlib.sha256(pixels.tobytes()).digest()
    height, width, channels = pixels.shape
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    return _seen(digest, Header(width, height, channels == 1, "array"), image, pixels, square)


def fault(reason: str, digest: bytes = b"\0" * 32) -> Look:
    """The look at what can't be looked at."""
    return Look(digest, 0, 0, True, "", reason, b"", b"")


def _seen(digest: bytes, header: Header, image: Any, pixels: NDArray[np.uint8], square: Square | None) -> Look:
    fits = square is not None and square.channels >= pixels.shape[-1]
    packed = square.fit(pixels).tobytes() if square is not None and fits else b""
    small = thumbnail(image).tobytes()
    return Look(digest, header.width, header.height, header.grey, header.kind, "", small, packed)

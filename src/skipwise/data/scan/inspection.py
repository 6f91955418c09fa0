"""Inspecting one image: its hash, header, thumbnail and pixels, all from reading and decoding its bytes once."""

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
"""The digest of an image whose bytes could not be read."""


@dataclass(frozen=True, kw_only=True)
class PixelFormat:
    """The part of `Preprocessing` that decides the stored uint8 pixels: all but mean and standard deviation.

    Args:
        size: height and width in pixels.
        channels: 1 (grey) or 3 (RGB).
        crop: side of the central square that is kept, as a share of the shorter side.
        interpolation: "bilinear" or "bicubic".
        levels: the values that count as white in images of more than 8 bits.
    """

    size: int
    channels: int
    crop: float = 1.0
    interpolation: str = "bilinear"
    levels: Levels = DEFAULT

    @classmethod
    def from_preprocessing(cls, preprocessing: Preprocessing) -> PixelFormat:
        """The pixel format of a preprocessing."""
        return cls(
            size=preprocessing.size,
            channels=preprocessing.channels,
            crop=preprocessing.crop,
            interpolation=preprocessing.interpolation,
            levels=preprocessing.levels,
        )

    @property
    def key(self) -> str:
        """A text that identifies the format in file names."""
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

    def matches(self, pixels: NDArray[np.uint8]) -> bool:
        """Returns whether pixels [H, W, C] are in this format already."""
        return pixels.shape == (self.size, self.size, self.channels) and self.crop == 1

    def convert(self, image: Any) -> bytes:
        """Crops and resizes Pillow's image (mode L or RGB), and returns its bytes [size, size, channels]."""
        mode = "RGB" if self.channels == 3 else "L"
        resized = fit_image(image, self.size, crop=self.crop, interpolation=self.interpolation)
        pixels: bytes = (resized if resized.mode == mode else resized.convert(mode)).tobytes()
        return pixels


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting an image.

    Args:
        digest: SHA-256 of the image's bytes; NO_DIGEST if the bytes could not be read.
        width, height: in pixels, after turning the image as EXIF says; 0 if there is a fault.
        grey: whether the image has one channel.
        kind: file format and mode, such as "JPEG RGB".
        fault: why the image cannot be read, or "".
        extent: the range of values of an image of more than 8 bits, or None.
        thumbnail: raw bytes [32, 32]; empty if there is a fault.
        pixels: raw bytes [size, size, channels]; empty if none were asked for, if there is a fault, or if the image's
            values do not fit the levels of the pixel format.
    """

    digest: bytes
    width: int
    height: int
    grey: bool
    kind: str
    fault: str
    extent: Extent | None
    thumbnail: bytes
    pixels: bytes


def inspect_image(data: bytes, pixel_format: PixelFormat | None) -> Inspection:
    """Inspects an encoded image, in a process that does nothing else meanwhile."""
    digest = hashlib.sha256(data).digest()
    try:
        return _inspected(digest, read_image(data, alone=True), pixel_format)
    except UnreadableImage as error:
        return failed_inspection(str(error), digest)
    except MemoryError:
        return failed_inspection("there is not enough memory to decode it")


def inspect_pixels(pixels: NDArray[np.uint8], pixel_format: PixelFormat | None) -> Inspection:
    """Inspects an image that is decoded already: uint8 [H, W, C]."""
    from PIL import Image

    digest = hashlib.sha256(pixels.tobytes()).digest()
    height, width, channels = pixels.shape
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    return _inspected(
        digest, Picture(Header(width, height, channels == 1, "array"), image, pixels=pixels), pixel_format
    )


def failed_inspection(reason: str, digest: bytes = NO_DIGEST) -> Inspection:
    """The result for an image that cannot be read."""
    return Inspection(digest, 0, 0, True, "", reason, None, b"", b"")


def _inspected(digest: bytes, picture: Picture, pixel_format: PixelFormat | None) -> Inspection:
    header, extent = picture.header, None if picture.deep is None else picture.deep.extent
    packed = b""
    if pixel_format is not None:
        if picture.pixels is not None and pixel_format.matches(picture.pixels):
            packed = picture.pixels.tobytes()
        else:
            with contextlib.suppress(UnreadableImage):
                packed = pixel_format.convert(picture.shown(pixel_format.levels))
    small = thumbnail(picture.stretched()).tobytes()
    return Inspection(digest, header.width, header.height, header.grey, header.kind, "", extent, small, packed)

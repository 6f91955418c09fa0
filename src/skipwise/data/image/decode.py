"""Decoding images to uint8 pixels, by one set of rules for training and serving.

The first frame counts. The image is turned as EXIF says. Transparent pixels become white. Pixels of more than 8 bits
are scaled as `white_level` says. Palettes and CMYK become RGB, and grey stays grey. `RULES` changes when the rules do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.chunks import bare_jpeg, bare_png
from skipwise.data.image.deep_pixels import DeepPixels, declared_white, deep_pixels, lower_bytes
from skipwise.data.image.fast_decoders import decode_quickly
from skipwise.data.image.limits import most_pixels
from skipwise.data.image.pillow import TooLarge, check_size, explained, opened
from skipwise.data.image.pillow import UnreadableImage as UnreadableImage
from skipwise.data.image.white_level import DEFAULT, Levels

RULES = 4
"""Version of the rules."""

_GREY = {"1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}

_TURNED_BY_INFO = {"PNG", "GIF", "BMP", "PPM", "WEBP"}
"""Formats whose images are turned only by metadata that Pillow has in `info`, under the names in _TURNS."""
_TURNS = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
_ORIENTATION = 0x0112
"""The tag of EXIF that says how an image is turned."""
_AT_ONCE = 2**22
"""Pixels that are composed with white at a time."""
_METHODS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""Pillow's method that turns an image upright, by the orientation in EXIF."""


@dataclass(frozen=True)
class Header:
    """Size and colour of an image.

    Args:
        width, height: pixels, after the image is turned upright.
        grey: whether the image has one channel.
        kind: format and mode, such as "JPEG CMYK".
    """

    width: int
    height: int
    grey: bool
    kind: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded image.

    Args:
        header: size and colour.
        image: Pillow's image (mode L or RGB), or None for an image of more than 8 bits.
        deep: pixels of more than 8 bits, not scaled yet; None for an image of 8 bits.
        pixels: the pixels of `image` as uint8 [H, W, C], if the decoder returned an array; else None.
    """

    header: Header
    image: Any = None
    deep: DeepPixels | None = None
    pixels: NDArray[np.uint8] | None = None

    def shown(self, levels: Levels) -> Any:
        """Pillow's image (mode L or RGB). Raises UnreadableImage if its values do not fit the levels."""
        return self.image if self.deep is None else _from_array(self.deep.shown(levels))

    def stretched(self) -> Any:
        """The same for viewing: pixels of more than 8 bits are scaled from 0 to the largest value of this image."""
        return self.image if self.deep is None else _from_array(self.deep.stretched())


def decode(data: bytes, *, channels: int | None = None, levels: Levels = DEFAULT) -> NDArray[np.uint8]:
    """Decodes an image to uint8 [height, width, channels].

    Args:
        data: the encoded image.
        channels: 3 for RGB, 1 for grey; None for 1 if the image is grey, and 3 otherwise.
        levels: the values that count as white in images of more than 8 bits.

    Raises:
        UnreadableImage: the bytes are not an image or cut off, the image has too many pixels, or its values do not fit
        the
            levels.
    """
    pixels = np.asarray(decode_image(data, channels=channels, levels=levels)[1], dtype=np.uint8)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def decode_image(data: bytes, *, channels: int | None = None, levels: Levels = DEFAULT) -> tuple[Header, Any]:
    """Like `decode`, but returns the header, and Pillow's image (mode L or RGB)."""
    picture = read_image(data, alone=False)
    image = picture.shown(levels)
    mode = {1: "L", 3: "RGB", None: image.mode}[channels]
    return picture.header, image if image.mode == mode else image.convert(mode)


def read_image(data: bytes, *, alone: bool) -> Picture:
    """Decodes an image, without scaling pixels of more than 8 bits.

    Args:
        data: the encoded image.
        alone: whether no other thread needs the interpreter meanwhile.

    Raises:
        UnreadableImage: the bytes are not an image or cut off, or the image has too many pixels.
    """
    from PIL import Image

    found = decode_quickly(data, most=most_pixels(), alone=alone)
    if found is None:
        return _read_by_pillow(data)
    height, width, _ = found.pixels.shape
    image = Image.frombuffer(found.mode, (width, height), found.pixels, "raw", found.mode, 0, 1)
    header = Header(width, height, found.mode == "L", f"{found.format} {found.mode}")
    if found.mode == "RGBA":
        return Picture(header, _over_white(image))
    return Picture(header, image, pixels=found.pixels)


def read_pillow_image(image: Any) -> Picture:
    """Reads an image that a program has opened or created with Pillow, by the rules for files.

    The image is loaded, and otherwise not changed. Pillow keeps only the upper 8 bits of 16-bit colours.

    Args:
        image: a `PIL.Image.Image` of any mode; if it has several frames, the current one counts.

    Raises:
        UnreadableImage: the image cannot be loaded, it has no pixels or too many, or some are NaN or infinite.
    """

    def read() -> Picture:
        width, height = image.size
        if width < 1 or height < 1:
            raise UnreadableImage("it has no pixels")
        check_size(width, height)
        image.load()
        return _to_picture(_turned(image), _header(image), getattr(image, "tag_v2", {}), None)

    return explained(read)


def decoders() -> str:
    """The versions of everything that decides which images can be read, and to which pixels.

    The fast decoders are not among them, since they give exactly Pillow's pixels.
    """
    from importlib.metadata import PackageNotFoundError, version

    versions = [str(RULES)]
    for package in ("pillow", "pillow-heif"):
        with contextlib.suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return " ".join(versions)


def _read_by_pillow(data: bytes) -> Picture:
    try:
        return explained(lambda: _read(data))
    except TooLarge:
        raise
    except UnreadableImage:
        # Damage outside of the pixels does not make an image unreadable.
        bare = bare_jpeg(data) if data.startswith(b"\xff\xd8") else bare_png(data, most=most_pixels())
        if bare is None:
            raise
        with contextlib.suppress(UnreadableImage):
            return explained(lambda: _read(bare))
        raise


def _read(data: bytes) -> Picture:
    image = opened(data)
    lower = lower_bytes(image, data)
    image.load()
    header = _header(image)  # after loading, since a PNG may have its orientation at the end
    tags = getattr(image, "tag_v2", {})
    turned = _turned(image)
    del image  # it may be as large as the turned one
    return _to_picture(turned, header, tags, None if lower is None else _turned(lower))


def _to_picture(turned: Any, header: Header, tags: Mapping[int, Any], lower: Any) -> Picture:
    """The picture of an image that is loaded and turned upright, without transparency.

    Args:
        turned: Pillow's image.
        header: its size and colour.
        tags: its TIFF tags.
        lower: an image of the lower bytes of 16-bit colours, or None.
    """
    deep = deep_pixels(turned, header.kind, tags, lower)
    if deep is not None:
        white = declared_white(deep, tags)
        return Picture(header, deep=deep) if white is None else Picture(header, _from_array(deep.shown(white)))
    if turned.has_transparency_data:
        turned = _over_white(turned)
    mode = "L" if header.grey else "RGB"
    return Picture(header, turned if turned.mode == mode else turned.convert(mode))


def _over_white(image: Any) -> Any:
    """Pillow's image without transparency, in mode L or RGB."""
    from PIL import Image

    if image.mode == "La":  # its pixels are already multiplied by alpha
        image = image.convert("LA")
    mode = "L" if image.mode in _GREY else "RGB"
    width, height = image.size
    found = Image.new(mode, image.size)
    rows = max(1, _AT_ONCE // width)
    for top in range(0, height, rows):  # all rows at once would be in memory four times
        band = image.crop((0, top, width, min(top + rows, height))).convert("RGBA")
        found.paste(Image.alpha_composite(Image.new("RGBA", band.size, "white"), band).convert(mode), (0, top))
    return found


def _from_array(pixels: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)


def _header(image: Any) -> Header:
    width, height = image.size
    if _orientation(image) >= 5:  # these values swap width and height
        width, height = height, width
    return Header(width, height, image.mode in _GREY, f"{image.format} {image.mode}")


def _turned(image: Any) -> Any:
    # Copying takes half as long as decoding a small image, so an upright image is not copied.
    method = _METHODS.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _orientation(image: Any) -> int:
    """The orientation of an image, 1 to 8 as in EXIF; 1 is upright."""
    if image.format in _TURNED_BY_INFO and not (image.info and _TURNS & image.info.keys()):
        return 1
    try:
        found = image.getexif().get(_ORIENTATION)
    except MemoryError:
        raise
    except Exception:  # damaged metadata are ignored
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1

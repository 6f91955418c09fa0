"""Encoded bytes -> uint8 pixels, by one set of rules, for training and serving alike.

The rules: the first frame; turned as EXIF says; transparency over white; what has more than 8 bits scaled as
`levels.py` says; palettes and CMYK become RGB; grey stays grey. `RULES` changes when they do.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.chunks import bare_jpeg, bare_png
from skipwise.data.image.fast_decoders import decode_quickly
from skipwise.data.image.limits import most_pixels
from skipwise.data.image.pillow import TooLarge, check_size, explained, opened
from skipwise.data.image.pillow import UnreadableImage as UnreadableImage
from skipwise.data.image.white_level import (
    DEFAULT,
    FULL,
    Depth,
    Extent,
    Levels,
    eight_bits,
    extent,
    misfit,
    scaled,
    upper_bytes,
)

RULES = 4

_GREY = {"1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}

_NEVER_TURNED = {"PNG", "GIF", "BMP", "PPM", "WEBP"}
"""Formats that can only be turned by metadata that Pillow shows in `info`, under these names:"""
_TURNS = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
_ORIENTATION, _PHOTOMETRIC, _SAMPLE_FORMAT, _BITS, _LARGEST = 0x0112, 262, 339, 258, (341, 281)
"""Tags of EXIF and TIFF."""
_AT_ONCE = 2**22
"""Pixels that are laid over white at a time."""
_METHODS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""How Pillow turns an image back, by what EXIF says."""
_OTHER_ORDER = {
    "RGB;16L": "RGB;16B",
    "RGB;16B": "RGB;16L",
    "RGB;16N": "RGB;16B" if sys.byteorder == "little" else "RGB;16L",
}
"""Pillow's names of 16-bit colours, and of those in the other order of bytes."""


@dataclass(frozen=True)
class Header:
    """What an image says of itself. Sizes in pixels, after turning; `kind` is its format and mode: "JPEG CMYK"."""

    width: int
    height: int
    grey: bool
    kind: str


@dataclass(frozen=True, eq=False)
class Wide:
    """Pixels of more than 8 bits: `values` [H, W] or [H, W, 3] of a depth, and how far they extend. In an `inverted`
    image 0 is white; `clear` is the value that stands for transparency."""

    values: NDArray[Any]
    extent: Extent
    inverted: bool = False
    clear: int | None = None

    def shown(self, levels: Levels) -> NDArray[np.uint8]:
        """The pixels with 8 bits. Raises UnreadableImage where they fit no level."""
        if reason := misfit(self.extent, levels):
            raise UnreadableImage(reason)
        if self.values.ndim == 3 and levels.white_16 == FULL:
            return upper_bytes(self.values)
        return self._finished(eight_bits(self.values, self.extent.depth, levels))

    def stretched(self) -> NDArray[np.uint8]:
        """The pixels with 8 bits, from 0 to the largest."""
        return self._finished(scaled(self.values, max(self.extent.high, 1e-30)))

    def _finished(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.inverted:
            pixels = 255 - pixels
        return pixels if self.clear is None else np.where(self.values == self.clear, np.uint8(255), pixels)


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded image: as Pillow's `image` (mode L or RGB), or, of more than 8 bits, as `wide`, which has yet to be
    scaled. `pixels` [H, W, C] are those of the image, where they are at hand anyway."""

    header: Header
    image: Any = None
    wide: Wide | None = None
    pixels: NDArray[np.uint8] | None = None

    def shown(self, levels: Levels) -> Any:
        """Pillow's image (mode L or RGB). Raises UnreadableImage where it fits no level."""
        return self.image if self.wide is None else _from_array(self.wide.shown(levels))

    def stretched(self) -> Any:
        """The same, of more than 8 bits those from 0 to the largest there is: to look at, whatever other images are."""
        return self.image if self.wide is None else _from_array(self.wide.stretched())


def read_header(data: bytes) -> Header:
    """Size and colour of an encoded image, without decoding it.

    Raises:
        UnreadableImage: these bytes are no image, or an image of too many pixels.
    """
    return explained(lambda: _header(opened(data)))


def decode(data: bytes, *, channels: int | None = None, levels: Levels = DEFAULT) -> NDArray[np.uint8]:
    """The pixels of an encoded image: uint8 [height, width, channels].

    Args:
        channels: 3 for RGB, 1 for grey; None for 1 where the image is grey and 3 elsewhere.
        levels: what counts as white in images of more than 8 bits.

    Raises:
        UnreadableImage: these bytes are no image, a truncated one, one of too many pixels, or one that fits no level.
    """
    pixels = np.asarray(decode_image(data, channels=channels, levels=levels)[1], dtype=np.uint8)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def decode_image(data: bytes, *, channels: int | None = None, levels: Levels = DEFAULT) -> tuple[Header, Any]:
    """As `decode`, but Pillow's image (mode L or RGB), and what the encoded one says of itself."""
    picture = read_image(data, alone=False)
    image = picture.shown(levels)
    mode = {1: "L", 3: "RGB", None: image.mode}[channels]
    return picture.header, image if image.mode == mode else image.convert(mode)


def read_image(data: bytes, *, alone: bool) -> Picture:
    """An encoded image, decoded but not yet scaled to 8 bits where it has more.

    Args:
        alone: whether no other thread waits for the interpreter meanwhile.

    Raises:
        UnreadableImage: as `decode`, but for levels.
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
    """An image that a program has opened with Pillow, or made, by the rules that its file would be read by.

    It is loaded, and otherwise left as it is. Of 16-bit colours Pillow itself keeps the upper 8 bits.

    Args:
        image: a `PIL.Image.Image` of any mode; of several frames, the one it stands at.

    Raises:
        UnreadableImage: it can't be loaded, has no pixels or too many of them, or some are NaN or infinite.
    """

    def read() -> Picture:
        width, height = image.size
        if width < 1 or height < 1:
            raise UnreadableImage("it has no pixels")
        check_size(width, height)
        image.load()
        return _by_the_rules(_turned(image), _header(image), getattr(image, "tag_v2", {}), None)

    return explained(read)


def decoders() -> str:
    """Names what decides which images can be read, and to which pixels. The quick decoders do not: they are exact."""
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
        # What is beside the pixels makes no image unreadable.
        bare = bare_jpeg(data) if data.startswith(b"\xff\xd8") else bare_png(data, most=most_pixels())
        if bare is None:
            raise
        with contextlib.suppress(UnreadableImage):
            return explained(lambda: _read(bare))
        raise


def _read(data: bytes) -> Picture:
    image = opened(data)
    lower = _lower_bytes(image, data)
    image.load()
    header = _header(image)  # after loading: a PNG may say at its end that it is turned
    tags = getattr(image, "tag_v2", {})
    turned = _turned(image)
    del image  # it may be as large as the turned one
    return _by_the_rules(turned, header, tags, None if lower is None else _turned(lower))


def _by_the_rules(turned: Any, header: Header, tags: Mapping[int, Any], lower: Any) -> Picture:
    """A loaded and turned image without transparency, in mode L or RGB, or what it holds of more than 8 bits."""
    wide = _wide(turned, header.kind, tags, lower)
    if wide is not None:
        white = _declared(wide, tags)
        return Picture(header, wide=wide) if white is None else Picture(header, _from_array(wide.shown(white)))
    if turned.has_transparency_data:
        turned = _over_white(turned)
    mode = "L" if header.grey else "RGB"
    return Picture(header, turned if turned.mode == mode else turned.convert(mode))


def _wide(image: Any, kind: str, tags: Mapping[int, Any], lower: Any) -> Wide | None:
    """What a loaded image holds of more than 8 bits."""
    values = np.asarray(image)
    depth: Depth | None = None
    if lower is not None:
        depth, values = "16-bit", values.astype(np.uint16)
        values <<= 8
        values |= np.asarray(lower)
    elif image.mode == "F":
        depth = "float"
    elif image.mode.startswith("I;16") or (image.mode == "I" and kind.startswith(("PNG", "PPM"))):
        depth = "16-bit"
    elif image.mode == "I":
        depth = "32-bit"
    elif image.mode == "L" and tags.get(_SAMPLE_FORMAT) in (2, (2,)):
        depth, values = "32-bit", values.view(np.int8)  # which Pillow reads as if it had no sign
    if depth is None:
        return None
    try:
        found = extent(values, depth)
    except ValueError as error:
        raise UnreadableImage(str(error)) from error
    clear = image.info.get("transparency")
    # Pillow inverts images of 8 bits by itself.
    inverted = tags.get(_PHOTOMETRIC) == 0 and image.mode != "L"
    return Wide(values, found, inverted, clear if isinstance(clear, int) else None)


def _declared(wide: Wide, tags: Mapping[int, Any]) -> Levels | None:
    """What is white in a TIFF that says itself how many of its 16 bits it uses."""
    said = []
    if wide.extent.depth == "16-bit":
        for tag in (_BITS, *_LARGEST):
            value = tags.get(tag)
            value = value[0] if isinstance(value, tuple) and value else value
            said.append(2 ** min(value, 16) - 1 if tag == _BITS and isinstance(value, int) else value)
    for white in said:
        # Some programs write down the largest value that happens to be there; that is no rule.
        if isinstance(white, int) and 255 <= white < FULL and white & (white + 1) == 0 and wide.extent.high <= white:
            return Levels(white_16=white)
    return None


def _lower_bytes(image: Any, data: bytes) -> Any:
    """For an image of 16-bit colours, which Pillow is about to read by their upper bytes, one of the lower ones."""
    if image.mode != "RGB" or not image.tile:
        return None
    swapped = []
    for *where, arguments in image.tile:
        several = isinstance(arguments, tuple)
        mode = arguments[0] if several and arguments else arguments
        if not isinstance(mode, str) or mode not in _OTHER_ORDER:
            return None
        # Read in the wrong order of bytes, the lower one is taken for the upper one.
        other = _OTHER_ORDER[mode]
        swapped.append((*where, (other, *arguments[1:]) if several else other))
    lower = opened(data, twice=True)
    lower.tile = swapped
    lower.load()
    return lower


def _over_white(image: Any) -> Any:
    """Pillow's image without transparency, in mode L or RGB."""
    from PIL import Image

    if image.mode == "La":  # multiplied by its transparency already
        image = image.convert("LA")
    mode = "L" if image.mode in _GREY else "RGB"
    width, height = image.size
    found = Image.new(mode, image.size)
    rows = max(1, _AT_ONCE // width)
    for top in range(0, height, rows):  # whole images would be there four times
        band = image.crop((0, top, width, min(top + rows, height))).convert("RGBA")
        found.paste(Image.alpha_composite(Image.new("RGBA", band.size, "white"), band).convert(mode), (0, top))
    return found


def _from_array(pixels: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)


def _header(image: Any) -> Header:
    width, height = image.size
    if _orientation(image) >= 5:  # the values that swap the sides
        width, height = height, width
    return Header(width, height, image.mode in _GREY, f"{image.format} {image.mode}")


def _turned(image: Any) -> Any:
    # Copying is half the price of decoding a small image, so it is left out where nothing says that it turns.
    method = _METHODS.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _orientation(image: Any) -> int:
    """How an image says that it is turned: 1 to 8, as EXIF counts."""
    if image.format in _NEVER_TURNED and not (image.info and _TURNS & image.info.keys()):
        return 1
    try:
        found = image.getexif().get(_ORIENTATION)
    except MemoryError:
        raise
    except Exception:  # damaged metadata say nothing
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1

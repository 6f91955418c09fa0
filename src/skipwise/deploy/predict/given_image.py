"""An image as a program passes it -> an `InputImage`: encoded bytes, a path, a Pillow image, or an array."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.paths import user_path
from skipwise.data.containers import LARGEST_FILE, Folder
from skipwise.data.image.decode import Picture, UnreadableImage, read_pillow_image
from skipwise.data.image.deep_pixels import DeepPixels
from skipwise.data.image.white_level import extent
from skipwise.data.names import printable
from skipwise.data.scan.inspection import PixelFormat
from skipwise.deploy.predict.decoding import InputImage, Resized

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

Image: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str] | PillowImage | NDArray[Any]"
"""An image in any form that is accepted: see `Predictor`."""

UNNAMED = "The image"
"""The name in errors of an image that has no path."""
_TYPES = "bytes, a path, an image of Pillow's or a NumPy array"


def as_input(image: Image, pixel_format: PixelFormat) -> InputImage:
    """An image that a program passes, ready to be decoded. What is wrong with it is its `content`; nothing is raised.

    Pixels of Pillow's images and arrays are resized here and now, so that the program may use its buffer again.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        return InputImage(UNNAMED, content=_encoded(image))
    if isinstance(image, str | os.PathLike):
        return _file(image)
    try:
        picture = _picture(image)
        shown = picture.shown(pixel_format.levels)
        mode = "RGB" if pixel_format.channels == 3 else "L"
        return InputImage(
            UNNAMED, content=Resized(pixel_format.convert(shown if shown.mode == mode else shown.convert(mode)))
        )
    except UnreadableImage as error:
        return InputImage(UNNAMED, content=UnreadableImage(printable(str(error))))
    except MemoryError:
        return InputImage(UNNAMED, content=UnreadableImage("there is not enough memory for it"))


def refuse_single(images: object) -> None:
    """Raises SkipwiseError where one image was given in place of several."""
    one = isinstance(images, bytes | bytearray | memoryview | str | os.PathLike) or _is_pillow(images)
    if isinstance(images, np.ndarray):
        one = images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))
    if one:
        raise SkipwiseError("predict_many takes several images; give a list, [image], or call predict(image).")


def _encoded(data: bytes | bytearray | memoryview) -> bytes | UnreadableImage:
    size = data.nbytes if isinstance(data, memoryview) else len(data)
    if size > LARGEST_FILE:
        return UnreadableImage(f"it has {size / 2**20:,.0f} MiB; at most {LARGEST_FILE // 2**20} are read")
    return bytes(data) if size else UnreadableImage("it is empty")


def _file(given: str | os.PathLike[str]) -> InputImage:
    name = printable(os.fspath(given))
    try:
        path = user_path(given)
    except SkipwiseError as error:
        return InputImage(name, content=UnreadableImage(str(error).rstrip(".")))
    if not path.name:
        return InputImage(name or "''", content=UnreadableImage("its path names no file"))
    return InputImage(name, Folder(Path(os.path.dirname(path))), path.name)  # noqa: PTH120 - called for every image


def _is_pillow(image: object) -> bool:
    return hasattr(image, "getexif") and hasattr(image, "load")  # so that Pillow is not imported to look


def _picture(image: object) -> Picture:
    """The picture in an image of Pillow's or an array.

    Raises:
        UnreadableImage: it is neither, or an array that is no image; the message has the mend.
    """
    if _is_pillow(image):
        return read_pillow_image(image)
    if not isinstance(image, np.ndarray):
        kind = type(image)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise UnreadableImage(f"it is of the type {name}; give {_TYPES}")
    return _array(image)


def _array(array: NDArray[Any]) -> Picture:
    from PIL import Image

    _check_array(array)
    flat = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.dtype == np.uint8:
        return read_pillow_image(Image.fromarray(np.ascontiguousarray(flat)))
    values = flat.astype(np.uint16)  # in this machine's order of bytes
    header = read_pillow_image(Image.new("L", (1, 1))).header
    return Picture(header, deep=DeepPixels(values, extent(values, "16-bit")))


def _check_array(array: NDArray[Any]) -> None:
    """Raises UnreadableImage, with the mend, for an array that is no image."""
    shape, kind = array.shape, array.dtype
    channels = shape[2] if len(shape) == 3 else 1
    if kind.kind == "f":
        raise UnreadableImage(
            f"its pixels are {kind}, and whole numbers from 0 to 255 are wanted; give (255 * image).round()"
            ".astype('uint8') where they are 0 to 1, and image.astype('uint8') where they are 0 to 255"
        )
    if kind not in (np.uint8, np.uint16, np.dtype(">u2")):
        raise UnreadableImage(f"its pixels are {kind}; give image.astype('uint8'), with pixels from 0 to 255")
    if len(shape) not in (2, 3):
        raise UnreadableImage(f"it has the shape {shape}; give one image, height x width or height x width x channels")
    if 0 in shape:
        raise UnreadableImage("it has no pixels")
    if channels not in (1, 3, 4):
        first = " (its channels seem to come first: give image.transpose(1, 2, 0))" if shape[0] in (1, 3, 4) else ""
        raise UnreadableImage(f"it has {channels} channels, and images have 1, 3 or 4, in the last dimension{first}")
    if channels == 4 and kind != np.uint8:
        raise UnreadableImage("it has 16 bits and transparency; give its first three channels, image[:, :, :3]")

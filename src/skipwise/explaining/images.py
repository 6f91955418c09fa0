"""The images of an explanation: the squares that the network sees, and the labels that their folders say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import usable_cores
from skipwise.core.reporting import Progress
from skipwise.core.text import count, printable
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.scan.inspection import PixelFormat
from skipwise.deploy.predict.decoding import decoded
from skipwise.deploy.predict.inputs import Inputs

SHOWN = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenImages:
    """N images as the network sees them.

    Args:
        names: what they are called.
        pixels: uint8 [N, size, size, C], cropped and resized as in training.
        labels: their classes, as positions among the network's, or None.
        unreadable: why other images can't be read, by name.
        left_out: the number of images beyond the limit.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    labels: tuple[int | None, ...]
    unreadable: dict[str, str]
    left_out: int

    def fingerprint(self) -> str:
        """A hash of their names and pixels."""
        found = hashlib.sha256("\0".join(self.names).encode("utf-8", "surrogateescape"))
        found.update(self.pixels.tobytes())
        return found.hexdigest()


def see_images(
    inputs: Inputs, preprocessing: Preprocessing, classes: Sequence[str], *, limit: int, progress: Progress
) -> SeenImages:
    """Reads and prepares images: all of them, or as many as the limit allows, evenly spaced among all.

    Raises:
        SkipwiseError: none of them can be read, or a folder or an archive can't be read any more.
    """
    pixel_format = PixelFormat.from_preprocessing(preprocessing)
    names, squares, unreadable = [], [], {}
    total = min(limit, inputs.count)
    chosen = {place * inputs.count // total for place in range(total)}
    some = (image for place, image in enumerate(inputs.images()) if place in chosen)
    for name, content in decoded(some, pixel_format, workers=usable_cores(), ahead=limit):
        if isinstance(content, bytes):
            names.append(name)
            squares.append(np.frombuffer(content, np.uint8).reshape(pixel_format.shape))
        else:
            unreadable[name] = str(content)
        progress("Reading images", len(names) + len(unreadable), total)
    if not names:
        shown = ", ".join(f"{name} ({why})" for name, why in list(unreadable.items())[:SHOWN])
        what = "The image can't" if len(unreadable) == 1 else f"None of the {count(len(unreadable), 'image')} can"
        raise SkipwiseError(f"{what} be read: {shown}; is that what you meant?")
    numbers = {printable(name): number for number, name in enumerate(classes)}
    return SeenImages(
        names=tuple(names),
        pixels=np.stack(squares),
        labels=tuple(numbers.get(PurePath(name).parent.name) for name in names),
        unreadable=unreadable,
        left_out=max(0, inputs.count - limit),
    )

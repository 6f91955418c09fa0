"""A container of crops: boxes in images, as image files of their own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from skipwise.core.reporting import Progress
from skipwise.data.containers.base import Listing, Reader, Shareable, file_stamp, one_by_one
from skipwise.data.image.decode import UnreadableImage, decode_image

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


@dataclass(frozen=True)
class Crops:
    """A container of boxes that are cut out of another container's images.

    Each crop is encoded as PNG, so that the code that reads images does not have to know about boxes.

    Args:
        inner: the container of the images.
        boxes: the image and the box of each crop, by the name of the crop.
    """

    inner: Shareable
    boxes: Mapping[str, tuple[str, Box]]
    PREFIX: ClassVar[str] = "crops of "

    @property
    def path(self) -> Path:
        return self.inner.path

    @property
    def kind(self) -> str:
        return self.PREFIX + self.inner.kind

    def stamp(self) -> tuple[int, ...]:
        own = self.inner.stamp()
        return own or file_stamp(*(self.path / image for image in sorted({image for image, _ in self.boxes.values()})))

    def listing(self, progress: Progress | None = None) -> Listing:
        return self.inner.listing(progress)

    def address(self, name: str) -> str:
        image, box = self.boxes[name]
        return f"{','.join(map(str, box))}\n{self.inner.address(image)}"

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        with self.inner.reader() as read:

            def cut(address: str) -> bytes:
                box, _, place = address.partition("\n")
                left, top, width, height = map(float, box.split(","))
                image = decode_image(read(place))[1]
                # min and max come first, since infinity cannot be rounded.
                right, bottom = round(min(image.width, left + width)), round(min(image.height, top + height))
                left, top = round(max(0, left)), round(max(0, top))
                if right <= left or bottom <= top:
                    raise UnreadableImage(f"its box lies outside the image of {image.width} x {image.height} pixels")
                file = io.BytesIO()
                image.crop((left, top, right, bottom)).save(file, "PNG", compress_level=1)
                return file.getvalue()

            yield cut

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return one_by_one(self, names)

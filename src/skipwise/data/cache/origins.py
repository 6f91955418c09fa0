"""Beside decoded pixels in the cache: where their images are, so that it can be told when these are gone."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.data.cache.files import keep, kept


def note_origin(pixels: Path, images: Path) -> None:
    """Notes where the images of a file of pixels are; the same images may be in several places.

    It is for whoever clears the cache, so that nothing fails where it can't be written.
    """
    place = str(images.absolute())
    known = origins(pixels)
    if place not in known:
        with contextlib.suppress(SkipwiseError, OSError, ValueError):
            keep(_file(pixels), json.dumps([*known, place]).encode())


def origins(pixels: Path) -> list[str]:
    """The places where the images of a file of pixels were; [] where nobody noted them."""
    data = kept(_file(pixels))
    with contextlib.suppress(ValueError):
        found = json.loads(data) if data is not None else []
        return [str(each) for each in found] if isinstance(found, list) else []
    return []


def forget_origin(pixels: Path) -> None:
    """Removes the note."""
    _file(pixels).unlink(missing_ok=True)


def _file(pixels: Path) -> Path:
    return pixels.with_name(f"{pixels.name}.origins")

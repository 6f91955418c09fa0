"""Small pictures inside pages."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

THUMBNAIL = 112
"""Pixels a side, at most."""
FEW_PIXELS = 48
"""Pixels a side of a picture that is shown enlarged."""

_IN_THE_PAGE = re.compile(r"data:image/(?:png|webp|jpeg|gif);base64,[A-Za-z0-9+/]+={0,2}")


def is_data_url(text: str) -> bool:
    """Returns whether the text is a picture itself, not an address that the page would load."""
    return _IN_THE_PAGE.fullmatch(text) is not None


def data_url(image: Any) -> str:
    """A Pillow image, made small, as text that a page can hold."""
    image = image.copy()
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    kind = "png" if min(image.size) < FEW_PIXELS else "jpeg"
    buffer = io.BytesIO()
    image.save(buffer, kind.upper(), quality=80)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def bounded_url(pixels: bytes, side: int, most: int) -> str:
    """RGB pixels [side, side, 3] as text of at most `most` characters: as good a picture as that allows."""
    from PIL import Image

    image = Image.frombytes("RGB", (side, side), pixels)
    while True:
        # Few pixels are shown enlarged, and then what compression does to them is seen.
        lossless: list[dict[str, Any]] = [{"lossless": True}] if side < FEW_PIXELS else []
        if (url := _webp(image, most, lossless)) is not None:
            return url
        if side == 1:
            raise ValueError(f"no picture is as short as {most} characters")
        side = (side + 1) // 2
        image = image.resize((side, side))


def sheet_url(image: Any, most: int) -> str:
    """A Pillow image of many pictures as text of at most `most` characters: as good as that allows."""
    while (url := _webp(image, most, [])) is None:
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))
    return url


def _webp(image: Any, most: int, first: list[dict[str, Any]]) -> str | None:
    """The picture as WebP in the best quality that takes at most `most` characters; None where none does.

    Args:
        first: settings of WebP that are tried before lower qualities.
    """
    for option in (*first, *({"quality": quality} for quality in (80, 60, 40, 20))):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **option)
        url = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        if len(url) <= most:
            return url
    return None

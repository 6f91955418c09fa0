"""Small pictures for pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from skipwise.data.images import Images

THUMBNAIL = 112
"""Pixels a side, at most."""


def data_url(image: Any) -> str:
    """A Pillow image, made small, as text that a page can hold."""
    image = image.copy()
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    kind = "png" if min(image.size) < 48 else "jpeg"
    buffer = io.BytesIO()
    image.save(buffer, kind.upper(), quality=80)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def pictures(images: Images, ids: Sequence[str]) -> dict[str, str]:
    """Some of the images as they are trained on, by their ids."""
    from PIL import Image

    numbers = {name: number for number, name in enumerate(images.ids.tolist())}
    found = {}
    for name in ids:
        pixels = images.pixels[np.array([numbers[name]])][0]
        found[name] = data_url(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    return found

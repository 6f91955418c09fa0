"""Small pictures inside pages."""

from __future__ import annotations

import base64
import io
from typing import Any

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

"""Small grey copies of images, by which images are held against each other."""

from __future__ import annotations

from typing import Any

SIDE = 32


def thumbnail(image: Any) -> Any:
    """Pillow's image -> a grey one of SIDE x SIDE pixels: the whole image, squashed to a square."""
    from PIL import Image

    width, height = image.size
    if min(width, height) >= 8 * SIDE:  # averaging whole blocks first costs a third and loses nothing visible
        image = image.reduce((width // (4 * SIDE), height // (4 * SIDE)))
    image = image.convert("L")
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return image

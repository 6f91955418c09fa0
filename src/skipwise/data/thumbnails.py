"""Small grey copies of images, by which images are held against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32


def thumbnail(image: Any) -> NDArray[np.uint8]:
    """Pillow's image -> grey uint8 [SIDE, SIDE]: the whole image, squashed to a square."""
    from PIL import Image

    width, height = image.size
    if min(width, height) >= 8 * SIDE:  # averaging whole blocks first costs a third and loses nothing visible
        image = image.reduce((width // (4 * SIDE), height // (4 * SIDE)))
    image = image.convert("L")
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(image)

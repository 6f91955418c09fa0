"""Small pictures of images that were trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skipwise.data.images import Images
from skipwise.pages.pictures import data_url


def pictures(images: Images, ids: Sequence[str]) -> dict[str, str]:
    """Some of the images as they are trained on, by their ids."""
    from PIL import Image

    numbers = {name: number for number, name in enumerate(images.ids.tolist())}
    found = {}
    for name in ids:
        pixels = images.pixels[np.array([numbers[name]])][0]
        found[name] = data_url(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    return found

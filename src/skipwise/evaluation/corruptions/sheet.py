"""One image in all its corruptions, on one page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from skipwise.evaluation.corruptions.apply import Pixels, check_images, corrupt
from skipwise.evaluation.corruptions.table import CORRUPTIONS, SEVERITIES

_GAP, _LINE = 4, 26


def contact_sheet(
    image: Pixels,
    *,
    kinds: Sequence[str] | None = None,
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    number: int = 0,
    cell: int = 96,
) -> Image.Image:
    """Kinds of corruption, a column each, at several severities, a row each, below the clean image.

    Args:
        image: uint8 [H, W, C] with 1 or 3 channels.
        kinds: names of corruptions. Default: all of them.
        severities: from 1 to 5. Default: all of them.
        seed: as of `corrupt`. Default: 0.
        number: the image's, as of `corrupt`. Default: 0.
        cell: the longer side of each picture on the page, in pixels. Default: 96.

    Raises:
        SkipwiseError: the image is not of that type or shape, or too small; or there is no such corruption or severity.

    Example:
        >>> contact_sheet(np.zeros((32, 32, 3), dtype=np.uint8)).size
        (1504, 626)
    """
    batch = np.asarray(image)[None]
    check_images(batch)
    height, width = batch.shape[1:3]
    scale = cell / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    across, down = size[0] + _GAP, size[1] + _GAP
    names = list(CORRUPTIONS) if kinds is None else list(kinds)
    sheet = Image.new("RGB", (len(names) * across + _GAP, (1 + len(severities)) * down + _LINE), "white")
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(names):
        left = _GAP + column * across
        draw.multiline_text((left, 0), name.replace("_", "\n"), fill="black", font_size=10, spacing=1)
        rows = [batch, *(corrupt(batch, name, severity, seed=seed, numbers=[number]) for severity in severities)]
        for row, pixels in enumerate(rows):
            sheet.paste(_shown(pixels[0], size), (left, _LINE + row * down))
    return sheet


def _shown(pixels: Pixels, size: tuple[int, int]) -> Image.Image:
    """An image at another size; one that is made larger keeps its pixels."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    smaller = size[0] < image.width
    return image.resize(size, Image.Resampling.LANCZOS if smaller else Image.Resampling.NEAREST).convert("RGB")

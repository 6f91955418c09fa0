"""Golden images: copies of a few images inside the artifact, to check it on machines that have no other images."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import open_regular
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Golden
from skipwise.deploy.formats import Precision
from skipwise.deploy.runtime.soundness import shaped
from skipwise.deploy.trained.images import LabelledImages

COUNT = 8

TOLERANCE: dict[Precision, float] = {"fp32": 1e-3, "fp16": 1e-2, "int8": 5e-2}
"""The largest difference of a probability that is tolerated: from PyTorch's; for INT8, which always rounds, from
the file's own on the machine that exported it."""

_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp", b"BM": ".bmp"}


@dataclass(frozen=True, kw_only=True)
class GoldenCheck:
    """The answers to the golden images, compared with the recorded ones.

    Args:
        images: how many there are.
        difference: the largest difference of a probability.
        tolerance: the difference that is tolerated.
        failed: the names of the images whose probabilities differ more.
    """

    images: int
    difference: float
    tolerance: float
    failed: tuple[str, ...]


def choose(images: LabelledImages | None, preprocessing: Preprocessing) -> list[tuple[str, bytes]]:
    """Names and encoded bytes of the golden images.

    They are test images if there are any, otherwise validation or training images. Without images they are made up.
    """
    if images is None:
        return [(f"made up {number}", _made_up(number, preprocessing)) for number in range(1, COUNT + 1)]
    for splits in (("test",), ("val",), ("train", "")):
        chosen = images.of(*splits).drawn(COUNT)
        if len(chosen):
            break
    return [(chosen.id(position), data) for position, data in enumerate(chosen.encoded())]


def suffix(data: bytes) -> str:
    """The suffix for a file of these bytes."""
    return next((suffix for start, suffix in _SUFFIXES.items() if data.startswith(start)), ".img")


def check(
    golden: Sequence[Golden],
    folder: Path,
    preprocessing: Preprocessing,
    precision: Precision,
    predict_pixels: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    temperature: float = 1.0,
) -> GoldenCheck:
    """Has the exported file answer the golden images from their bytes on, resizing included.

    Args:
        folder: the artifact's.
        predict_pixels: the file's probabilities [N, classes] for pixels [N, H, W, C].
        temperature: what the logits are divided by. Below 1 it makes differences of probabilities larger.

    Raises:
        SkipwiseError: a golden image can't be read on this machine.
    """
    tolerance = TOLERANCE[precision] / min(temperature, 1.0)
    differences = {}
    for each in golden:
        try:
            with open_regular(folder / each.file) as file:
                data = file.read()
            pixels = decode(data, channels=preprocessing.channels, levels=preprocessing.levels)
        except (OSError, UnreadableImage) as error:
            raise SkipwiseError(
                f"The golden image {folder / each.file} can't be read here ({reason_of(error)}), so the "
                "exported file can't be checked; export it again, with images that this machine can read."
            ) from error
        wanted = np.array(each.answered if precision == "int8" else each.expected)
        difference = np.abs(shaped(predict_pixels(pixels[None]), 1, len(wanted))[0] - wanted).max()
        differences[each.name] = float(difference) if np.isfinite(difference) else np.inf
    return GoldenCheck(
        images=len(golden),
        difference=max(differences.values()),
        tolerance=tolerance,
        failed=tuple(name for name, difference in differences.items() if not difference <= tolerance),
    )


def _made_up(number: int, preprocessing: Preprocessing) -> bytes:
    """A PNG of smooth colours and some noise, wider than high or higher than wide."""
    from PIL import Image

    rng = np.random.default_rng(number)
    width, height = (preprocessing.size * rng.uniform(0.8, 2.5, 2)).astype(int).tolist()
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((max(width, 8), max(height, 8)), Image.Resampling.BICUBIC), dtype=np.int64)
    pixels = (smooth + rng.integers(-12, 13, smooth.shape)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels if preprocessing.channels == 3 else pixels[:, :, 0]).save(file, "PNG")
    return file.getvalue()

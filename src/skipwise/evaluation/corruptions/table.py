"""The corruptions: a row each, with its constants at every severity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from skipwise.evaluation.corruptions import blur, digital, noise, weather
from skipwise.evaluation.corruptions.types import Floats

SEVERITIES = (1, 2, 3, 4, 5)
Constants = Literal["small", "photo"]
Levels = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]
"""The arguments of a corruption's function at severities 1 to 5."""


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """One kind of corruption.

    Args:
        name: as it is called in the literature, in snake case.
        group: what it is one of: noise, blur, weather or digital.
        function: takes images, a generator for each, and the arguments of a severity. It may return values outside 0
            to 1; they are clipped.
        small: its arguments for small images, about 32 pixels (CIFAR-10-C).
        photo: its arguments for photographs, about 224 pixels (ImageNet-C).
    """

    name: str
    group: Literal["noise", "blur", "weather", "digital"]
    function: Callable[..., Floats]
    small: Levels
    photo: Levels

    def arguments(self, constants: Constants, severity: int) -> tuple[Any, ...]:
        """Returns the arguments of its function at a severity from 1 to 5."""
        levels = self.small if constants == "small" else self.photo
        return levels[severity - 1]


def _each(first: Any, second: Any, third: Any, fourth: Any, fifth: Any) -> Levels:
    """Levels of a function that has a single argument."""
    return (first,), (second,), (third,), (fourth,), (fifth,)


# The published program has 244 pixels here, of images of 224.
_OF_PHOTO = 244 / 224

CORRUPTIONS: dict[str, Corruption] = {
    row.name: row
    for row in (
        Corruption(
            name="gaussian_noise",
            group="noise",
            function=noise.gaussian_noise,
            small=_each(0.04, 0.06, 0.08, 0.09, 0.10),
            photo=_each(0.08, 0.12, 0.18, 0.26, 0.38),
        ),
        Corruption(
            name="shot_noise",
            group="noise",
            function=noise.shot_noise,
            small=_each(500, 250, 100, 75, 50),
            photo=_each(60, 25, 12, 5, 3),
        ),
        Corruption(
            name="impulse_noise",
            group="noise",
            function=noise.impulse_noise,
            small=_each(0.01, 0.02, 0.03, 0.05, 0.07),
            photo=_each(0.03, 0.06, 0.09, 0.17, 0.27),
        ),
        Corruption(
            name="defocus_blur",
            group="blur",
            function=blur.defocus_blur,
            small=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
            photo=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        ),
        Corruption(
            name="glass_blur",
            group="blur",
            function=blur.glass_blur,
            small=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
            photo=((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        ),
        Corruption(
            name="motion_blur",
            group="blur",
            function=blur.motion_blur,
            small=((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
            photo=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        ),
        Corruption(
            name="zoom_blur",
            group="blur",
            function=blur.zoom_blur,
            small=((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
            photo=((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        ),
        Corruption(
            name="snow",
            group="weather",
            function=weather.snow,
            small=(
                (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
            ),
            photo=(
                (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
                (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
                (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
                (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
                (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
            ),
        ),
        Corruption(
            name="frost",
            group="weather",
            function=weather.frost,
            small=((1, 0.2, 5), (1, 0.3, 5), (0.9, 0.4, 5), (0.85, 0.4, 5), (0.75, 0.45, 5)),
            photo=((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
        ),
        Corruption(
            name="fog",
            group="weather",
            function=weather.fog,
            small=((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
            photo=((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        ),
        Corruption(
            name="brightness",
            group="weather",
            function=weather.brightness,
            small=_each(0.05, 0.1, 0.15, 0.2, 0.3),
            photo=_each(0.1, 0.2, 0.3, 0.4, 0.5),
        ),
        Corruption(
            name="contrast",
            group="digital",
            function=digital.contrast,
            small=_each(0.75, 0.5, 0.4, 0.3, 0.15),
            photo=_each(0.4, 0.3, 0.2, 0.1, 0.05),
        ),
        Corruption(
            name="elastic_transform",
            group="digital",
            function=digital.elastic_transform,
            small=((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
            photo=(
                (2 * _OF_PHOTO, 0.7 * _OF_PHOTO, 0.1 * _OF_PHOTO),
                (2 * _OF_PHOTO, 0.08 * _OF_PHOTO, 0.2 * _OF_PHOTO),
                (0.05 * _OF_PHOTO, 0.01 * _OF_PHOTO, 0.02 * _OF_PHOTO),
                (0.07 * _OF_PHOTO, 0.01 * _OF_PHOTO, 0.02 * _OF_PHOTO),
                (0.12 * _OF_PHOTO, 0.01 * _OF_PHOTO, 0.02 * _OF_PHOTO),
            ),
        ),
        Corruption(
            name="pixelate",
            group="digital",
            function=digital.pixelate,
            small=_each(0.95, 0.9, 0.85, 0.75, 0.65),
            photo=_each(0.6, 0.5, 0.4, 0.3, 0.25),
        ),
        Corruption(
            name="jpeg_compression",
            group="digital",
            function=digital.jpeg_compression,
            small=_each(80, 65, 58, 50, 40),
            photo=_each(25, 18, 15, 10, 7),
        ),
    )
}
"""All kinds by name, in the order of the paper's tables. To add one is to add a row."""

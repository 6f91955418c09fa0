"""Textures like frost on a window, made by a program.

The published corruption takes pieces of photographs whose licence is unknown. Here ferns of ice of all sizes are drawn
over each other, on clouds. Means, standard deviations and colours are those of the photographs. Edges of a texture fit
each other, so a piece may begin anywhere and be of any size.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from skipwise.evaluation.corruptions.types import Floats

SIDE = 640
BRANCH = np.pi / 3
"""The angle between a fern's spine and its leaves: ice grows in six directions."""
LEAVES = 7
"""The number of leaves on each side of a fern."""
SMALLER_ONES = 1.6
"""The exponent of the Pareto distribution of ferns' lengths: the larger it is, the more small ferns there are."""


GRAIN = 1e-3
"""The strength of the finest clouds, relative to clouds as large as the texture."""


@dataclass(frozen=True, kw_only=True)
class Frost:
    """One texture.

    Args:
        color: mean of red, green and blue, from 0 to 255.
        spread: standard deviation of the grey levels.
        ferns: how much of what varies is ferns and not clouds, from 0 to 1.
        length: of the shortest ferns, in pixels.
        width: of their leaves, as a share of what there is room for.
        count: how many ferns are drawn.
    """

    color: tuple[int, int, int]
    spread: float
    ferns: float
    length: float
    width: float
    count: int


FROSTS = (
    Frost(color=(78, 149, 166), spread=18, ferns=0.4, length=16, width=1.5, count=900),
    Frost(color=(201, 205, 214), spread=22, ferns=0.55, length=24, width=0.8, count=1000),
    Frost(color=(201, 205, 214), spread=22, ferns=0.55, length=28, width=1.2, count=800),
    Frost(color=(138, 153, 165), spread=29, ferns=0.6, length=18, width=1.0, count=1100),
    Frost(color=(112, 123, 135), spread=43, ferns=0.5, length=28, width=0.6, count=800),
)


@lru_cache(maxsize=8)
def textures(shrunk: int, channels: int) -> Floats:
    """All textures: [textures, side, side, channels] from 0 to 1.

    Args:
        shrunk: how many times they are made smaller, an odd divisor of SIDE.
        channels: 3 for colour, 1 for grey.
    """
    if channels == 1:
        red, green, blue = np.moveaxis(textures(shrunk, 3), 3, 0)
        grey = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
        return np.asarray(grey[..., None])
    if shrunk > 1:
        # Every fifth pixel and not the mean of five, which is what the published program's bilinear reduction gives.
        return np.ascontiguousarray(textures(1, 3)[:, shrunk // 2 :: shrunk, shrunk // 2 :: shrunk])
    return np.stack([_texture(frost, np.random.default_rng(number)) for number, frost in enumerate(FROSTS)])


def _texture(frost: Frost, rng: np.random.Generator) -> Floats:
    ferns = _ferns(frost, rng)
    grey = frost.ferns * ferns + (1 - frost.ferns) * _clouds(rng)
    grey *= frost.spread / grey.std()
    # Thick ice is white whatever the colour behind it, as in photographs.
    thick = np.clip(grey / 128, 0, 1)[..., None]
    color = np.array(frost.color) + grey[..., None]
    return np.asarray(np.clip(color + thick * (color.mean(axis=2, keepdims=True) - color), 0, 255) / 255, np.float32)


def _ferns(frost: Frost, rng: np.random.Generator) -> NDArray[np.float64]:
    """Ferns drawn over each other, the longest first, of mean 0 and standard deviation 1."""
    canvas = Image.new("L", (SIDE, SIDE), 128)
    draw = ImageDraw.Draw(canvas)
    lengths = np.minimum(frost.length * (1 + rng.pareto(SMALLER_ONES, frost.count)), SIDE / 3)
    for length in np.sort(lengths)[::-1]:
        _draw_fern(draw, rng, length, frost.width)
    drawn = scipy.ndimage.gaussian_filter(np.asarray(canvas, dtype=np.float64), 0.6, mode="wrap")
    return np.asarray((drawn - drawn.mean()) / drawn.std())


def _draw_fern(draw: ImageDraw.ImageDraw, rng: np.random.Generator, length: float, width: float) -> None:
    """A spine with leaves, light on one side and darker on the other."""
    root, angle = complex(*rng.uniform(0, SIDE, 2)), rng.uniform(0, 2 * np.pi)
    tone, relief = rng.uniform(95, 165), rng.uniform(15, 55)
    along = np.exp(1j * angle)
    room = length / LEAVES
    for place, side in itertools.product(range(LEAVES), (1, -1)):
        foot = root + along * room * place
        tip = foot + 0.5 * (length - room * place) * along * np.exp(side * 1j * BRANCH)
        shade = round(tone + side * relief + rng.uniform(-25, 25))
        _draw_wrapped(draw, (foot, foot + along * room * width, tip), shade)
    end = root + along * length
    _draw_wrapped(draw, (root, end, root + along * 1j * max(1.0, 0.03 * length)), round(tone + 50))


def _draw_wrapped(draw: ImageDraw.ImageDraw, corners: tuple[complex, ...], shade: int) -> None:
    """A polygon; what is beyond one edge of the canvas comes in at the opposite one."""
    across, down = [corner.real for corner in corners], [corner.imag for corner in corners]
    for right, below in itertools.product(_turns(across), _turns(down)):
        draw.polygon([(x + right, y + below) for x, y in zip(across, down, strict=True)], fill=shade)


def _turns(places: list[float]) -> list[int]:
    """By how much a polygon must be moved along an axis so that every part of it is once on the canvas."""
    return [turn * SIDE for turn in (-1, 0, 1) if max(places) + turn * SIDE >= 0 and min(places) + turn * SIDE < SIDE]


def _clouds(rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose spectrum falls as that of clouds does, of mean 0 and standard deviation 1."""
    frequency = np.hypot(scipy.fft.fftfreq(SIDE, 1 / SIDE)[:, None], scipy.fft.rfftfreq(SIDE, 1 / SIDE))
    spectrum = scipy.fft.rfft2(rng.standard_normal((SIDE, SIDE))) * (1 / (1 + frequency) ** 1.6 + GRAIN)
    spectrum[0, 0] = 0
    clouds = scipy.fft.irfft2(spectrum, s=(SIDE, SIDE))
    return np.asarray(clouds / clouds.std())

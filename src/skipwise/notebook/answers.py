"""Answers in a notebook: a prediction with its image, a heat map, a file of answers."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from skipwise.core.text import count
from skipwise.deploy.predict.predict import Predicted
from skipwise.deploy.predict.predictor import HeatMap, Prediction
from skipwise.explaining.overlay import LEAST_SIDE, overlay
from skipwise.nets.explanation.grid import Grid
from skipwise.pages import card
from skipwise.pages.pictures import FEW_PIXELS, bounded_url

LIKELY = 5
"""Classes, the most likely first."""
CHARACTERS = 24_000
"""The most characters of a picture."""


def prediction(found: Prediction) -> str:
    """The most likely classes, beside the image where it is known."""
    if found.error is not None:
        return card.card(card.lead(f"There is no answer: {found.error}.", "bad"))
    shown = [] if found.thumbnail is None else [_picture(found.thumbnail, "what the network saw")]
    return card.card(*_answer(found), card.pictures(shown))


def heat_map(found: HeatMap) -> str:
    """The answer, the image, and the same image with what speaks for the answer in colour."""
    highest = float(found.map.max())
    side = len(found.square)
    drawn = overlay(found.square, found.map, Grid.even(side, side), highest=highest)
    return card.card(
        *_answer(found.prediction),
        card.pictures(
            [
                _picture(found.square, "what the network saw"),
                _picture(drawn, f"light colours speak for {found.prediction.label}"),
            ]
        ),
    )


def predicted(found: Predicted) -> str:
    """The number of answers, the images that have none, and where the file is."""
    said = f"{count(found.images, 'image')} answered"
    if found.unreadable:
        said = f"{found.unreadable:,} of {count(found.images, 'image')} can't be answered"
    return card.card(
        card.lead(f"{said}{'; they had been before' if found.repeated else ''}.", "bad" if found.unreadable else ""),
        card.listed([f"{name}: {error}" for name, error in found.first]),
        card.said([f"{count(found.left_out, 'file')} left out: no images by their names." if found.left_out else ""]),
        card.where(("Answers", found.file)),
    )


def _answer(found: Prediction) -> list[Markup]:
    likely = list(found.probabilities.items())[:LIKELY]
    more = len(found.probabilities) - len(likely)
    rows = [(name, card.bar(share), f"{share:.1%}") for name, share in likely]
    return [
        card.lead(f"{found.label} ({found.probability:.1%})"),
        card.table((), rows, left=2),
        card.said([f"{more:,} more classes are less likely." if more else ""], soft=True),
    ]


def _picture(pixels: NDArray[np.uint8], caption: str) -> card.Picture:
    """A square of pixels [S, S, C] as a picture."""
    side = len(pixels)
    colours = np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (side, side, 3)))
    url = bounded_url(colours.tobytes(), side, CHARACTERS)
    return card.Picture(url=url, caption=caption, few=side < max(FEW_PIXELS, LEAST_SIDE))

"""One image on its way through the engine, its answer, and what may go wrong with it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skipwise.deploy.predict.given_image import Image

if TYPE_CHECKING:
    from skipwise.serving.models.version import Version


class Overloaded(Exception):
    """There is more to do than may wait.

    Args:
        seconds: after how long to ask again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class TooLate(Exception):
    """The time for a request is over."""


class Unreadable(Exception):
    """An image can't be read; the message says why, as a clause."""


class Broken(Exception):
    """The network gave no answer, which is no fault of the request; the message is for the log only."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """The answer for one image.

    Args:
        version: the network that gave it.
        probabilities: float32 [classes], in the order of the network's classes.
        square: uint8 [size, size, channels], what the network saw.
        shorter_side: of the image as it came, in pixels; None where that can't be told.
        map: the heat map [h, w] of the answer, in units of its logit; None where none was asked for.
    """

    version: Version
    probabilities: NDArray[np.float32]
    square: NDArray[np.uint8]
    shorter_side: int | None
    map: NDArray[np.float32] | None = None

    @property
    def best(self) -> int:
        """The number of the most likely class."""
        return int(self.probabilities.argmax())

    @property
    def label(self) -> str:
        """The most likely class."""
        return self.version.classes[self.best]

    @property
    def probability(self) -> float:
        """The probability of that class."""
        return float(self.probabilities[self.best])


@dataclass(kw_only=True, eq=False)
class Item:
    """An image that is to be answered.

    Args:
        image: its encoded bytes, or its pixels.
        explain: whether the heat map of the answer is wanted, too.
        deadline: the moment of the monotonic clock from which on nobody waits for the answer.
        future: gets an `Answer`, or an exception of this module.
        square: its pixels as the network takes them, once it was decoded.
        shorter_side: of the image as it came, in pixels.
        ready: when it was decoded.
    """

    image: Image
    explain: bool
    deadline: float
    future: asyncio.Future[Answer]
    square: bytes = b""
    shorter_side: int | None = None
    ready: float = field(default=0.0)

    @property
    def awaited(self) -> bool:
        """True if a client still waits for the answer."""
        return not self.future.cancelled() and time.monotonic() < self.deadline

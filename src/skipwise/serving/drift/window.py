"""The last requests: which answers they got, and what their images were like."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skipwise.deploy.artifact.reference import measured
from skipwise.deploy.predict.given_image import Image

if TYPE_CHECKING:
    from skipwise.serving.engine.work import Answer

LAST = 1000
"""The images that are looked back on."""
SECONDS_BETWEEN = 0.01
"""An image is measured, which takes a tenth of a millisecond, unless another was so shortly before."""
MOST_NETWORKS = 64


class Window:
    """The last images that one network answered. Nothing of an image is kept but three numbers.

    Attributes:
        answers: the number of the class that each got, and its probability.
        inputs: brightness, contrast and shorter side of some of them.
    """

    def __init__(self) -> None:
        self.answers: deque[tuple[int, float]] = deque(maxlen=LAST)
        self.inputs: deque[tuple[float, float, float]] = deque(maxlen=LAST)
        self._measured = 0.0

    def add(self, answer: Answer) -> None:
        """Takes an answer."""
        self.answers.append((answer.best, answer.probability))
        now = time.monotonic()
        if now - self._measured < SECONDS_BETWEEN:
            return
        if answer.shorter_side is not None:
            self._measured = now
            self.inputs.append(measured(answer.square, answer.shorter_side))

    def counts(self, classes: int) -> list[int]:
        """Counts the answers of each class."""
        return np.bincount([best for best, _ in self.answers], minlength=classes).tolist()

    def unsure(self, threshold: float) -> int:
        """Counts the answers with a probability below a threshold."""
        return sum(probability < threshold for _, probability in self.answers)

    def values(self, place: int) -> NDArray[np.float64]:
        """One of the three numbers of all images that were measured."""
        return np.array([each[place] for each in self.inputs], np.float64)


class Windows:
    """The windows of all networks: what watches an engine."""

    def __init__(self) -> None:
        self._of: OrderedDict[tuple[str, str], Window] = OrderedDict()

    def answered(self, image: Image, answer: Answer) -> None:
        """Takes an answer. Only the windows of networks that answered last are kept."""
        del image
        network = (answer.version.name, answer.version.identity)
        self._of.setdefault(network, Window()).add(answer)
        self._of.move_to_end(network)
        if len(self._of) > MOST_NETWORKS:
            self._of.popitem(last=False)

    def of(self, name: str, identity: str) -> Window:
        """The window of a network, the same where the same file is opened again; empty if it gave no answer.

        Args:
            name: what requests call it.
            identity: a hash of it.
        """
        return self._of.get((name, identity)) or Window()

"""Temperature scaling: one number that makes a network's confidence honest and changes no answer; numpy and scipy only.

Guo, Pleiss, Sun and Weinberger 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.evaluation.metrics import log_loss

FEWEST_IMAGES = 20
"""The least number of validation images: a temperature fitted on fewer depends mostly on which images they are."""
LEAST, MOST = 0.05, 20.0
"""Temperatures beyond these are not looked for: validation images that are all right would ask for 0."""


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The temperature that minimises the log-loss of validation images.

    Probabilities are then `softmax(logits / temperature)`: above 1 the network was too confident, below 1 too timid.

    Args:
        logits: of images that were neither trained nor tested on, [N, classes].
        labels: [N].

    Returns:
        A number between 0.05 and 20.

    Raises:
        SkipwiseError: there are fewer than 20 images.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> honest = rng.normal(size=(4000, 3))
        >>> labels = (honest + rng.gumbel(size=(4000, 3))).argmax(axis=1)
        >>> round(fit_temperature(3 * honest, labels), 1)  # three times too confident
        3.0
    """
    if len(labels) < FEWEST_IMAGES:
        raise SkipwiseError(
            f"A temperature needs at least {FEWEST_IMAGES} validation images, and there are {len(labels)}; train with "
            "a larger --val-share."
        )
    from scipy.optimize import minimize_scalar  # slow to import, and only needed here

    logits = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        return float(log_loss(logits / np.exp(log_temperature), labels).mean())

    # In 1 / temperature the loss is convex, so it has one minimum in the logarithm, too.
    found = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))

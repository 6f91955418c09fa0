"""The arguments of every corruption: images, and a random generator for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
"""Images [B, H, W, C] from 0 (black) to 1 (white)."""

Draws: TypeAlias = Sequence[np.random.Generator]
"""A generator for each image, so that its result does not depend on the batch it is in."""

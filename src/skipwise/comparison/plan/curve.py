"""The parts of the training images that a learning curve is made of."""

from __future__ import annotations

PARTS = {"quarter": 0.25, "half": 0.5}
"""The name of each part, and its share of the training images; the runs of the comparison have all of them."""

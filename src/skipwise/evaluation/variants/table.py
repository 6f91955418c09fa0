"""Every variant there is. A further one is one more row, and an outcome that reads it."""

from __future__ import annotations

from skipwise.evaluation.variants.backgrounds import BACKGROUNDS
from skipwise.evaluation.variants.corrupted import CORRUPTED
from skipwise.evaluation.variants.variant import Variant

VARIANTS: dict[str, Variant] = {row.name: row for row in (CORRUPTED, BACKGROUNDS)}
"""Every variant there is, by its name."""

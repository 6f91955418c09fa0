"""Variants of the test images: other versions of each of them, which a trained network answers beside the image itself.

`VARIANTS` is the table. An outcome names the variant that it reads; a comparison whose outcomes read none makes none.
"""

from skipwise.evaluation.variants.table import VARIANTS
from skipwise.evaluation.variants.variant import Kinds, Originals, Variant

__all__ = ["VARIANTS", "Kinds", "Originals", "Variant"]

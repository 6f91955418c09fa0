"""The variant `backgrounds`: each test image before plain grey, and before backgrounds of its own and of another class.

Only some data sets bring these versions; of others nobody knows where in the image the background is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.variants.variant import Kinds, Originals, Variant

PLAIN, SAME, OTHER = "plain-background", "same-class-background", "other-class-background"
VERSIONS = (PLAIN, SAME, OTHER)
"""Those of the data set `backgrounds`, whose import takes a while."""


def make(originals: Originals, version: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Some images in a version that their data set brings, cropped and resized as the images themselves are."""
    from skipwise.data.image.preprocess import fit_square

    how = originals.preprocessing
    return np.stack(
        [
            fit_square(pixels, how.size, crop=how.crop, interpolation=how.interpolation)
            for pixels in originals.brought[version](numbers)
        ]
    )


def _refuse(kinds: Kinds) -> str:
    if set(VERSIONS) <= set(kinds.brought):
        return ""
    return (
        "These images have no versions with other backgrounds, which --outcome background needs; leave it out, or "
        "compare on the data set backgrounds, which has them."
    )


BACKGROUNDS = Variant(name="backgrounds", versions=VERSIONS, make=make, refuse=_refuse, seconds=lambda _: 5e-5)

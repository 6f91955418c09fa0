"""What training needs to know of the images before it begins: their size, and how pixels become input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skipwise.data.images import Pixels
from skipwise.data.prepare import Prepared
from skipwise.data.preprocess import Preprocessing, channel_statistics
from skipwise.errors import SkipwiseError, unknown_name
from skipwise.nets.network import STEMS, check_width
from skipwise.nets.published import fetch, published


def check_options(*, img_size: int | None, stem: str, width: float, seed: int) -> None:
    """Raises SkipwiseError for what would otherwise only come to light once all images have been read."""
    if img_size is not None and not 8 <= img_size <= 1024:
        raise SkipwiseError(f"--img-size must lie between 8 and 1024 pixels, not {img_size}.")
    if stem not in STEMS:
        raise unknown_name("stem", stem, STEMS)
    if not 0 <= seed < 2**32:
        raise SkipwiseError(f"--seed must be at least 0 and below 2^32, not {seed}.")
    check_width(width)


def choose_preprocessing(prepared: Prepared, pretrained: Sequence[str], size: int | None) -> Preprocessing:
    """The preprocessing for these images, its mean and deviation still open.

    Args:
        pretrained: networks that start from published weights; the images are prepared as the first one's expect.
        size: in pixels a side, or None for the images' own or what the weights expect.

    Raises:
        SkipwiseError: a network without published weights, or weights that can't be downloaded.
    """
    if not pretrained:
        return Preprocessing(size=size or prepared.auto_size, channels=prepared.channels, mean=(), std=())
    weights = [published(name) for name in pretrained]
    for each in weights:
        fetch(each)  # now and once, rather than in every process
    expected = weights[0]
    return Preprocessing(
        size=size or expected.size,
        channels=3,
        mean=expected.mean,
        std=expected.std,
        crop=expected.crop,
        interpolation=expected.interpolation,
    )


def with_statistics(preprocessing: Preprocessing, pixels: Pixels, train: NDArray[np.int64]) -> Preprocessing:
    """The preprocessing with the training images' mean and deviation, unless published weights came with theirs."""
    if preprocessing.mean:
        return preprocessing
    mean, std = channel_statistics(pixels, train)
    return replace(preprocessing, mean=mean, std=std)

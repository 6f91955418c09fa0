"""Inputs that training fixes before it begins: the images' size, and how their pixels become a network's input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.data.image.preprocess import Preprocessing, channel_statistics
from skipwise.data.images import Pixels
from skipwise.data.prepare import Prepared
from skipwise.nets.external import is_external
from skipwise.nets.external_sizes import check_size, takes
from skipwise.nets.spec import NetworkSpec
from skipwise.nets.stems import STEMS, check_width
from skipwise.training.loop.recipe import Recipe, of_one_size
from skipwise.training.loop.schedule import sides

if TYPE_CHECKING:
    from torch import nn


def check_options(*, img_size: int | None, stem: str, width: float | None, seed: int) -> None:
    """Raises SkipwiseError for what would otherwise only come to light once all images have been read."""
    if img_size is not None and not 8 <= img_size <= 1024:
        raise SkipwiseError(f"--img-size must lie between 8 and 1024 pixels, not {img_size}.")
    if stem not in STEMS:
        raise unknown_name("stem", stem, STEMS)
    check_seed(seed)
    if width is not None:
        check_width(width)


def check_seed(seed: int) -> None:
    """Raises SkipwiseError for a seed that random numbers can't be drawn from."""
    if not 0 <= seed < 2**32:
        raise SkipwiseError(f"--seed must be at least 0 and below 2^32, not {seed}.")


def choose_preprocessing(
    prepared: Prepared, expected: Sequence[Preprocessing | None], size: int | None
) -> Preprocessing:
    """The preprocessing for these images; mean and deviation are still open where a network brings none.

    All networks see the same pixels: of the size, the crop and the interpolation that the first weights expect. What
    each channel is scaled by afterwards may differ, since it is part of the weights (see `Plan.preprocessing_of`).

    Args:
        expected: how images are prepared for the weights of each network; None for one that starts from scratch, or
            from weights of which nobody knows it.
        size: in pixels a side, or None for the images' own or what the weights expect.

    Raises:
        SkipwiseError: some weights are for grey images and others for coloured ones.
    """
    levels = prepared.scan.levels  # these images', whatever the weights were trained on
    known = [each for each in expected if each is not None]
    if not known:
        return Preprocessing(
            size=size or prepared.auto_size, channels=prepared.channels, mean=(), std=(), levels=levels
        )
    first = known[0]
    if any(each.channels != first.channels for each in known):
        raise SkipwiseError(
            "Some of these weights are for grey images and others for coloured ones, and all networks of a comparison "
            "see the same images; start from weights of one kind."
        )
    chosen = replace(first, size=size or first.size, levels=levels)
    return chosen if len(known) == len(expected) else replace(chosen, mean=(), std=())


def with_statistics(preprocessing: Preprocessing, pixels: Pixels, train: NDArray[np.int64]) -> Preprocessing:
    """The preprocessing with the mean and standard deviation of the training images, unless weights set them."""
    if preprocessing.mean:
        return preprocessing
    mean, std = channel_statistics(pixels, train)
    return replace(preprocessing, mean=mean, std=std)


def check_sizes(models: Iterable[str], preprocessing: Preprocessing, classes: int) -> None:
    """Checks that external networks take images of the size.

    A network that does not work at all passes; its run reports why.

    Raises:
        SkipwiseError: a network takes images of other sizes, but not of this one.
    """
    for name, network in _external_networks(models, preprocessing, classes):
        check_size(network, name, channels=preprocessing.channels, size=preprocessing.size)


def _external_networks(
    models: Iterable[str], preprocessing: Preprocessing, classes: int
) -> Iterator[tuple[str, nn.Module]]:
    """The external networks that can be built, in evaluation mode; the runs of the others report why they cannot."""
    for name in filter(is_external, models):
        spec = NetworkSpec(name=name, num_classes=classes, in_channels=preprocessing.channels)
        try:
            network = spec.build(seed=0).eval()
        except Exception:
            continue
        yield name, network


def with_sizes_for_all(
    recipe: Recipe,
    models: Iterable[str],
    preprocessing: Preprocessing,
    classes: int,
    epochs: int | None,
    notice: Callable[[str], None],
) -> Recipe:
    """The recipe, without progressive resizing if the images are too small, or an external network takes one size only.

    A network that does not work at all changes nothing; its run reports why.

    Args:
        recipe: the recipe.
        models: the networks.
        preprocessing: how images become their input.
        classes: the number of classes.
        epochs: the epochs that the user asked for; None for the recipe's own.
        notice: called with a sentence for the user.
    """
    size, channels = preprocessing.size, preprocessing.channels
    smaller = [side for side in sides(recipe, size) if side != size]
    fixed = of_one_size(recipe)
    fixed = replace(fixed, epochs=epochs or fixed.epochs)
    if not smaller:
        return fixed
    for name, network in _external_networks(models, preprocessing, classes):
        refused = [side for side in smaller if not takes(network, channels, side)]
        if refused and takes(network, channels, size):
            notice(
                f"{name} does not take images of {refused[0]} x {refused[0]} pixels, so training images have their "
                f"full size from the beginning, for {fixed.epochs} epochs."
            )
            return fixed
    return recipe


def resident_bytes(recipe: Recipe, preprocessing: Preprocessing, images: int, *, runs: int = 1) -> int | None:
    """The bytes that training images take in a device's memory; None where batches cannot be made there.

    Args:
        recipe: the recipe, whose augmentation decides whether batches can be made on the device.
        preprocessing: the images' size and channels.
        images: the number of training images.
        runs: how many runs each hold the images at once.
    """
    if not recipe.augmentation.on_any_device:
        return None
    return runs * images * preprocessing.size**2 * preprocessing.channels

"""What training needs to know of the images before it begins: their sizes, and how pixels become input."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skipwise.data.images import Pixels
from skipwise.data.prepare import Prepared
from skipwise.data.preprocess import Preprocessing, channel_statistics
from skipwise.errors import SkipwiseError, unknown_name
from skipwise.nets.guests import is_guest
from skipwise.nets.published import fetch, published
from skipwise.nets.sizes import check_size, takes
from skipwise.nets.stems import STEMS, check_width, resolve_stem
from skipwise.paths import user_path
from skipwise.seals import sha256
from skipwise.training.recipe import Recipe, of_one_size
from skipwise.training.run import RunSpec, read_run
from skipwise.training.schedule import sides

if TYPE_CHECKING:
    pass


def check_options(*, img_size: int | None, stem: str, width: float, seed: int, pretrained: bool) -> None:
    """Raises SkipwiseError for what would otherwise only come to light once all images have been read."""
    if pretrained and (width != 1.0 or stem not in ("auto", "imagenet")):
        option = "--stem" if width == 1.0 else "--width"
        raise SkipwiseError(
            f"Published weights are for the imagenet stem and width 1; leave {option} out, or --pretrained."
        )
    if img_size is not None and not 8 <= img_size <= 1024:
        raise SkipwiseError(f"--img-size must lie between 8 and 1024 pixels, not {img_size}.")
    if stem not in STEMS:
        raise unknown_name("stem", stem, STEMS)
    if not 0 <= seed < 2**32:
        raise SkipwiseError(f"--seed must be at least 0 and below 2^32, not {seed}.")
    check_width(width)


@dataclass(frozen=True, kw_only=True)
class Initial:
    """A file of weights to start from, and, where a run of ours made it, the run's spec. `key` says which of its
    weights, where it holds several."""

    file: Path
    sha256: str
    spec: RunSpec | None
    key: str | None = None


def find_initial(where: str | os.PathLike[str], key: str | None = None) -> Initial:
    """The weights in a run's folder, or in a file.

    Raises:
        SkipwiseError: there are none.
    """
    path = user_path(where)
    spec = None
    if path.is_dir():
        if not (path / "run.json").exists():
            raise SkipwiseError(f"{path} is no finished run; give --init a run's folder or a file of weights.")
        record = read_run(path, "weights.safetensors")
        if record.status == "failed":
            raise SkipwiseError(f"The run in {path} failed ({record.reason}), so it has no weights to start from.")
        if key is not None:
            raise SkipwiseError(f"--init-key is for files that hold several weights; the run in {path} has one.")
        spec, path = record.spec, path / "weights.safetensors"
    if not path.is_file():
        raise SkipwiseError(f"There is no file {path}; give --init a run's folder or a file of weights.")
    return Initial(file=path, sha256=sha256(path), spec=spec, key=key)


def check_fits(initial: Initial, model: str, width: float, where: str) -> None:
    """Raises SkipwiseError where the weights are of a run of ours with another network."""
    made = initial.spec
    if made is not None and (made.model, made.width) != (model, width):
        raise SkipwiseError(
            f"{where} is a run of {made.model} at width {made.width:g}; start from it with --model {made.model} "
            f"--width {made.width:g}."
        )


def choose_preprocessing(
    prepared: Prepared, pretrained: Sequence[str], size: int | None, initial: Initial | None = None
) -> Preprocessing:
    """The preprocessing for these images, its mean and deviation still open.

    Args:
        pretrained: networks that start from published weights; the images are prepared as the first one's expect.
        size: in pixels a side, or None for the images' own or what the weights expect.
        initial: weights to start from; the images are prepared as for the run that made them, if that is known.

    Raises:
        SkipwiseError: a network without published weights, or weights that can't be downloaded.
    """
    levels = prepared.seen.levels  # these images', whatever the weights were trained on
    if initial is not None and initial.spec is not None:
        expected = initial.spec.preprocessing
        return replace(expected, size=size or expected.size, levels=levels)
    if not pretrained:
        return Preprocessing(
            size=size or prepared.auto_size, channels=prepared.channels, mean=(), std=(), levels=levels
        )
    weights = [published(name) for name in pretrained]
    for each in weights:
        fetch(each)  # now and once, rather than in every process
    first = weights[0]
    return Preprocessing(
        size=size or first.size,
        channels=3,
        mean=first.mean,
        std=first.std,
        crop=first.crop,
        interpolation=first.interpolation,
        levels=levels,
    )


def with_statistics(preprocessing: Preprocessing, pixels: Pixels, train: NDArray[np.int64]) -> Preprocessing:
    """The preprocessing with the training images' mean and deviation, unless published weights came with theirs."""
    if preprocessing.mean:
        return preprocessing
    mean, std = channel_statistics(pixels, train)
    return replace(preprocessing, mean=mean, std=std)


def check_sizes(models: Iterable[str], preprocessing: Preprocessing, classes: int) -> None:
    """Raises SkipwiseError for a network that takes images of other sizes and not of this one.

    One that does not work at all is let through: its run will say why.
    """
    for name in filter(is_guest, models):
        from skipwise.nets.zoo import create_model  # which imports torch

        try:
            network = create_model(name, num_classes=classes, in_channels=preprocessing.channels, seed=0)
        except Exception:
            continue
        check_size(network, name, channels=preprocessing.channels, size=preprocessing.size)


def with_sizes_for_all(
    recipe: Recipe,
    models: Iterable[str],
    preprocessing: Preprocessing,
    classes: int,
    epochs: int | None,
    notice: Callable[[str], None],
) -> Recipe:
    """The recipe, without growing images if they are too small, or a network of somebody else's takes no smaller ones.

    A network that does not work at all changes nothing: its run will say why. `epochs` are those asked for, if any.
    """
    size, channels = preprocessing.size, preprocessing.channels
    smaller = [side for side in sides(recipe, size) if side != size]
    fixed = of_one_size(recipe)
    fixed = replace(fixed, epochs=epochs or fixed.epochs)
    if not smaller:
        return fixed
    for name in filter(is_guest, models):
        from skipwise.nets.zoo import create_model  # which imports torch

        try:
            network = create_model(name, num_classes=classes, in_channels=channels, seed=0).eval()
        except Exception:
            continue
        refused = [side for side in smaller if not takes(network, channels, side)]
        if refused and takes(network, channels, size):
            notice(
                f"{name} does not take images of {refused[0]} x {refused[0]} pixels: training images are of full size "
                f"all the time, for {fixed.epochs} epochs."
            )
            return fixed
    return recipe


def resident_bytes(recipe: Recipe, preprocessing: Preprocessing, images: int, *, runs: int = 1) -> int | None:
    """What so many training images take in a device's memory, each run having its own; None where their batches can't
    be made there."""
    if not recipe.augmentation.on_any_device:
        return None
    return runs * images * preprocessing.size**2 * preprocessing.channels


def choose_stem(stem: str, size: int, *, pretrained: bool, initial: Initial | None = None) -> str:
    """The stem that was asked for, or the one that weights to start from or the image size (pixels a side) suggest."""
    if stem == "auto" and pretrained:
        return "imagenet"
    if stem == "auto" and initial is not None and initial.spec is not None:
        return initial.spec.stem
    return resolve_stem(stem, size)

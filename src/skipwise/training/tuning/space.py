"""The hyperparameters that can be searched, and their ranges. `SPACE` is the table.

Ranges are what papers and people's own searches use: logarithmic where only the order of magnitude is known, such as
the learning rate and the weight decay, and linear elsewhere. The rates of a recipe belong to its optimizer and its
batch, so that their ranges are multiples of the recipe's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.training.loop.recipe import Recipe

LR = "lr"


@dataclass(frozen=True, kw_only=True)
class Range:
    """The range of a hyperparameter, as a plan keeps it.

    Args:
        name: a row of `SPACE`.
        low, high: the smallest and the largest value.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """A hyperparameter that can be searched.

    Args:
        title: what people call it.
        low, high: the smallest and the largest value.
        log: whether values are drawn on a logarithmic scale.
        times: whether `low` and `high` are multiples of the recipe's own value.
        augmentation: whether it is a field of the recipe's augmentation, and not of the recipe itself.
    """

    title: str
    low: float
    high: float
    log: bool = False
    times: bool = False
    augmentation: bool = False


SPACE: dict[str, Hyperparameter] = {
    LR: Hyperparameter(title="peak learning rate", low=0.1, high=10.0, log=True, times=True),
    "weight_decay": Hyperparameter(title="weight decay", low=0.1, high=10.0, log=True, times=True),
    "momentum": Hyperparameter(title="momentum", low=0.5, high=0.98),
    # Szegedy et al. 2016 (arXiv:1512.00567) use 0.1.
    "label_smoothing": Hyperparameter(title="label smoothing", low=0.0, high=0.2),
    # Zhang et al. 2018 (arXiv:1710.09412): 0.1 to 0.4 for ImageNet, 1 for CIFAR-10.
    "mixup": Hyperparameter(title="alpha of mixup", low=0.0, high=1.0, augmentation=True),
    # Yun et al. 2019 (arXiv:1905.04899) use 1.
    "cutmix": Hyperparameter(title="alpha of CutMix", low=0.0, high=1.0, augmentation=True),
    # DeVries and Taylor 2017 (arXiv:1708.04552): half of the side for CIFAR-10, a quarter for CIFAR-100.
    "cutout": Hyperparameter(title="side of Cutout", low=0.0, high=0.5, augmentation=True),
}


def check_names(names: Sequence[str]) -> None:
    """Raises SkipwiseError for a hyperparameter that can't be searched, or is named twice."""
    for name in names:
        if name not in SPACE:
            raise unknown_name("hyperparameter", name, SPACE)
    if not names or len(set(names)) < len(names):
        raise SkipwiseError("--tune-what takes each hyperparameter once, like --tune-what lr,weight_decay.")


def ranges_of(names: Sequence[str], recipes: Sequence[Recipe], rates: Sequence[float] | None) -> tuple[Range, ...]:
    """The ranges to search: the same for every network, whichever of the recipes it is trained by.

    Args:
        names: rows of `SPACE`.
        recipes: those that networks are trained by.
        rates: the lowest and the highest learning rate; None for what the table says.
    """
    found = []
    for name in sorted(names, key=list(SPACE).index):
        row = SPACE[name]
        low, high = row.low, row.high
        if row.times:
            own = [value_of(recipe, name) for recipe in recipes]
            low, high = _rounded(low * min(own)), _rounded(high * max(own))
        if name == LR and rates is not None:
            low, high = min(rates), max(rates)
        found.append(Range(name=name, low=low, high=high))
    return tuple(found)


def value_of(recipe: Recipe, name: str) -> float:
    """A recipe's own value of a hyperparameter."""
    holder: Any = recipe.augmentation if SPACE[name].augmentation else recipe
    return float(getattr(holder, name))


def own_values(recipe: Recipe, ranges: Sequence[Range]) -> dict[str, float] | None:
    """A recipe's own values; None where one of them lies outside of its range."""
    values = {each.name: value_of(recipe, each.name) for each in ranges}
    return values if all(each.low <= values[each.name] <= each.high for each in ranges) else None


def with_values(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """The recipe with other values of some hyperparameters."""
    augmented: dict[str, Any] = {name: value for name, value in values.items() if SPACE[name].augmentation}
    others: dict[str, Any] = {name: value for name, value in values.items() if name not in augmented}
    if augmented:
        others["augmentation"] = replace(recipe.augmentation, **augmented)
    return replace(recipe, **others)


def said(values: Mapping[str, float]) -> str:
    """Values in words.

    Example:
        >>> said({"lr": 0.12345, "mixup": 0.2})
        'lr 0.123, mixup 0.2'
    """
    return ", ".join(f"{name} {value:.3g}" for name, value in values.items())


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")

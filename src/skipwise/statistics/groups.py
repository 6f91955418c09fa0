"""Test images that belong together: the photographs of one patient, the frames of one video.

Images of one group are not independent, so that a mean is known only as well as its groups tell. Variances are
cluster-robust (Liang and Zeger 1986, Biometrika 73:13) with the corrections that few or unequal groups need (Bell and
McCaffrey 2002, Survey Methodology 28:169). An image by itself is a group of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST_GROUPS = 10
"""The least number of groups for a reliable interval. Callers should warn of fewer: the interval then rests on its
assumptions more than on the data."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The assignment of images [N] to groups [G].

    Args:
        images: how many there are.
        starts: where each group begins, once images are put in `order`. None: every image is a group of its own.
        order: the images, group by group.
    """

    images: int
    starts: NDArray[np.intp] | None = None
    order: NDArray[np.intp] | None = None

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The share of the images that each group holds [G]."""
        if self.starts is None:
            return np.full(self.images, 1 / self.images)
        return np.diff(self.starts, append=self.images) / self.images

    @property
    def count(self) -> int:
        """The number of groups."""
        return self.images if self.starts is None else len(self.starts)

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of values [..., N] over each group [..., G], divided by the number of images."""
        if self.starts is None or self.order is None:
            return values / self.images
        return np.add.reduceat(values[..., self.order], self.starts, axis=-1) / self.images

    def variance(self, sums: NDArray[np.float64]) -> float:
        """The variance of a mean, from its group sums as `sums` gives them [..., G], centred; added up over rows.

        Each group's square is divided by the share of the images outside it, which makes the estimate unbiased where
        images are independent. Where groups differ in size and differ as wholes, it would still be too small: a factor
        makes it unbiased for group means of equal variance.
        """
        if self.count == 1:
            return 0.0  # one image tells nothing of others
        return float(np.square(sums).reshape(-1, self.count).sum(axis=0) @ (1 / (1 - self.shares))) * self._unequal

    @cached_property
    def _unequal(self) -> float:
        p, squares = self.shares, float(np.square(self.shares).sum())
        expected = float((p**2 * (1 - 2 * p + squares) / (1 - p)).sum())
        return max(1.0, squares / expected)

    @cached_property
    def freedom(self) -> float:
        """The degrees of freedom of `variance`: one less than the number of groups where all are alike, fewer else."""
        if self.count == 1:
            return 1.0
        p, squares = self.shares, float(np.square(self.shares).sum())
        weights = p**2 / (1 - p)
        # tr(B)^2 / tr(B^2) for B = W^(1/2) M W^(1/2), where M[g, h] = [g = h] - p[g] - p[h] + squares is the
        # covariance of the groups' deviations from the mean, if their means have equal variances.
        diagonal = 1 - 2 * p + squares
        total, first, second = weights.sum(), weights @ p, weights @ p**2
        crossed = squares**2 * total**2 - 4 * squares * total * first + 2 * total * second + 2 * first**2
        crossed += float((weights**2 * (diagonal**2 - (squares - 2 * p) ** 2)).sum())
        return float((weights @ diagonal) ** 2 / crossed)


def groups_of(ids: NDArray[Any] | Sequence[Any]) -> Groups:
    """The groups that images fall into, by an id for each.

    Raises:
        ValueError: the ids are no list, or all are the same, or some are missing (None or NaN).

    Examples:
        >>> groups = groups_of(["ann", "bob", "ann", "eve"])
        >>> groups.count, groups.shares
        (3, array([0.5 , 0.25, 0.25]))
        >>> groups_of([7] * 50)
        Traceback (most recent call last):
        ValueError: All images are in one group, which says nothing about other groups.
    """
    given = np.asarray(ids)
    if given.ndim != 1 or not len(given):
        raise ValueError("Groups are given as one id for each image.")
    if given.dtype == object:
        if any(each is None or each != each for each in given):
            raise ValueError("Every image needs a group, and some have none.")
        given = np.array([str(each) for each in given])
    elif given.dtype.kind == "f" and np.isnan(given).any():
        raise ValueError("Every image needs a group, and some have none.")
    _, numbers = np.unique(given, return_inverse=True)
    if numbers.max() == 0:
        raise ValueError("All images are in one group, which says nothing about other groups.")
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    return Groups(len(given), starts, order)


def groups_if_any(ids: NDArray[Any] | None, images: int) -> Groups:
    """The groups that images fall into; each image is by itself where there are no ids, or the same for all images.

    Args:
        ids: one for each image, or None.
        images: how many there are.

    Example:
        >>> groups_if_any(np.array([3, 3, 4]), 3).count, groups_if_any(np.array([3, 3, 3]), 3).count
        (2, 3)
    """
    if ids is None or len(set(ids.tolist())) in (1, images):
        return Groups(images)
    return groups_of(ids)

"""Nested parts of images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipwise.data.subsets import nested_part


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    shares=st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)),
    seed=st.integers(0, 2**31),
)
def test_parts_are_nested_and_have_every_class_in_its_proportion(
    sizes: list[int], shares: tuple[float, float], seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    small, large = sorted(shares)
    parts = {share: nested_part(labels, share, seed=seed) for share in (small, large)}
    assert (parts[large] >= parts[small]).all()
    for share, part in parts.items():
        assert (part == nested_part(labels, share, seed=seed)).all()
        counts = np.bincount(labels[part], minlength=len(sizes))
        assert (counts == np.ceil(share * np.array(sizes))).all()


@given(seed=st.integers(0, 2**31), groups=st.integers(4, 40), classes=st.integers(1, 4))
def test_groups_stay_whole(seed: int, groups: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    together = rng.integers(groups, size=200)
    labels = rng.integers(classes, size=200)
    quarter, half = (nested_part(labels, share, seed=seed, groups=together) for share in (0.25, 0.5))
    for part in (quarter, half):
        assert not set(together[part]) & set(together[~part])
    assert (half >= quarter).all()
    assert quarter.sum() >= 50
    assert half.sum() >= 100


def test_groups_of_one_class_are_dealt_out_class_by_class() -> None:
    labels = np.repeat([0, 1], [160, 40])
    together = np.arange(200) // 4
    half = nested_part(labels, 0.5, seed=3, groups=together)
    assert np.bincount(labels[half]).tolist() == [80, 20]


def test_each_seed_has_its_own() -> None:
    labels = np.zeros(400, dtype=np.int64)
    first, second = (nested_part(labels, 0.25, seed=seed) for seed in (0, 1))
    assert first.sum() == second.sum() == 100
    assert (first & second).sum() == pytest.approx(25, abs=15)

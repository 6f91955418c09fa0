"""Whether a file is as good as its reference: the interval, the three outcomes, and how often it misses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from skipwise.statistics.noninferiority import Drop, noninferiority


def answers(images: int, lost: int, won: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both right but for the images that are lost or won."""
    reference, file = np.ones(images, dtype=bool), np.ones(images, dtype=bool)
    file[:lost] = False
    reference[lost : lost + won] = False
    return reference, file


def drop(images: int, lost: int, won: int, limit: float = 0.003) -> Drop:
    return noninferiority(*answers(images, lost, won), limit=limit)


counts = st.integers(2, 3000).flatmap(
    lambda images: st.tuples(st.just(images), st.integers(0, images // 2), st.integers(0, images // 2))
)


@given(counts)
def test_the_interval_has_a_width_holds_the_drop_and_turns_round_with_it(seen: tuple[int, int, int]) -> None:
    images, lost, won = seen
    found, turned = drop(images, lost, won), drop(images, won, lost)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 1 / images
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


@given(counts)
def test_one_more_image_lost_moves_the_interval_up(seen: tuple[int, int, int]) -> None:
    images, lost, won = seen
    if lost + won < images:
        less, more = drop(images, lost, won), drop(images, lost + 1, won)
        assert more.low >= less.low - 1e-9
        assert more.high >= less.high - 1e-9


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        ((310, 2, 0), "cannot tell"),
        ((310, 0, 0), "cannot tell"),
        ((1000, 0, 0), "cannot tell"),
        ((1300, 0, 0), "certified"),
        ((310, 9, 0), "not as good"),
        ((10_000, 20, 21), "certified"),
        ((10_000, 90, 20), "not as good"),
    ],
)
def test_the_three_outcomes(seen: tuple[int, int, int], outcome: str) -> None:
    assert drop(*seen).outcome == outcome


@pytest.mark.parametrize(("images", "lost", "won"), [(310, 2, 0), (310, 0, 0), (1000, 5, 4), (2000, 20, 5)])
def test_so_many_images_as_are_named_do_tell(images: int, lost: int, won: int) -> None:
    found = drop(images, lost, won)
    assert found.outcome == "cannot tell"
    assert found.enough is not None
    assert found.enough > images
    times = found.enough / images
    assert drop(found.enough, round(lost * times), round(won * times)).outcome != "cannot tell"


def test_no_number_is_named_where_none_would_tell() -> None:
    assert drop(1000, 3, 0, limit=0.003).enough is None
    assert drop(1000, 0, 0, limit=0).enough is None
    assert drop(1300, 0, 0).enough is None


def test_images_of_a_group_count_for_fewer() -> None:
    reference, file = answers(3000, 0, 0)
    alone = noninferiority(reference, file, limit=0.003, groups=np.arange(3000))
    by_ten = noninferiority(reference, file, limit=0.003, groups=np.arange(3000) // 10)
    assert alone == noninferiority(reference, file, limit=0.003)
    assert (by_ten.groups, by_ten.outcome) == (300, "cannot tell")
    assert by_ten.high > 9 * alone.high
    one = noninferiority(reference, file, limit=0.003, groups=np.zeros(3000, dtype=np.int64))
    assert (one.low, one.high, one.outcome, one.enough) == (-1, 1, "cannot tell", None)


@pytest.mark.parametrize("size", [1, 10])
@pytest.mark.parametrize(("images", "different", "truth"), [(100, 0.03, 0.01), (1000, 0.01, 0.003), (2000, 0.05, 0.0)])
def test_the_interval_misses_no_more_often_than_it_says(size: int, images: int, different: float, truth: float) -> None:
    """Images of a group are lost or won together, which is the worst there is."""
    rng = np.random.default_rng(images + size)
    missed, trials = 0, 400
    for _ in range(trials):
        drawn = rng.random(images // size).repeat(size)
        lost, won = drawn < (different + truth) / 2, drawn > 1 - (different - truth) / 2
        groups = np.arange(images) // size
        found = noninferiority(~won, ~lost, limit=0.003, groups=groups if size > 1 else None)
        missed += not found.low <= truth <= found.high
    assert missed / trials <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / trials)


def test_other_images_are_refused() -> None:
    right = np.ones(3, dtype=bool)
    with pytest.raises(ValueError, match="same images"):
        noninferiority(right, right[:2], limit=0.003)
    with pytest.raises(ValueError, match="right or wrong"):
        noninferiority(np.ones(3), right, limit=0.003)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="limit"):
        noninferiority(right, right, limit=2)

"""Gains of doublings from answers that nobody gave, whose truth is known."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray

from skipwise.statistics import doubling

SEEDS, IMAGES = 5, 400
SIZES = (250, 500, 1000)


def curve(
    errors: tuple[float, ...], rng: np.random.Generator, *, seeds: int = SEEDS, images: int = IMAGES
) -> list[NDArray[np.bool_]]:
    """Right answers [seeds, images] at three sizes, of networks with such errors; some images are harder."""
    hard = rng.random(images)
    return [
        (hard + rng.normal(0, 0.1, (seeds, images))) % 1 > error + rng.normal(0, 0.01, (seeds, 1)) for error in errors
    ]


@pytest.mark.parametrize("errors", [(0.4, 0.3, 0.225, 0.169), (0.3, 0.2, 0.15, 0.125), (0.15, 0.15, 0.15, 0.15)])
def test_intervals_cover_what_laws_bring(errors: tuple[float, float, float, float]) -> None:
    rng = np.random.default_rng(0)
    last, following = errors[1] - errors[2], errors[2] - errors[3]
    trials, covered = 25, np.zeros(2)
    for _ in range(trials):
        found = doubling(curve(errors[:3], rng), SIZES)
        covered += (found.last.low <= last <= found.last.high, found.next.low <= following <= found.next.high)
    assert (covered / trials >= 0.9).all(), covered / trials


def test_a_forecast_knows_the_direction_and_promises_no_more_than_there_is() -> None:
    tables = curve((0.4, 0.28, 0.19), np.random.default_rng(1), images=4000)
    found = doubling(tables, SIZES)
    assert 0 < found.next.low < found.next.value < found.last.value
    assert found.next.value < found.next.high
    assert found == doubling(tables, SIZES)
    perfect = doubling([np.ones((3, 50), bool)] * 3, SIZES)
    assert perfect.next.high <= 1.5 / 50
    assert perfect.next.value == pytest.approx(0, abs=0.005)


def test_fewer_images_or_seeds_leave_more_open() -> None:
    rng = np.random.default_rng(2)
    tables = curve((0.4, 0.28, 0.19), rng, images=4000)
    widths = [
        doubling([table[:seeds, :images] for table in tables], SIZES).next for seeds, images in ((5, 4000), (5, 200))
    ]
    assert widths[0].high - widths[0].low < widths[1].high - widths[1].low


def test_a_loss_gains_by_falling() -> None:
    tables = curve((0.4, 0.28, 0.19), np.random.default_rng(3))
    right = doubling(tables, SIZES)
    wrong = doubling([1.0 - table for table in tables], SIZES, higher_is_better=False)
    assert astuple(wrong.last) == pytest.approx(astuple(right.last), abs=0.01)
    assert astuple(wrong.next) == pytest.approx(astuple(right.next), abs=0.01)


def test_images_that_belong_together_count_as_one() -> None:
    hard = np.repeat(np.random.default_rng(4).random(60), 10)
    tables = [np.tile(hard > error, (SEEDS, 1)) for error in (0.4, 0.3, 0.22)]
    alone, together = (doubling(tables, SIZES, groups=g) for g in (None, np.repeat(np.arange(60), 10)))
    for one, other in ((alone.last, together.last), (alone.next, together.next)):
        assert other.high - other.low > 1.1 * (one.high - one.low)


def test_one_of_several_networks_has_a_wider_interval() -> None:
    tables = curve((0.4, 0.3, 0.22), np.random.default_rng(5))
    one, four = (doubling(tables, SIZES, networks=n).last for n in (1, 4))
    assert four.high - four.low > one.high - one.low


def test_sizes_count_as_they_are() -> None:
    tables = curve((0.4, 0.3, 0.22), np.random.default_rng(6), images=4000)
    # With more images for the same fall, an exponent is smaller, and so is what the next doubling brings.
    assert doubling(tables, (100, 400, 1600)).next.value < doubling(tables, SIZES).next.value


@pytest.mark.parametrize("shapes", [[(5, 9)] * 2, [(5, 9), (5, 9), (4, 9)], [(1, 9)] * 3, [(5, 0)] * 3])
def test_tables_that_are_no_curve_are_refused(shapes: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="A doubling needs"):
        doubling([np.ones(shape, bool) for shape in shapes], SIZES)


@pytest.mark.parametrize("sizes", [(1, 2), (0, 1, 2), (2, 2, 4), (1, 3, 2)])
def test_sizes_that_do_not_rise_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three rising numbers"):
        doubling([np.ones((3, 9), bool)] * 3, sizes)

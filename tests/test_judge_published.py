"""`judge` against published tables of two classifiers, or two diagnoses, on the same cases."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.judging.record import Judged


@dataclass(frozen=True)
class Published:
    """How many cases both were right on, only the first, only the second, and neither; and what was published of them.

    Args:
        p: of McNemar's exact test, to so many decimals as were published.
        interval: of the difference, by another method; None where none was published.
    """

    source: str
    both: int
    first: int
    second: int
    neither: int
    p: float
    decimals: int
    interval: tuple[float, float] | None = None


STATSMODELS = "statsmodels, stats/tests/test_nonparametric.py, test_mcnemar_exact; computed by vassarstats.net"
MLXTEND = "Raschka, mlxtend's user guide on mcnemar: two networks on 10,000 digits, scenario"
PUBLISHED = (
    Published(STATSMODELS, 101, 121, 59, 33, 0.000004, 6),
    Published(STATSMODELS, 101, 70, 59, 33, 0.378688, 6),
    Published(STATSMODELS, 101, 80, 59, 33, 0.089452, 6),
    Published(STATSMODELS, 101, 30, 60, 33, 0.00206, 5),
    Published(STATSMODELS, 101, 10, 30, 33, 0.002221, 6),
    Published(STATSMODELS, 101, 10, 10, 33, 1.0, 6),
    Published(f"{MLXTEND} A", 9959, 11, 1, 29, 0.00634765625, 11),
    # Airway reactivity in children. The interval is Laud's, a score interval, from the package ratesci.
    Published("Fagerland, Lydersen and Laake 2014", 1, 1, 7, 12, 0.0703, 4, (-0.5281, -0.0184)),
)


def answers(table: Published) -> dict[str, list[str]]:
    """The answers of both to cases that are all of class x."""
    counts = (table.both, table.first, table.second, table.neither)
    right = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], counts, axis=0)
    return {name: np.where(right[:, place], "x", "y").tolist() for place, name in enumerate(("a", "b"))}


def judged(table: Published) -> Judged:
    given = answers(table)
    return skipwise.judge_predictions(["x"] * len(given["a"]), {name: [each] for name, each in given.items()})


@pytest.mark.parametrize("table", PUBLISHED)
def test_mcnemar_and_the_interval_are_as_published(table: Published) -> None:
    found = judged(table)
    (test,), (pair,) = found.one_seed, found.pairs
    assert (test.only_a, test.only_b) == (table.first, table.second)
    assert test.p == pytest.approx(table.p, abs=0.5 * 10**-table.decimals)
    images = table.both + table.first + table.second + table.neither
    assert pair.difference == pytest.approx((table.first - table.second) / images)
    # The verdict goes by the interval, and the two tests agree on these tables.
    assert (pair.low > 0 or pair.high < 0) == (table.p < 0.05)
    if table.interval is not None:
        # Ours is to hold at least as often as it says, where score intervals hold so often on average.
        assert pair.low == pytest.approx(table.interval[0], abs=0.03)
        assert pair.high == pytest.approx(table.interval[1], abs=0.03)
        assert pair.low <= table.interval[0] < table.interval[1] <= pair.high


def test_files_give_the_same(tmp_path: Path) -> None:
    table = PUBLISHED[3]
    for name, given in answers(table).items():
        with (tmp_path / f"{name}-s0.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "label", "prediction"])
            rows.writerows([str(number), "x", each] for number, each in enumerate(given))
    report = skipwise.judge(sorted(tmp_path.glob("*.csv")), output=tmp_path / "out")
    assert report.judged.one_seed == judged(table).one_seed
    assert report.judged.pairs == judged(table).pairs


def test_a_difference_within_the_margin_is_called_equivalent() -> None:
    """Scenario B of mlxtend's guide: 40 images of 10,000 divide the two, and chi-squared gives p = 0.155."""
    found = judged(Published(f"{MLXTEND} B", 9945, 25, 15, 15, 0.1539, 4))
    assert found.one_seed[0].p == pytest.approx(0.1539, abs=5e-5)
    assert found.pairs[0].verdict == "equivalent"

"""Files and attributes by the names that earlier versions gave them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from skipwise import statistics
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.question import Question
from skipwise.comparison.results.finished import read_comparison
from skipwise.comparison.results.recommendation import Recommendation
from skipwise.comparison.results.records import Candidate, Look, Results
from skipwise.core.files.checksums import UnsealedWarning, read_sealed
from skipwise.core.files.earlier_names import with_current_names, with_earlier_names
from skipwise.deploy.verify.record import Certificate
from skipwise.deploy.verify.results import Flip
from skipwise.statistics.records import Pair
from skipwise.training.folder.record import RunRecord
from skipwise.training.loop.recipe import Recipe
from skipwise.training.planning.plan import RunPlan

KEPT = sorted(path.parent for path in (Path(__file__).parents[1] / "docs" / "comparisons").glob("*/plan.json"))


@dataclass(frozen=True)
class Inner:
    now: int
    EARLIER_NAMES: ClassVar[dict[str, str]] = {"now": "before"}


@dataclass(frozen=True)
class Outer:
    one: Inner | None
    several: tuple[Inner, ...]
    pair: tuple[str, Inner]
    named: dict[str, Inner]


BEFORE = {
    "one": {"before": 1},
    "several": [{"before": 2}, {"before": 3}],
    "pair": ["before", {"before": 4}],
    "named": {"before": {"before": 5}},
}


def test_fields_are_renamed_wherever_their_class_stands_and_names_of_the_user_are_not() -> None:
    now = with_current_names(BEFORE, Outer)
    assert now == {
        "one": {"now": 1},
        "several": [{"now": 2}, {"now": 3}],
        "pair": ["before", {"now": 4}],
        "named": {"before": {"now": 5}},
    }
    assert with_current_names(now, Outer) == now
    assert with_earlier_names(now, Outer) == BEFORE


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_comparisons_of_the_first_version_are_read(folder: Path) -> None:
    assert "contenders" in json.loads((folder / "plan.json").read_text())["question"]
    with pytest.warns(UnsealedWarning):
        plan = read_sealed(folder / "plan.json", Plan)
    with pytest.warns(UnsealedWarning):
        comparison = read_comparison(folder)  # compares the plan's digest with the one that was written then
    assert plan.question.candidates == tuple(each.name for each in comparison.results.candidates)


def test_attributes_keep_working_under_their_earlier_names() -> None:
    with pytest.warns(UnsealedWarning):
        comparison = read_comparison(KEPT[0])
    with pytest.warns(DeprecationWarning, match="`contenders` is now `candidates`"):
        assert comparison.results.contenders == comparison.results.candidates
    with pytest.warns(DeprecationWarning, match="`contender` is now `candidate`"):
        assert comparison.costs.recommendation.contender == comparison.costs.recommendation.candidate
    with pytest.warns(DeprecationWarning, match="candidates_left"):
        assert statistics.contenders_left is statistics.candidates_left
    with pytest.warns(DeprecationWarning, match="`settle` is now `carry_forward`"):
        assert statistics.settle is statistics.carry_forward


def test_fields_that_were_renamed_are_attributes_by_both_names() -> None:
    kinds = (
        Candidate,
        Certificate,
        Flip,
        Look,
        Pair,
        Plan,
        Question,
        Recipe,
        Recommendation,
        Results,
        RunPlan,
        RunRecord,
    )
    for kind in kinds:
        for now, before in kind.EARLIER_NAMES.items():
            record = kind.__new__(kind)
            object.__setattr__(record, now, "a value")
            with pytest.warns(DeprecationWarning, match=f"`{before}` is now `{now}`"):
                assert getattr(record, before) == "a value"

"""Runs of less than an epoch, which a time limit may leave room for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import skipwise
from skipwise.comparison.budget.fit import fit_to_limit
from skipwise.comparison.wording.phrases import length
from skipwise.comparison.wording.study import given_up
from skipwise.training.loop.recipe import Recipe
from skipwise.training.planning import draft
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.run.time_budget import LEAST_STEPS
from tests.fabricated import fabricate


def test_where_no_epoch_fits_as_many_steps_as_do_are_left() -> None:
    made = fabricate(exploratory=False, looks=(5, 8), epochs=30).plan
    images = 200 * made.recipe.batch_size
    plan = replace(
        made,
        tuning=None,
        split_images={"train": images, "val": 100, "test": made.test_images},
        time_limit=100.0,
        asked_for=((5, 8), made.recipe.epochs),
    )
    costs = dict.fromkeys(plan.question.candidates, StepCost(step=1.0, evaluation=1e-5))
    short = fit_to_limit([plan], lambda _: costs, lambda _: 100.0, fewer_epochs=True)
    steps = short.recipe.steps
    assert steps is not None
    assert LEAST_STEPS <= steps < 200
    assert short.recipe.steps_in_all(images) == steps
    assert (len(short.trained), short.looks) == (2, (2,))
    assert length(short.recipe) == f"{steps} steps, less than an epoch"
    assert any("less than an epoch" in phrase for phrase in given_up(short))
    # More seeds of the same runs are no other runs.
    assert short.lasting((3,), 1).recipe == short.recipe
    assert plan.same_as(short)


def test_a_run_has_as_many_steps_as_its_recipe_says(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = draft.choose_recipe

    def shorter(*args: object, **options: object) -> Recipe:
        return replace(chosen(*args, **options), steps=2)

    monkeypatch.setattr(draft, "choose_recipe", shorter)
    options = {"width": 0.125, "epochs": 1, "precision": "fp32", "compile": False, "batch_size": 8}
    record = skipwise.train(photos, output=tmp_path / "short", **options).record
    assert record.step_schedule is not None
    assert (record.status, record.step_schedule.steps) == ("finished", 2)
    assert record.spec.recipe.epochs * (70 // 8) > 2

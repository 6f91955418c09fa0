"""What a terminal is told of the time that is left."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from skipwise.cli import live as screen
from skipwise.cli.live import Screen
from skipwise.comparison.plan.plan import Job
from skipwise.comparison.run.time_left import left_of
from skipwise.core import progress
from skipwise.core.remaining import Remaining
from skipwise.training.callbacks import Epoch, Phase, RunEnd, Start
from skipwise.training.folder.record import failed_run
from skipwise.training.loop.schedule import step_cost
from tests.fabricated import fabricate


def test_epochs_of_small_images_say_how_long_those_of_large_ones_take() -> None:
    """A run whose steps take what they should is estimated rightly."""
    plan = fabricate().plan
    recipe = replace(plan.recipe, epochs=10, min_size=0.5, full_size_from=0.8)
    job = Job(spec=replace(plan.spec("resnet18", 0), recipe=recipe), folder="resnet18-s0")
    size = plan.preprocessing.size
    remaining = Remaining()
    remaining.expect({job: ("resnet18", left_of(job, 0))})
    seconds = [sum(step_cost((epoch + part / 100) / 10, recipe, size) for part in range(100)) for epoch in range(10)]
    assert seconds[0] < 0.5 * seconds[-1]
    for epoch in range(10):
        remaining.note(job, left_of(job, epoch + 1), 100 * seconds[epoch], 0.0)
        if epoch > 1:
            assert remaining.seconds(0.0) == pytest.approx(100 * sum(seconds[epoch + 1 :]), rel=0.05)


class Clock:
    """A made-up one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in (screen, progress):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)


@pytest.mark.parametrize("limit", [None, 600.0])
def test_a_comparison_says_that_it_estimates_until_it_knows_or_what_is_left_of_the_limit(
    limit: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, told = Clock(monkeypatch), io.StringIO()
    plan = replace(fabricate(("resnet18", "plain18")).plan, time_limit=limit, processes=1)
    jobs = [job for name in ("resnet18", "plain18") for job in plan.jobs(name, 0)]
    epochs = plan.recipe.epochs
    with Screen(told, began=900.0) as shown:
        shown.on_start(Start(folder=tmp_path, plan=plan))
        shown.on_phase(Phase(name="Training", runs=tuple(jobs)))
        for job, seconds in zip(jobs, (2.0, 4.0), strict=True):
            for epoch in range(1, epochs + 1):
                clock.now += seconds
                which = {"run": job.folder, "model": job.spec.model, "seed": 0, "images_per_second": 1.0}
                shown.on_epoch(Epoch(epoch, 1.0, 0.1, None, seconds, **which))
            shown.on_run_end(RunEnd(run=job.folder, record=failed_run(job.spec, "")))
    lines = [line for line in told.getvalue().splitlines() if line.startswith("Training: 0 of 2") and "epoch" in line]
    second = [line for line in told.getvalue().splitlines() if line.startswith("Training: 1 of 2") and "epoch" in line]
    if limit is not None:
        assert "498 s" in lines[0] or "8 min of the time limit left" in lines[0]
        assert "of the time limit left" in second[0] or "the time limit is over" in second[0]
        assert "estimating" not in told.getvalue()
    else:
        assert all("estimating" in line for line in lines)  # nothing is known of the second network
        assert "estimating" in second[0]  # and hardly anything from its first epoch
        assert "about" in second[2]


def test_reading_images_is_estimated_from_how_fast_it_goes_now(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = Clock(monkeypatch), io.StringIO()
    with progress.Bar(told) as bar:
        for done in range(0, 1001, 10):
            bar.preparing("Reading", done, 1000)
            clock.now += 0.25 if done < 500 else 1.0
    lines = told.getvalue().splitlines()
    assert "estimating" in lines[0]
    assert "10 of 1,000  estimating" in lines[1]
    assert lines[40].endswith("400 of 1,000  about 15 s left")
    assert lines[60].endswith("600 of 1,000  about 40 s left")
    assert lines[-1].endswith("1,000 of 1,000")

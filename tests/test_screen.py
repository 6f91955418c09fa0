"""What a terminal is told of the time that is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skipwise.comparison.executor import Event
from skipwise.comparison.plan import Job
from skipwise.screen import Remaining
from skipwise.training.schedule import step_cost
from tests.fabricated import fabricate


def test_epochs_of_small_images_say_how_long_those_of_large_ones_take() -> None:
    """A run whose steps take what they should is estimated rightly from its first epoch on."""
    plan = fabricate().plan
    recipe = replace(plan.recipe, epochs=10, smallest=0.5, full_from=0.8)
    job = Job(spec=replace(plan.spec("resnet18", 0), recipe=recipe), folder="resnet18-s0")
    size = plan.preprocessing.size
    remaining = Remaining(processes=1)
    remaining.expect([job])
    assert remaining.seconds() is None
    seconds = [sum(step_cost((epoch + part / 100) / 10, recipe, size) for part in range(100)) for epoch in range(10)]
    assert seconds[0] < 0.5 * seconds[-1]
    for epoch in range(10):
        remaining.note(Event(job, epoch=epoch + 1, seconds=seconds[epoch]))
        assert remaining.seconds() == pytest.approx(sum(seconds[epoch + 1 :]), rel=0.05)

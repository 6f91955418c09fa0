"""A time limit is kept, whatever the machine does on the way."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skipwise.core.errors import SkipwiseError
from skipwise.training.callbacks import Callback, Start
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.recipe import RECIPES, Recipe
from skipwise.training.loop.schedule import StepSchedule, step_cost
from skipwise.training.loop.trainer import Training
from skipwise.training.planning import fit, resolve
from skipwise.training.planning.plan import RunPlan
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.run.time_budget import LEAST_STEPS, Timekeeper, parse_limit
from skipwise.training.train import train

EVEN = replace(RECIPES["reference"], min_size=1.0)
GROWING = replace(EVEN, min_size=0.5, full_size_from=0.7)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("20m", 1200),
        ("1.5h", 5400),
        (".5h", 1800),
        ("1h30m", 5400),
        (" 2m 30s ", 150),
        ("1h0.5m", 3630),
        ("20 minutes", 1200),
        ("2 MIN", 120),
        ("1 hour 5 secs", 3605),
        ("2d", 172_800),
        ("1:30:00", 5400),
        ("00:20:00", 1200),
        ("365d", 365 * 86400),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_limit(text) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no time"),
        ("soon", "is no time"),
        ("m20", "is no time"),
        ("1.2.3h", "is no time"),
        ("5m1h", "is no time"),
        ("5m5m", "is no time"),
        ("nan", "is no time"),
        ("infh", "is no time"),
        ("1:99:00", "is no time"),
        ("٣m", "is no time"),
        ("20", "has no unit, and could be seconds, minutes or hours"),
        ("-20", "has no unit"),
        ("20:00", "could be minutes and seconds, or hours and minutes"),
        ("0", "leaves no time"),
        ("0s", "leaves no time"),
        ("0:00:00", "leaves no time"),
        ("-5m", "leaves no time"),
        ("1ms", "is given in milliseconds"),
        ("0.5s", "is too short: reading images takes longer"),
        ("99999h", "is longer than a year"),
        ("1" * 400 + "h", "is longer than a year"),
    ],
)
def test_anything_else_is_a_sentence_that_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(SkipwiseError, match=reason) as refused:
        parse_limit(text)
    said = str(refused.value)
    assert said.count(". ") == 0
    assert any(mend in said for mend in ("90s, 20m, 1.5h, 1h30m or 1:30:00", "allow minutes", "365d"))


@given(st.floats(1, 365 * 86400))
def test_any_number_of_seconds_is_read_back(seconds: float) -> None:
    text = f"{seconds:.3f}s"
    assert parse_limit(text) == float(text[:-1])


@given(st.text(st.sampled_from("0123456789.:-+ dhms"), max_size=12))
def test_whatever_is_written_is_a_time_or_a_sentence(text: str) -> None:
    with contextlib.suppress(SkipwiseError):
        assert 1 <= parse_limit(text) <= 365 * 86400


def simulate(
    recipe: Recipe,
    *,
    expected: float,
    speeds: list[float],
    size: int = 32,
    limit: float = 600.0,
    epoch: int = 20,
    closing: float = 0.0,
    closing_expected: float = 0.0,
) -> tuple:
    """A run on a machine whose step at full size takes now this, now that many seconds; the time and the last step.

    Every `epoch` steps it validates, for `closing` times as long as a step takes then.
    """
    now = 0.0
    keeper = Timekeeper(
        end=limit, step=expected, epoch=epoch, closing=closing_expected, recipe=recipe, size=size, clock=lambda: now
    )
    at = keeper.begin(TrainState(StepSchedule.even(1)))
    shares, last = [], 0.0
    while at.steps < at.step_schedule.steps:
        share = at.step_schedule.share(at.steps)
        shares.append(share)
        last = speeds[int(now / limit * len(speeds)) % len(speeds)] * step_cost(share, recipe, size)
        now += last
        at = keeper.corrected(replace(at, steps=at.steps + 1))
        if closing and at.steps % epoch == 0 and at.steps < at.step_schedule.steps:
            now += closing * last
            keeper.epoch_closed()
    assert all(a <= b for a, b in pairwise(shares))
    return now, last, shares


@pytest.mark.parametrize("recipe", [EVEN, GROWING], ids=["even", "growing"])
@settings(deadline=None, max_examples=40)
@given(expected=st.floats(0.05, 5), speeds=st.lists(st.floats(0.5, 4), min_size=1, max_size=6))
def test_it_ends_in_time_and_not_much_too_early(recipe: Recipe, expected: float, speeds: list[float]) -> None:
    now, last, shares = simulate(recipe, expected=expected, speeds=speeds)
    assert now <= 600 + last
    assert now >= 0.8 * 600 or len(shares) <= LEAST_STEPS
    # The schedule comes to its end, unless the machine turned so slow that no step was left to bring it there.
    if max(speeds) < 2 * min(speeds) and len(shares) > 50:
        assert shares[-1] > 0.9


def test_as_expected_nothing_is_corrected_by_much() -> None:
    now, _, shares = simulate(EVEN, expected=1.0, speeds=[1.0])
    assert 0.95 * 600 <= now <= 600
    steps = [b - a for a, b in pairwise(shares)]
    assert max(steps) < 1.2 * min(steps)


@pytest.mark.parametrize("closing", [1, 20, 100, 208])
@pytest.mark.parametrize("guess", [0.5, 1.0, 2.0])
def test_long_validations_do_not_end_the_schedule_before_its_time(closing: float, guess: float) -> None:
    expected = guess * closing * 0.1
    now, last, shares = simulate(EVEN, expected=0.1, speeds=[0.1], closing=closing, closing_expected=expected)
    assert now <= 600 + last + 1e-6
    assert now >= 0.8 * 600
    assert shares[-1] > 0.95


def test_one_slow_step_does_not_use_up_the_schedule() -> None:
    """As when the first step waits for the compiler."""
    now, times = 0.0, iter([60.0, *[0.1] * 100_000])
    keeper = Timekeeper(end=300.0, step=0.1, epoch=50, closing=0.0, recipe=EVEN, size=32, clock=lambda: now)
    at = keeper.begin(TrainState(StepSchedule.even(1)))
    shares = []
    while at.steps < at.step_schedule.steps:
        shares.append(at.step_schedule.share(at.steps))
        now += next(times)
        at = keeper.corrected(replace(at, steps=at.steps + 1))
    assert 270 <= now <= 300.1
    assert max(b - a for a, b in pairwise(shares)) < 0.005


def test_a_limit_into_which_hardly_a_step_fits_is_refused() -> None:
    keeper = Timekeeper(end=5.0, step=1.0, epoch=50, closing=0.0, recipe=EVEN, size=32, clock=lambda: 0.0)
    with pytest.raises(
        SkipwiseError, match=r"5\.0 s of it are left for training, and a step takes 1 s here; allow more time"
    ):
        keeper.check()


def test_what_an_interrupted_run_took_before_counts() -> None:
    keeper = Timekeeper(end=100.0, step=1.0, epoch=50, closing=0.0, recipe=EVEN, size=32, clock=lambda: 0.0)
    at = TrainState(StepSchedule.even(200), steps=60, seconds=60.0)
    assert keeper.resume(at) == at
    assert keeper.end == 40


@pytest.mark.usefixtures("here")
def test_a_real_run_keeps_to_it_and_says_what_it_chose(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that goes on by a tenth of a second with every step, and from the thirtieth on by twice as much."""
    now, steps = 0.0, 0
    options = {"width": 0.125, "precision": "fp32", "time_limit": "12s"}
    step = Training.step

    def timed(training: Training) -> None:
        nonlocal now, steps
        step(training)
        steps += 1
        now += 0.1 if steps <= 30 else 0.2

    monkeypatch.setattr(Training, "step", timed)
    monkeypatch.setattr(resolve, "try_step", lambda *_, **__: StepCost(0.1, 1e-4))
    for module in (resolve, fit):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(fit, "try_step", lambda *_, **__: StepCost(0.1, 1e-4))
    monkeypatch.setitem(Timekeeper.__init__.__kwdefaults__, "clock", lambda: now)
    run = train(photos, began=-2.0, **options)  # of which two seconds were gone when it was called
    assert 0.95 * (12 - 2 - resolve.ENDING) <= now <= 12 - 2 - resolve.ENDING
    record = run.record
    assert record.status == "finished"
    assert record.spec.time_limit == 12
    assert record.step_schedule.steps == steps >= LEAST_STEPS
    again = train(photos, **options)  # on a machine that is not as fast any more, which makes it no other command
    assert (again.folder, again.repeated) == (run.folder, True)
    assert again.record == record
    assert record.step_schedule.steps == steps


@pytest.mark.parametrize(("step", "grow"), [(1.0, False), (0.1, True)])
def test_images_grow_only_where_there_is_time_to_get_used_to_their_size(
    step: float, grow: bool, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Callback):
        def on_start(self, start: Start) -> None:
            seen.append(start.plan)

        def on_step(self, _: TrainState) -> None:
            raise KeyboardInterrupt

    def run() -> None:
        with pytest.raises(KeyboardInterrupt):
            train(photos, time_limit="60s", output=tmp_path / "run", callbacks=[Stopped()], **small)

    small = {"width": 0.125, "img_size": 32, "batch_size": 4, "precision": "fp32"}
    seen: list[RunPlan] = []
    with monkeypatch.context() as patched:  # a machine of any speed
        patched.setattr(resolve, "try_step", lambda *_, **__: StepCost(step, 1e-4))
        run()
    run()  # goes on, however fast the machine has become
    assert [terms.spec.recipe.min_size < 1 for terms in seen] == [grow, grow]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"time_limit": "soon"}, "is no time; write it like"),
        ({"time_limit": "5m", "epochs": 3}, "--epochs or --time-limit, not both"),
        ({"time_limit": "0.1s"}, "too short"),
    ],
)
def test_what_can_not_be_is_refused_and_leaves_nothing(
    options: dict[str, object], sentence: str, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        train(photos, width=0.25, output=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()

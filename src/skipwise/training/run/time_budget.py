"""`train --time-limit`: as many steps as fit.

Their number is estimated from a trial before the run, and corrected during the run, since machines get faster and
slower. Each correction is a knot in the `StepSchedule`: the schedule always comes to its end, and a run's record says
how it got there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

from skipwise.core.errors import SkipwiseError
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.recipe import Recipe
from skipwise.training.loop.schedule import StepSchedule, relative_cost, step_cost

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_NAMES = r"(?:(?P<d>days?|d)|(?P<h>hours?|hrs?|h)|(?P<m>minutes?|mins?|m)|(?P<s>seconds?|secs?|s))"
_PART = re.compile(_NUMBER + _NAMES)
_CLOCK = re.compile(r"(?P<h>[0-9]+):(?P<m>[0-5][0-9]):(?P<s>[0-5][0-9])")
_SPELLINGS = "write it like 90s, 20m, 1.5h, 1h30m or 1:30:00"
LONGEST = 365 * 86400
"""The longest time limit, in seconds."""
SPARE = 0.03
"""The share of the remaining time that is kept in reserve, for steps that are slower than those so far."""
CORRECT_AFTER = 0.1
"""A correction is made when this share of the time or the steps that were left at the last one is used up."""
FEWEST = 5
"""The least number of steps that a correction is based on, unless the time is up."""
UNUSUAL = 5.0
"""A step counts as at most so many usual ones: a longer one waited for something else."""
LEAST_STEPS = 10
"""The least number of steps; a time limit with fewer is refused."""


def parse_limit(text: str) -> float:
    """Seconds of "90s", "20m", "20 minutes", "1.5h", "1h30m", "2d" or "1:30:00".

    Raises:
        SkipwiseError: anything else, less than a second, or more than a year.
    """
    written = text.strip().lower().replace(" ", "")
    seconds = _seconds(written.removeprefix("-"))
    if seconds is None:
        reason = "is no time"
        if re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)", written) and float(written):
            reason = "has no unit, and could be seconds, minutes or hours"
        elif re.fullmatch(r"-?[0-9]+:[0-9][0-9]", written):
            reason = "could be minutes and seconds, or hours and minutes"
        elif re.fullmatch(r"-?[0-9.]+ms", written):
            reason = "is given in milliseconds, and reading images takes longer than that"
        elif re.fullmatch(r"-?[0.]+", written):
            reason = "leaves no time; leave it out to train without a limit"
        raise SkipwiseError(f"--time-limit {text!r} {reason}; {_SPELLINGS}.")
    if written.startswith("-") or not seconds:
        raise SkipwiseError(
            f"--time-limit {text!r} leaves no time; {_SPELLINGS}, or leave it out to train without a limit."
        )
    if seconds < 1:
        raise SkipwiseError(f"--time-limit {text!r} is too short: reading images takes longer; allow minutes, like 5m.")
    if seconds > LONGEST:
        raise SkipwiseError(
            f"--time-limit {text!r} is longer than a year; leave it out to train without a limit, or give at most 365d."
        )
    return seconds


def _seconds(written: str) -> float | None:
    """The seconds in a time such as "1h30m", without a sign, each unit once and in order; None if it is no time."""
    if clock := _CLOCK.fullmatch(written):
        return float(sum(int(clock[unit]) * _UNITS[unit] for unit in "hms"))
    seconds, place, units = 0.0, 0, "dhms"
    while place < len(written):
        part = _PART.match(written, place)
        unit = next((unit for unit in units if part is not None and part[unit]), None)
        if part is None or unit is None:
            return None
        seconds += float(part["number"]) * _UNITS[unit]
        place, units = part.end(), units[units.index(unit) + 1 :]
    return seconds if written else None


class Timekeeper:
    """Corrects the number of a run's steps so that it ends in time.

    Args:
        end: when the last step has to be done, on the clock.
        step: the expected time of a step at full size, in seconds.
        epoch: the number of steps between two validations.
        closing: the expected time of a validation, in seconds.
        recipe: the recipe of the run.
        size: the full size of the images, in pixels a side.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        end: float,
        step: float,
        epoch: int,
        closing: float,
        recipe: Recipe,
        size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.end, self.step, self.recipe, self.size, self.clock = end, step, recipe, size, clock
        self.epoch, self.closing = epoch, closing
        # Since the last correction: when that was, how far the run was, what each step took, at full size.
        self.since = self.last = clock()
        self.share, self.taken = 0.0, list[float]()

    def check(self) -> None:
        """Raises SkipwiseError where fewer than `LEAST_STEPS` steps fit."""
        if self._fitting(0.0) < LEAST_STEPS:
            left = max(0.0, self.end - self.clock())
            raise SkipwiseError(
                f"--time-limit is too short: {left:.1f} s of it are left for training, and a step takes "
                f"{self.step:.2g} s here; allow more time, or take smaller images (--img-size) or a narrower network "
                "(--width)."
            )

    def begin(self, at: TrainState) -> TrainState:
        """The first state of a run, with as many steps as fit."""
        self._start(0.0)
        return replace(at, step_schedule=StepSchedule.even(max(LEAST_STEPS, self._fitting(0.0))))

    def resume(self, at: TrainState) -> TrainState:
        """The state of a resumed run. The time that it took before counts; the time in between does not."""
        self._start(at.step_schedule.share(at.steps))
        self.end -= at.seconds_in_all
        return at

    def corrected(self, at: TrainState) -> TrainState:
        """The state after a step, at times with another number of steps. Call it after each step."""
        if at.steps >= at.step_schedule.steps:
            return at
        now, share = self.clock(), at.step_schedule.share(at.steps)
        cost = step_cost(at.step_schedule.share(at.steps - 1), self.recipe, self.size)
        self.taken.append((now - self.last) / cost)
        self.last = now
        left, taken = self.end - now, now - self.since
        # The share of the time or of the steps, whichever is larger: the estimate may be too low or too high.
        gone = max(taken / max(left + taken, 1e-9), (share - self.share) / (1 - self.share))
        if left > self.step and (gone < CORRECT_AFTER or len(self.taken) < FEWEST):
            return at
        self.step = self._usual()
        self._start(share)
        return replace(at, step_schedule=at.step_schedule.changed(at.steps, at.steps + self._fitting(share)))

    def epoch_closed(self) -> None:
        """Notes the time of a validation, which is not part of a step. Call it after each validation."""
        now = self.clock()
        self.closing, self.last = now - self.last, now

    def _start(self, share: float) -> None:
        self.since = self.last = self.clock()
        self.share, self.taken = share, []

    def _usual(self) -> float:
        """The mean time of a step since the last correction. Each counts as at most a few usual ones, since it may have
        waited for the compiler or the disk."""
        most = UNUSUAL * median([self.step, *self.taken])
        return sum(min(each, most) for each in self.taken) / len(self.taken)

    def _fitting(self, share: float) -> int:
        left = (self.end - self.clock()) * (1 - SPARE)
        each = self.step * relative_cost(self.recipe, self.size, share) + self.closing / self.epoch
        return max(0, int(left / each))

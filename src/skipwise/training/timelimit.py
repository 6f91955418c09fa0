"""`--time-limit`: as many steps as fit.

How many that are is guessed from a trial before the run, and corrected on the way, since machines get faster and
slower. Each correction is a knot in the run's `Pace`: the schedule always comes to its end, and a run's record says
how it got there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

from skipwise.errors import SkipwiseError
from skipwise.training.recipe import Recipe
from skipwise.training.schedule import Pace, relative_cost, step_cost
from skipwise.training.standing import Standing

_PARTS = re.compile(r"(?:(?P<h>[\d.]+)h)?(?:(?P<m>[\d.]+)m)?(?:(?P<s>[\d.]+)s)?")
SPARE = 0.03
"""Of the time left, kept for what is slower than it was so far."""
CORRECT_AFTER = 0.1
"""A correction is made when this share of what was left at the last one has gone by."""
FEWEST = 5
"""Steps that a correction rests on, unless the time is up."""
UNUSUAL = 5.0
"""A step that took longer than this many usual ones counts as so many; it waited for something else."""
LEAST_STEPS = 10
"""Fewer are no training, and the limit is refused."""


def parse_limit(text: str) -> float:
    """Seconds of "90s", "20m", "1.5h" or "1h30m".

    Raises:
        SkipwiseError: anything else.
    """
    match = _PARTS.fullmatch(text.strip().replace(" ", ""))
    try:
        seconds = sum(
            float(match[unit]) * size for unit, size in (("h", 3600), ("m", 60), ("s", 1)) if match and match[unit]
        )
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 10**8:
        raise SkipwiseError(f"--time-limit must be a time such as 90s, 20m or 1h30m, not {text!r}.")
    return seconds


class Timekeeper:
    """Keeps a run's pace such that it ends in time.

    Args:
        end: when the last step has to be done, on the clock.
        step: seconds a step at full size is expected to take.
        epoch: steps between two validations.
        closing: seconds a validation is expected to take.
        size: of the images at full size, pixels a side.
        clock: monotonic, in seconds.
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
        """Raises SkipwiseError where hardly a step fits."""
        if self._fitting(0.0) < LEAST_STEPS:
            left = max(0.0, self.end - self.clock())
            raise SkipwiseError(
                f"--time-limit is too short: {left:.1f} s of it are left for training, and a step takes "
                f"{self.step:.2g} s here; allow more time, or take smaller images (--img-size) or a narrower network "
                "(--width)."
            )

    def begin(self, at: Standing) -> Standing:
        """The beginning of a run, at a pace that fits."""
        self._start(0.0)
        return replace(at, pace=Pace.even(max(LEAST_STEPS, self._fitting(0.0))))

    def go_on(self, at: Standing) -> Standing:
        """Where a run stands that was interrupted: what it took before counts, the time in between does not."""
        self._start(at.pace.share(at.steps))
        self.end -= at.seconds_in_all
        return at

    def corrected(self, at: Standing) -> Standing:
        """To be called after each step: where the run stands, now and then at another pace."""
        if at.steps >= at.pace.steps:
            return at
        now, share = self.clock(), at.pace.share(at.steps)
        cost = step_cost(at.pace.share(at.steps - 1), self.recipe, self.size)
        self.taken.append((now - self.last) / cost)
        self.last = now
        left, taken = self.end - now, now - self.since
        # Of the time or of the steps, whichever goes by sooner: the guess may have been too short, or too long.
        gone = max(taken / max(left + taken, 1e-9), (share - self.share) / (1 - self.share))
        if left > self.step and (gone < CORRECT_AFTER or len(self.taken) < FEWEST):
            return at
        self.step = self._usual()
        self._start(share)
        return replace(at, pace=at.pace.changed(at.steps, at.steps + self._fitting(share)))

    def epoch_closed(self) -> None:
        """To be called after each validation, which is no part of a step."""
        now = self.clock()
        self.closing, self.last = now - self.last, now

    def _start(self, share: float) -> None:
        self.since = self.last = self.clock()
        self.share, self.taken = share, []

    def _usual(self) -> float:
        """The mean step since the last correction, of which none counts as more than a few: one may have waited for
        the compiler, or for the disk."""
        most = UNUSUAL * median([self.step, *self.taken])
        return sum(min(each, most) for each in self.taken) / len(self.taken)

    def _fitting(self, share: float) -> int:
        left = (self.end - self.clock()) * (1 - SPARE)
        each = self.step * relative_cost(self.recipe, self.size, share) + self.closing / self.epoch
        return max(0, int(left / each))

"""The time that the tuning of a run, and the run itself, still take, by the epochs so far."""

from __future__ import annotations

import time
from collections.abc import Hashable

from skipwise.core.remaining import Remaining
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd
from skipwise.training.tuning.tuning import Tuning

ITSELF = "run"


class TuningTime(Callback):
    """Estimates how long it takes until the run that is tuned has ended.

    Args:
        tuning: what is tuned.
        epochs: of the run itself.
    """

    def __init__(self, tuning: Tuning, epochs: int) -> None:
        self.phase, self.ended = "Tuning", 0
        self.remaining = Remaining()
        lengths = [(tuning.first_epochs, tuning.runs[0]), (tuning.epochs, tuning.runs[1])]
        # Which trials there will be is not known yet, but how many runs of which length.
        self._free = [(length, number) for length, runs in lengths for number in range(runs)]
        self._places: dict[str, tuple[int, int]] = {}
        trials: dict[Hashable, tuple[str, float]] = {place: ("", float(place[0])) for place in self._free}
        self.remaining.expect({**trials, ITSELF: ("", float(epochs))})

    @property
    def runs(self) -> int:
        """The number of runs that tune."""
        return len(self.remaining.tasks) - 1

    @property
    def seconds(self) -> float | None:
        """The estimate; None where nothing is known yet."""
        return self.remaining.seconds(time.monotonic())

    def on_phase(self, phase: Phase) -> None:
        self.phase = phase.name
        for job in phase.runs:
            place = next(place for place in self._free if place[0] == job.spec.recipe.epochs)
            self._free.remove(place)
            self._places[job.folder] = place

    def on_epoch(self, epoch: Epoch) -> None:
        place = self._places[epoch.run]
        self.remaining.note(place, float(place[0] - epoch.epoch), epoch.seconds, time.monotonic())

    def on_run_end(self, end: RunEnd) -> None:
        self.ended += 1
        self.remaining.end(self._places[end.run], time.monotonic())

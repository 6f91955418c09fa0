"""The heartbeat of a run, written by whatever process does the run; see core/workspace/heartbeat.py."""

from __future__ import annotations

from pathlib import Path

from skipwise.core.workspace.heartbeat import Pulse
from skipwise.training.folder.record import RunSpec
from skipwise.training.folder.state import TrainState
from skipwise.training.run.time_left import RunTime


class RunPulse:
    """Writes the heartbeat of one run.

    Args:
        spec: the run.
        folder: its folder.
    """

    def __init__(self, spec: RunSpec, folder: Path) -> None:
        self.pulse = Pulse(folder)
        self.time = RunTime(spec.recipe, spec.preprocessing.size)
        self.pulse.beat()

    def on_step(self, state: TrainState) -> None:
        """The run is one step further."""
        self.time.on_step(state)
        if self.pulse.due:
            self.pulse.beat(steps=state.steps, steps_in_all=state.step_schedule.steps, left=self.time.seconds)

    def close(self) -> None:
        """The run has ended, or was stopped."""
        self.pulse.close()

"""The heartbeat of a comparison, which the process that carries it out writes; see core/workspace/heartbeat.py."""

from __future__ import annotations

import time

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.run.time_left import StudyTime
from skipwise.core.workspace.heartbeat import Pulse
from skipwise.training.callbacks import Callback, End, Epoch, Phase, RunEnd, Start


class ComparisonPulse(Callback):
    """Writes the heartbeat of a comparison while its runs report.

    Args:
        ends: when its time limit is over, on time.monotonic(); None where it has none.
    """

    def __init__(self, ends: float | None = None) -> None:
        self.ends, self.doing = ends, ""
        self.pulse: Pulse | None = None

    def on_start(self, start: Start) -> None:
        plan: Plan = start.plan
        self.processes = plan.processes
        self.time = StudyTime(plan, {} if start.forecast is None else start.forecast.epochs)
        self.pulse = Pulse(start.folder)
        self._beat()

    def on_phase(self, phase: Phase) -> None:
        self.doing = phase.name
        if phase.runs:
            self.time.on_phase(phase)
        self._beat(with_estimate=bool(phase.runs))

    def on_epoch(self, epoch: Epoch) -> None:
        self.time.on_epoch(epoch)
        self._beat_if_due()

    def on_run_end(self, end: RunEnd) -> None:
        self.time.on_run_end(end)
        self._beat_if_due()

    def on_end(self, end: End) -> None:  # noqa: ARG002 - however it ended
        if self.pulse is not None:
            self.pulse.close()

    def _beat_if_due(self) -> None:
        if self.pulse is not None and self.pulse.due:
            self._beat()

    def _beat(self, *, with_estimate: bool = True) -> None:
        assert self.pulse is not None
        self.pulse.beat(
            doing=self.doing,
            left=self.time.seconds if with_estimate and self.time.remaining.tasks else None,
            limit_left=None if self.ends is None else max(0.0, self.ends - time.monotonic()),
            processes=self.processes,
        )

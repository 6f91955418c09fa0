"""Which runs are late: a worker hangs, or its machine is much slower than others.

Only the command's own clock is asked, at the arrival of reports, since clocks of machines differ. Nothing here changes
a result: a late run is done a second time, and both come to the same.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

LATE = 3.0
"""A run is late once it has been silent for so many times as long as the runs of its network usually are."""
SLACK = 30.0
"""Seconds that it may be silent besides: reading the images, importing PyTorch and a busy disk take some."""
KEPT = 101
"""The number of silences that are remembered for each network."""
ENOUGH = 5
"""The number of silences from which the usual length of one is known."""


@dataclass
class _Silences:
    """The last silences of a network's runs, in seconds: between two epochs, or before the end."""

    last: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    median: float = 0.0

    def add(self, seconds: float) -> None:
        self.last.append(seconds)
        if len(self.last) <= ENOUGH or len(self.last) % 10 == 0 or len(self.last) == KEPT:
            self.median = statistics.median(self.last)


class Stragglers:
    """Keeps account of when runs were last heard of.

    Example:
        >>> runs = Stragglers()
        >>> for number in range(6):
        ...     runs.heard(f"quick-{number}", "resnet18", at=0.0)
        ...     runs.heard(f"quick-{number}", "resnet18", at=10.0)
        ...     runs.ended(f"quick-{number}")
        >>> runs.heard("slow", "resnet18", at=10.0)
        >>> runs.late(at=60.0), runs.late(at=71.0)
        (None, 'slow')
    """

    def __init__(self) -> None:
        self._heard: dict[str, tuple[str, float]] = {}  # of each run its network and when, the longest silent first
        self._silences: dict[str, _Silences] = {}

    def heard(self, run: str, model: str, *, at: float) -> None:
        """A run began, or came to the end of an epoch.

        Args:
            run: its folder.
            model: its network.
            at: the time, in seconds.
        """
        before = self._heard.pop(run, None)
        if before is not None:
            self._silences.setdefault(model, _Silences()).add(at - before[1])
        self._heard[run] = model, at

    def ended(self, run: str) -> None:
        """A run ended, or was stopped."""
        self._heard.pop(run, None)

    def late(self, *, at: float) -> str | None:
        """Returns the run that has been silent longest, of those that are late; None where none is.

        Args:
            at: the time, in seconds.
        """
        for run, (model, since) in self._heard.items():
            silence = at - since
            if silence <= SLACK:
                return None  # those after it are silent for a shorter time
            usual = self._silences.get(model)
            if usual is not None and len(usual.last) >= ENOUGH and silence > SLACK + LATE * usual.median:
                return run
        return None

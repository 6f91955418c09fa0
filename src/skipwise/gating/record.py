"""The result of a gate, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skipwise.core.machine.system import Machine
from skipwise.core.shown import Shown
from skipwise.cost.interleaved import Timing
from skipwise.statistics.noninferiority import Drop

Outcome = Literal["pass", "fail", "cannot tell"]
Kind = Literal["artifact", "run", "predictions"]
STATUS: dict[Outcome, int] = {"pass": 0, "fail": 1, "cannot tell": 3}
"""The exit status of each outcome; 2 is an error."""


@dataclass(frozen=True, kw_only=True)
class GateSide:
    """One of the two networks.

    Args:
        name: what was named: a folder, or a file of predictions.
        kind: what it is.
        model: the network's name, where that is known.
        accuracy: on the images, a fraction.
        size: bytes of the exported model, or of the run's weights; None for a file of predictions.
        certificate: what the certificate in the artifact's folder says, a phrase; "" without one.
    """

    name: str
    kind: Kind
    model: str
    accuracy: float
    size: int | None
    certificate: str


@dataclass(frozen=True, kw_only=True)
class ClassChange:
    """The images of a class.

    Args:
        name: the class.
        images: how many there are.
        old, new: on how many of them each network is right.
        lost: on how many only the old one is right; `won`: only the new one.
    """

    name: str
    images: int
    old: int
    new: int
    lost: int
    won: int


@dataclass(frozen=True, kw_only=True)
class GateSpeed:
    """The time that each network takes for one resized image, in seconds, measured in turn.

    Args:
        old, new: the networks.
        threads: of each.
    """

    old: Timing
    new: Timing
    threads: int

    @property
    def ratio(self) -> float:
        """The new network's time divided by the old one's."""
        return self.new.median / self.old.median


@dataclass(frozen=True, kw_only=True)
class GateReport(Shown):
    """The result of a gate.

    Args:
        outcome: "pass" where the new network is shown not to be worse by more than the margin, "fail" where it is shown
            to be worse by more, "cannot tell" where these images show neither.
        margin: the drop in accuracy that would not matter, in percentage points.
        alpha: how often the interval may miss.
        drop: how much accuracy was lost, with its interval, as fractions.
        old, new: the networks.
        data: what they were tested on.
        grouped_by: what says which images belong together; "" where each is by itself.
        classes: the images of each class, without any test.
        lost: images that only the old network got right, the first few.
        speed: how fast both are; None where that was not measured.
        notes: what a person should know, a sentence each.
        verdict: the answer in a few sentences.
        machine: where it was measured.

    Example:
        >>> import skipwise
        >>> report = skipwise.gate("old.csv", "new.csv", margin=2)
        >>> report.outcome, report.status
        ('pass', 0)
        >>> report.drop.low <= report.drop.value <= report.drop.high <= 0.02
        True
    """

    outcome: Outcome
    margin: float
    drop: Drop
    old: GateSide
    new: GateSide
    data: str
    grouped_by: str
    classes: tuple[ClassChange, ...]
    lost: tuple[str, ...]
    speed: GateSpeed | None
    notes: tuple[str, ...]
    verdict: tuple[str, ...]
    machine: Machine
    alpha: float = 0.05

    @property
    def status(self) -> int:
        """The exit status of the command: 0 pass, 1 fail, 3 cannot tell."""
        return STATUS[self.outcome]

    @property
    def markdown(self) -> str:
        """The report for a pull request, in GitHub's Markdown."""
        from skipwise.gating.markdown import markdown  # which is above the record

        return markdown(self)

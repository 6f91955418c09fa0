"""The status of work, as records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from skipwise.comparison.results.interim import Interim
from skipwise.core.shown import Shown

RunState = Literal["done", "running", "waiting", "failed"]
State = Literal["running", "finished", "stopped", "damaged", "waiting"]
Kind = Literal["comparison", "run", "study", "folder"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """The process that works on something.

    Args:
        host: the name of its machine.
        pid: the number of the process there.
        heard: the seconds since it was heard of last; None where it was not heard of, and is known by its lock.
        clock_off: the seconds by which its clock is ahead of the disk's, or behind it if negative.
    """

    host: str
    pid: int
    heard: float | None = None
    clock_off: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """The status of a run.

    Args:
        folder: its folder, relative to that of the comparison; in `train`, ".".
        model, seed, fold: which run it is; `fold` is None where there is a split.
        state: "waiting" also where it was begun, and nobody works on it now.
        epoch: the epochs that are finished.
        epochs: those that are to be done; None where that is not known.
        images_per_second: training images, the time of validation included, in the last epoch, or in all of them once
            it has ended; None where that is not known.
        left: seconds that it still takes, by the estimate of its process; None where that is not known.
        place: where it is running; None where it is not, or where that is not known.
        val_accuracy: on the validation images, after the last epoch (a fraction); None without them.
        seconds: of training, once it has ended.
        reason: why it failed; "" otherwise.
    """

    folder: str
    model: str
    seed: int
    fold: int | None = None
    state: RunState
    epoch: int = 0
    epochs: int | None = None
    images_per_second: float | None = None
    left: float | None = None
    place: Place | None = None
    val_accuracy: float | None = None
    seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """When something is expected.

    Args:
        seeds: of each network that goes on; None where no look is meant.
        seconds: from now on.
        limit: whether that is when the time limit ends.
    """

    seeds: int | None
    seconds: float
    limit: bool = False


@dataclass(frozen=True, kw_only=True)
class Status(Shown):
    """The progress of some work, which `status` returns.

    Args:
        folder: where it is.
        kind: what it is; a "folder" holds several works.
        state: "stopped" is begun, unfinished, and nobody is seen working on it; "waiting" is not begun.
        about: what it is about: the images, and the networks or the study.
        place: the process that carries it out; None where none is known.
        doing: the part of the work that is done at present; "" where none is known.
        runs: those that are there, or are needed up to the next look.
        parts: the works in a folder, or the comparisons of a study.
        next_look: when the next look is expected, or the end of a run; None where that is not known.
        last_look: when the answer is expected if all looks are needed; None where that is not known, or is `next_look`.
        interim: what the last look has shown; None before the first one, and once the comparison is finished.
        result: what was found, in a few words; "" while it is not finished.
        next_cost: what the next look costs, and how likely it is to settle what is open; "" where that is not known.
        problem: what can't be read, in a sentence; "" where all can.

    Example:
        >>> import skipwise
        >>> found = skipwise.status("runs/compare/images")
        >>> found.kind, found.state
        ('comparison', 'finished')
        >>> sum(run.state == "done" for run in found.runs) == len(found.runs)
        True
    """

    folder: str
    kind: Kind
    state: State
    about: str = ""
    place: Place | None = None
    doing: str = ""
    runs: tuple[RunStatus, ...] = ()
    parts: tuple[Status, ...] = ()
    next_look: Expected | None = None
    last_look: Expected | None = None
    interim: Interim | None = None
    result: str = ""
    next_cost: str = ""
    problem: str = ""

    @property
    def all_runs(self) -> Iterator[RunStatus]:
        """The runs, and those of the parts."""
        yield from self.runs
        for part in self.parts:
            yield from part.all_runs

    @property
    def is_running(self) -> bool:
        """Whether somebody is seen working on it, or on a part of it."""
        return self.state == "running" or any(part.is_running for part in self.parts)

"""`Tracker`: a callback that tells another tool of runs while they are done, and what each tool fills in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from skipwise.tracking.known import find_known
from skipwise.tracking.records import Ending, KnownRun, TrackedRun
from skipwise.tracking.session import Session, keep
from skipwise.training.callbacks import Callback, End, Epoch, Phase, RunEnd, Start


class Tracker(Callback, ABC):
    """A callback that logs runs in a tool: a run of the tool's for each run, and one above them for a comparison.

    A tracker of your own overrides `where`, `connect`, `begin`, `log` and `end`; the others do nothing here. They are
    called in one thread, which is not that of the training, and may raise whatever they like: what is lost is said once
    at the end, and the training goes on. A call that failed is repeated, if `is_transient` says that it may succeed.

    Which runs the tool has is kept in `tracking-<name>.json`, beside the results. A comparison that goes on continues
    them, and an epoch that the tool has is not logged again. What it lacks is taken from `metrics.jsonl`.

    Example:
        >>> class Diary(Tracker):
        ...     name = title = where = "diary"
        ...
        ...     def begin(self, run: TrackedRun, *, parent: str | None, known: KnownRun | None) -> str:
        ...         return run.name
        ...
        ...     def log(self, id: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:
        ...         print(f"{id}, epoch {epoch}: loss {metrics['train/loss']:.2f}")
        >>> Diary().log("resnet18 seed 0", 1, {"train/loss": 0.7}, 0.0)
        resnet18 seed 0, epoch 1: loss 0.70
    """

    name: ClassVar[str] = ""
    """The name in `--track`, and in the file of the runs that the tool has."""
    title: ClassVar[str] = ""
    """The name for people."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The server, the project or the folder that the runs go to."""

    def connect(self, folder: Path) -> None:
        """Imports the tool and reaches its server; called first.

        Args:
            folder: where the results of the comparison or of the run are.
        """

    @abstractmethod
    def begin(self, run: TrackedRun, *, parent: str | None, known: KnownRun | None) -> str:
        """Begins a run, or continues one; returns the tool's own name of it.

        Args:
            run: what it is.
            parent: the tool's name of the comparison that the run belongs to; None for the comparison itself.
            known: the run as it was tracked before. Where the tool does not have it any more, another one is begun.
        """

    def last_epoch(self, id: str) -> int | None:
        """The last epoch that the tool has of a run; None where it can't say, and our own notes are taken."""

    @abstractmethod
    def log(self, id: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:
        """Logs the metrics of an epoch.

        Args:
            id: the tool's name of the run.
            epoch: counted from 1. It may be one that was logged: training that diverged goes back and does it again.
            metrics: finite numbers by name.
            seconds: when it was, since 1970.
        """

    def end(self, id: str, run: TrackedRun, ending: Ending) -> None:
        """Logs how a run or a comparison ended, and closes it."""

    def stop(self, id: str) -> None:
        """Closes a run or a comparison that was stopped; `begin` may continue it."""

    def attach(self, id: str, name: str, files: Sequence[Path]) -> None:
        """Keeps files with a run that has ended, under a name such as "artifact"."""

    def disconnect(self) -> None:
        """Closes the connection; called last."""

    def is_transient(self, error: Exception) -> bool:
        """Returns whether a call that failed may succeed later, as where a server can't be reached."""
        return isinstance(error, OSError)

    # What Skipwise calls.

    _session: Session | None = None

    def on_start(self, start: Start) -> None:
        self._session = Session(self, start.folder, start.plan)

    def on_phase(self, phase: Phase) -> None:
        if self._session is not None:
            self._session.announce(phase.runs)

    def on_epoch(self, epoch: Epoch) -> None:
        if self._session is not None:
            self._session.log(epoch)

    def on_run_end(self, end: RunEnd) -> None:
        if self._session is not None:
            self._session.end_run(end)

    def on_end(self, end: End) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.end(end.result, stopped=end.error is not None)

    def catch_up(self, folder: Path, plan: Any, result: Any, runs: Sequence[RunEnd]) -> None:
        """Sends what the tool lacks of finished work, such as when its server could not be reached.

        Args:
            folder: where the results are.
            plan, result: of the work, as in `Start` and `End`.
            runs: how its runs ended.
        """
        session = Session(self, folder, plan)
        for run in runs:
            session.end_run(run)
        session.end(result, stopped=False)

    def known_run(self, folder: Path) -> KnownRun:
        """The run that the tool has of a folder: that of `train`, or one of a comparison.

        Raises:
            SkipwiseError: the tool was told of no such run.
        """
        return find_known(folder, self.name, self.where, title=self.title)

    def keep(self, folder: Path, name: str, files: Sequence[Path]) -> None:
        """Keeps files, such as an exported network, with the run that is in a folder.

        Args:
            folder: the run's.
            name: what the files are called together, such as "artifact".
            files: what is kept.

        Raises:
            SkipwiseError: the tool was told of no such run.
        """
        keep(self, folder, name, files)

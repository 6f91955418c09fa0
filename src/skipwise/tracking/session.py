"""One comparison or run as it is tracked: what is sent, in which order, and what the tool has of it already."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipwise.tracking.describe import as_tuned, described, described_run
from skipwise.tracking.known import Known, read_known, write_known
from skipwise.tracking.records import KnownRun, TrackedRun
from skipwise.tracking.sender import HOPE, PATIENCE, Sender, TrackingLost
from skipwise.tracking.summary import ending_of_comparison, ending_of_run
from skipwise.training.callbacks import Epoch, RunEnd
from skipwise.training.folder.files import read_history
from skipwise.training.folder.names import TUNING
from skipwise.training.folder.record import RunRecord
from skipwise.training.folder.state import EpochMetrics
from skipwise.training.planning.plan import RunPlan

if TYPE_CHECKING:
    from skipwise.tracking.tracker import Tracker

_HANGING: dict[tuple[str, Path], threading.Thread] = {}
"""By tracker and folder, the threads of sessions that were given up on. One that begins again waits for them, so that
no epoch is logged by both."""
QUICKLY = 5.0
"""Seconds to wait for a tracker when somebody stops the work."""


class Session:
    """Sends the epochs and the ends of the runs of one folder to a tool.

    The methods without an underscore are called by the training and return at once, but for `end`; the others run in
    the thread of the `Sender`.

    Args:
        tracker: the tool.
        folder: where the results are.
        plan: the `RunPlan` of `train`, or the `Plan` of `compare`.
    """

    def __init__(self, tracker: Tracker, folder: Path, plan: Any) -> None:
        self.tracker, self.folder, self.plan = tracker, folder, plan
        self.single = isinstance(plan, RunPlan)
        self.known = Known(where=tracker.where)
        self.runs: dict[str, TrackedRun] = {"": described(plan, folder)}
        self.seen: dict[str, int] = {}
        self.opened: dict[str, str] = {}
        self.connected = False
        self.sender = Sender(tracker.is_transient, self._abandon)
        before = _HANGING.pop((tracker.name, folder.resolve()), None)
        self.sender.put(lambda: self._recall(before))

    def announce(self, jobs: Sequence[Any]) -> None:
        """The runs that are done next."""
        for job in jobs:
            self.runs[job.folder] = described_run(job.spec, job.folder, self.folder.resolve().name)

    def log(self, epoch: Epoch) -> None:
        """A run has done one more epoch."""
        key, now = self._key(epoch.run), time.time()
        again = epoch.epoch <= self.seen.get(key, 0)  # the loss diverged, and training went back
        self.seen[key] = epoch.epoch
        more = {"images_per_second": epoch.images_per_second}
        if epoch.outcome is not None and not self.single:
            more[f"val/{self.plan.question.outcome}"] = epoch.outcome
        values = metrics_of(epoch.metrics, more)
        self.sender.put(lambda: self._log(key, epoch.epoch, values, now, again=again))

    def end_run(self, end: RunEnd) -> None:
        """A run has ended, now or before."""
        key = self._key(end.run)
        if key not in self.runs:
            self.runs[key] = described_run(end.record.spec, key, self.folder.resolve().name)
        if key == "":
            self.runs[key] = as_tuned(self.runs[key], end.record.spec)
        self.sender.put(lambda: self._end_run(key, end.record))

    def end(self, result: Any, *, stopped: bool) -> None:
        """Everything is over. Waits until the tool has it, but not long, and says what was lost."""
        if stopped:
            self.sender.put(self._stop)
        elif not self.single:
            self.sender.put(lambda: self._end(result))
        self.sender.put(self._disconnect)
        hope = QUICKLY if stopped else HOPE
        reason = self.sender.finish(patience=QUICKLY if stopped else PATIENCE, hope=hope)
        if self.sender.thread.is_alive():
            _HANGING[self.tracker.name, self.folder.resolve()] = self.sender.thread
        if reason:
            following = "the same command sends the rest" if not stopped else "the same command goes on"
            _warn(
                f"{self.tracker.title} ({self.tracker.where}) did not get all of this: {reason}. The results are "
                f"complete without it, and {following}."
            )

    def _recall(self, before: threading.Thread | None) -> None:
        """Finds out what the tool has."""
        if before is not None:
            before.join()
        self.known = read_known(self.folder, self.tracker.name, self.tracker.where)

    def _key(self, run: str) -> str:
        return "" if self.single and not run.startswith(f"{TUNING}/") else run

    def _id(self, key: str) -> str:
        """The tool's name of a run, which is begun or continued."""
        if key in self.opened:
            return self.opened[key]
        if not self.connected:
            self.tracker.connect(self.folder)
            self.connected = True
        before = self.known.runs.get(key)
        parent = None if key == "" else self._id("")
        id = self.tracker.begin(self.runs[key], parent=parent, known=before)
        epoch = 0
        if before is not None and id == before.id:
            last = self.tracker.last_epoch(id)
            epoch = before.epoch if last is None else last
        self.opened[key] = id
        self._note(key, KnownRun(id=id, epoch=epoch))
        return id

    def _note(self, key: str, run: KnownRun) -> None:
        self.known.runs[key] = run
        write_known(self.folder, self.tracker.name, self.known)

    def _log(self, key: str, epoch: int, values: Mapping[str, float], when: float, *, again: bool) -> None:
        id = self._id(key)
        if epoch <= self.known.runs[key].epoch and not again:
            return
        self._fill_up(key, before=epoch)
        self.tracker.log(id, epoch, values, when)
        self._note(key, replace(self.known.runs[key], epoch=epoch))

    def _fill_up(self, key: str, *, before: float = math.inf) -> None:
        """Logs the epochs that the tool lacks: those of a session that was not tracked, or not to its end."""
        last = self.known.runs[key].epoch
        if last + 1 >= before:
            return
        for each in read_history(self.folder / key):
            if last < each.epoch < before:
                self.tracker.log(self.opened[key], each.epoch, metrics_of(each), time.time())
                self._note(key, replace(self.known.runs[key], epoch=each.epoch))

    def _end_run(self, key: str, record: RunRecord) -> None:
        before = self.known.runs.get(key)
        if before is not None and before.ended:
            return
        id = self._id(key)
        if record.status == "finished":
            self._fill_up(key)
        ending = ending_of_run(record, self.folder / key, self.known.runs[key].epoch, weights=key == "")
        self.tracker.end(id, self.runs[key], ending)
        self._note(key, replace(self.known.runs[key], ended=True))

    def _end(self, result: Any) -> None:
        before = self.known.runs.get("")
        if before is not None and before.ended:
            return
        self.runs[""] = described(result.plan, self.folder)  # a time limit may have changed it
        self.tracker.end(self._id(""), self.runs[""], ending_of_comparison(result))
        self._note("", replace(self.known.runs[""], ended=True))

    def _stop(self) -> None:
        for key, id in reversed(self.opened.items()):
            if not self.known.runs[key].ended:
                self.tracker.stop(id)

    def _abandon(self) -> None:
        self._stop()
        self._disconnect()

    def _disconnect(self) -> None:
        if self.connected:
            self.tracker.disconnect()


def metrics_of(epoch: EpochMetrics, more: Mapping[str, float] | None = None) -> dict[str, float]:
    """The numbers of an epoch by their names, without those that are not finite."""
    values = {
        "train/loss": epoch.train_loss,
        "learning_rate": epoch.learning_rate,
        "seconds": epoch.seconds,
        **({} if epoch.val is None else {"val/accuracy": epoch.val.accuracy, "val/loss": epoch.val.nll}),
        **(more or {}),
    }
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def keep(tracker: Tracker, folder: Path, name: str, files: Sequence[Path]) -> None:
    """Keeps files with a run that was tracked; see `Tracker.keep`."""
    run = tracker.known_run(folder)
    sender = Sender(tracker.is_transient)
    sender.put(lambda: tracker.connect(folder))
    sender.put(lambda: tracker.attach(run.id, name, files))
    sender.put(tracker.disconnect)
    if reason := sender.finish():
        _warn(f"{tracker.title} ({tracker.where}) did not get the {name}: {reason}. The same command sends it.")


def _warn(sentence: str) -> None:
    with warnings.catch_warnings():
        # A tool that still hangs in its own thread may have changed what is shown, for the whole process.
        warnings.simplefilter("always", TrackingLost)
        warnings.warn(TrackingLost(sentence), stacklevel=3)

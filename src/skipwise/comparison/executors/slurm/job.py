"""A job of Slurm: a worker that does runs of a comparison, as it is told through files in the comparison's folder."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from skipwise.comparison.executors.attempts import begin_attempt
from skipwise.comparison.executors.local import LocalProcesses
from skipwise.comparison.executors.slurm.messages import Order, Reader, Report, append
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.workspace.shared_folder import describe_worker
from skipwise.training.callbacks import Epoch

LOOK = 0.5
"""Seconds between two looks for orders."""
IDLE = 120.0
"""Seconds after which a worker without orders ends: its node may be wanted by others, and the command may be gone."""
STARTS = "SLURM_RESTART_COUNT"
"""The variable in which Slurm says how often it started a job again; it is missing the first time."""


def orders_of(folder: Path, worker: str) -> Path:
    """The file of a worker's orders."""
    return folder / f"worker-{worker}.orders"


def reports_of(folder: Path, worker: str, start: int = 0) -> Path:
    """The file of a worker's reports, after its job was started again so many times."""
    return folder / f"worker-{worker}-{start}.reports"


def starts_in(folder: Path) -> dict[str, int]:
    """How often the job of each worker was started again, as far as it has reported anything since."""
    found = dict[str, int]()
    for path in folder.glob("worker-*-*.reports"):
        worker, _, start = path.stem.removeprefix("worker-").rpartition("-")
        found[worker] = max(int(start), found.get(worker, 0))
    return found


def work(comparison: str, messages: str, worker: str) -> None:
    """Does runs until there are no more orders, or SIGTERM comes.

    SIGTERM is sent before the job's time is up, when it is preempted and when it is cancelled: the run under way saves
    its state, and whoever does it next goes on from there.

    Args:
        comparison: the comparison's folder.
        messages: the folder of the messages.
        worker: the name of this one.
    """
    with contextlib.suppress(_Stopped), _stopped_by_sigterm():
        _Worker(Path(comparison), Path(messages), worker).work()


class _Stopped(BaseException):
    """SIGTERM came."""


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    def stop(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        raise _Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Worker:
    """A worker; the arguments are those of `work`."""

    def __init__(self, comparison: Path, messages: Path, name: str) -> None:
        self.folder = comparison
        self.reports = reports_of(messages, name, int(os.environ.get(STARTS) or 0))
        self.orders: Reader[Order] = Reader(orders_of(messages, name), Order)
        self.session = secrets.token_hex(8)
        self.executor = LocalProcesses()

    def work(self) -> None:
        """Reports that it is there, does runs, and reports that it leaves."""
        try:
            plan = read_sealed(self.folder / COMPARISONS.plan_file, Plan)
            self.executor.open(self.folder, processes=1, threads=plan.execution.threads)
            self._report(Report(kind="ready", session=self.session, worker=describe_worker(plan.execution.device)))
            self._serve()
        except SkipwiseError as error:
            self._report(Report(kind="stop", session=self.session, text=str(error)))
        finally:
            self.executor.close()  # which lets the run save its state
            self._report(Report(kind="left", session=self.session))

    def _serve(self) -> None:
        since = time.monotonic()
        while time.monotonic() - since < IDLE:
            for order in self._new_orders():
                if order.job is None:
                    return
                self._begin(order.job)
                while not self._ended(order.job.folder):
                    if any(later.job is None for later in self._new_orders()):
                        return
                since = time.monotonic()
            time.sleep(LOOK)

    def _begin(self, job: Job) -> None:
        """Begins an attempt at a run, where earlier ones were last seen."""
        attempt = begin_attempt(self.folder, job.folder)
        self._report(Report(kind="began", session=self.session, run=job.folder, attempt=attempt.name))
        self.executor.submit(job, str(attempt.relative_to(self.folder)))

    def _ended(self, run: str) -> bool:
        """Reports what a run does for some time, and returns whether it has ended."""
        for event in self.executor.events(until=time.monotonic() + LOOK):
            if isinstance(event, Epoch):
                self._report(Report(kind="epoch", session=self.session, epoch=event))
            else:
                self._report(Report(kind="ended", session=self.session, run=run))
                return True
        return False

    def _new_orders(self) -> list[Order]:
        try:
            found = self.orders.read()
        except OSError:  # the folder was removed: the command was given again, and has other workers
            return [Order(session=self.session)]
        return [order for order in found if order.session == self.session]

    def _report(self, report: Report) -> None:
        if self.reports.parent.is_dir():
            append(self.reports, report)

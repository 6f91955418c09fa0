"""The workers of a comparison, as the command sees them: what they do, what they report, and who takes their place."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from pathlib import Path

from skipwise.comparison.executors.attempts import forget, take
from skipwise.comparison.executors.executor import Event
from skipwise.comparison.executors.kinds import Kinds
from skipwise.comparison.executors.local import ATTEMPTS as MOST_DEATHS
from skipwise.comparison.executors.slurm.commands import HOPELESS, Ending, NoAnswer
from skipwise.comparison.executors.slurm.job import orders_of, reports_of, starts_in
from skipwise.comparison.executors.slurm.jobs import Jobs
from skipwise.comparison.executors.slurm.member import Member
from skipwise.comparison.executors.slurm.messages import Order, Reader, Report, append
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.comparison.plan.plan import Job
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import describe_machine
from skipwise.core.text import count
from skipwise.core.workspace.shared_folder import NOT_SHARED, check_versions, not_shared
from skipwise.training.callbacks import Epoch, RunEnd
from skipwise.training.folder.record import find_run

ASKED_EVERY = 5.0
"""Seconds between two questions to Slurm's controller, which all users of a cluster share."""
SILENCE = 1800.0
"""Seconds for which the controller may be away: it is restarted now and then, and jobs go on meanwhile."""
LATE = 90.0
"""Seconds until a file that a worker wrote is missed; network disks may show it late."""
MISSED = 3
"""A job counts as gone when Slurm has not named it so many times."""
AWAY = frozenset({"COMPLETED", "PREEMPTED", "TIMEOUT"})
"""The states of jobs that ended as they should, if their worker said that it leaves."""


class Workers:
    """The workers of a comparison.

    Args:
        folder: the comparison's folder.
        messages: the folder of the messages.
        jobs: submits jobs, with a worker in each.
        most: the largest number of workers at a time.
    """

    def __init__(self, folder: Path, messages: Path, jobs: Jobs, most: int) -> None:
        self.folder, self.messages, self.jobs, self.most = folder, messages, jobs, most
        self.kinds = Kinds(folder)
        self.members: list[Member] = []
        self.waiting: deque[Job] = deque()
        self.here = describe_machine()
        self._open: set[str] = set()
        self._reached: dict[str, int] = {}
        self._deaths: dict[str, int] = {}
        self._failed_starts = 0
        self._made = 0
        # In the names of its workers: one of an earlier command may still write reports, if its node is cut off.
        self._token = secrets.token_hex(4)
        self._asked_at, self._answered_at = float("-inf"), time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether a run has not ended yet."""
        return bool(self._open)

    def submit(self, job: Job) -> None:
        """Keeps a run until a worker is free."""
        self.waiting.append(job)
        self._open.add(job.folder)

    def forget(self) -> None:
        """Forgets all workers and runs: the jobs have ended."""
        self.members, self._open, self._deaths, self._reached = [], set(), {}, {}
        self.waiting.clear()

    def look(self) -> list[Event]:
        """Reads what workers reported, replaces those that are gone, and gives orders to those that are free.

        Raises:
            SkipwiseError: something that no run can continue from.
        """
        events = [event for member in self.members for event in self._read(member)]
        if self._open and time.monotonic() - self._asked_at >= ASKED_EVERY:
            self._asked_at = time.monotonic()
            self._see_restarts()
            try:
                self._ask()
                self._replace()
                self._answered_at = time.monotonic()
            except NoAnswer:
                if time.monotonic() - self._answered_at > SILENCE:
                    raise
        self._order()
        return events

    def _read(self, member: Member) -> list[Event]:
        events: list[Event] = []
        try:
            reports = member.reports.read()
        except OSError:  # a network disk that is away; what was reported is there when it is back
            return events
        for report in reports:
            if report.kind == "ready":
                self._put_back(member)  # its job was started again
                assert report.worker is not None
                check_versions(self.here, report.worker)
                member.session, member.machine = report.session, report.worker
                self._failed_starts = 0
            elif report.session != member.session:
                continue
            elif report.kind == "left":
                self._put_back(member)
                member.session = None
            elif report.kind == "stop":
                node = "a node" if member.machine is None else member.machine.node
                raise SkipwiseError(f"{report.text} (This was said by Slurm's job {member.id} on {node}.)")
            elif member.job is not None:
                if report.kind == "epoch" and report.epoch is not None and report.epoch.run == member.job.folder:
                    self._note(report.epoch)
                    events.append(report.epoch)
                elif report.run == member.job.folder and report.kind == "began":
                    member.attempt = report.attempt
                    # It has a copy of the newest of them.
                    forget(self.folder, report.run, but=report.attempt)
                elif report.run == member.job.folder and report.kind == "ended" and member.attempt is not None:
                    events.append(self._ended(member.job, member.attempt))
                    member.job = member.attempt = None
        return events

    def _note(self, epoch: Epoch) -> None:
        """An epoch is done: if it is a new one, the run's earlier workers died of something else."""
        if epoch.epoch > self._reached.get(epoch.run, 0):
            self._reached[epoch.run] = epoch.epoch
            self._deaths.pop(epoch.run, None)

    def _ended(self, job: Job, attempt: str) -> RunEnd:
        """The record of an attempt has been written: it takes the place of its run."""
        place, deadline = self.folder / ATTEMPTS / job.folder / attempt, time.monotonic() + LATE
        while (record := find_run(job.spec, place)) is None:
            if time.monotonic() > deadline:
                raise SkipwiseError(f"The run just written in {place} can't be read back; is the disk sound?")
            time.sleep(0.5)
        take(self.folder, job.folder, place)
        forget(self.folder, job.folder)
        self._open.discard(job.folder)
        return RunEnd(run=job.folder, record=record)

    def _put_back(self, member: Member) -> None:
        if member.job is not None:
            self.waiting.appendleft(member.job)
            member.job = member.attempt = None

    def _see_restarts(self) -> None:
        """Looks which jobs Slurm has started again. Their earlier processes are not listened to any more."""
        starts = starts_in(self.messages)
        for member in self.members:
            if (start := starts.get(member.name, 0)) > member.start:
                member.start, member.reports = start, Reader(reports_of(self.messages, member.name, start), Report)

    def _ask(self) -> None:
        """Asks for the states of all jobs, and takes leave of those that have ended."""
        states = self.jobs.states()
        for member in list(self.members):
            state = states.get(member.id)
            member.missed = member.missed + 1 if state is None else 0
            member.state = state or member.state
            if member.state.name == "PENDING" and member.session is not None:  # requeued without a word
                self._put_back(member)
                member.session = None
            gone = member.missed >= MISSED or not member.state.living
            if gone and member.ended:
                self._take_leave(member)
            member.ended = gone
        self._check_hope()

    def _check_hope(self) -> None:
        """Raises SkipwiseError where no job will ever begin."""
        if self.members and all(m.state.name == "PENDING" and m.state.reason in HOPELESS for m in self.members):
            waiting = self.members[0]
            raise SkipwiseError(
                f"Slurm's job {waiting.id} will not begin ({waiting.state.reason}); ask for something else with "
                "--executor."
            )

    def _take_leave(self, member: Member) -> None:
        """A worker's job has ended; finds out whether that is a reason to give up."""
        self.members.remove(member)
        job, left = member.job, member.machine is not None and member.session is None
        self._put_back(member)
        state = member.state.name
        if state == "CANCELLED":  # by somebody who wants the node; that is not undone
            self.most = min(self.most, len(self.members))
            if not self.members:
                raise SkipwiseError(
                    f"Slurm's job {member.id} was cancelled, and it was the last one; what was saved is kept, and the "
                    "same command resumes it."
                )
        elif left and state in AWAY:
            return
        elif member.machine is None:
            self._did_not_start(member)
        elif job is not None:
            self._died(member, job)

    def _did_not_start(self, member: Member) -> None:
        ending = self.jobs.ending(member.id)
        node = ending.node or "a node"
        if ending.status == NOT_SHARED and not any(other.machine for other in self.members):
            raise not_shared(self.folder, node)
        self._failed_starts += 1
        if self._failed_starts >= MOST_DEATHS:
            raise SkipwiseError(
                f"{count(self._failed_starts, 'job')} of Slurm ended before they could do anything, the last one "
                f"({member.id}) on {node}: {self._cause(member, ending)}."
            )

    def _died(self, member: Member, job: Job) -> None:
        deaths = self._deaths[job.folder] = self._deaths.get(job.folder, 0) + 1
        if deaths >= MOST_DEATHS:
            cause = self._cause(member, self.jobs.ending(member.id))
            raise SkipwiseError(
                f"{deaths} jobs of Slurm ended in {job.spec.model} with seed {job.spec.seed} without another epoch "
                f"({cause}); perhaps they need more memory or time, as in 'slurm://PARTITION?memory=16G&time=8h'. What "
                "was saved is kept, and the same command resumes it."
            )

    def _cause(self, member: Member, ending: Ending) -> str:
        """Says how a job ended, for an error."""
        said = ending.state or member.state.name
        if ending.signal:
            said += f", signal {ending.signal}"
        elif ending.status:
            said += f", exit status {ending.status}"
        with contextlib.suppress(OSError):
            lines = self.jobs.log(member.id).read_text(errors="replace").strip().splitlines()
            if lines:
                return f"{said}: {lines[-1].strip()}"
        return said

    def _replace(self) -> None:
        """Submits jobs where fewer workers are there than runs, and more may be."""
        missing = min(self.most, len(self._open)) - len(self.members)
        if missing <= 0:
            return
        names = [f"{self._token}-{number}" for number in range(self._made, self._made + missing)]
        for name in names:
            orders_of(self.messages, name).touch()
            reports_of(self.messages, name).touch()
        for name, job in zip(names, self.jobs.submit(names), strict=True):
            orders, reports = orders_of(self.messages, name), Reader(reports_of(self.messages, name), Report)
            self.members.append(Member(name=name, id=job, orders=orders, reports=reports))
        self._made += missing

    def _order(self) -> None:
        """Gives runs to workers that are free."""
        there = {member.machine.kind for member in self.members if member.session is not None and member.machine}
        for member in self.members:
            if member.session is None or member.job is not None or member.machine is None or member.ended:
                continue
            kind = member.machine.kind
            job = next((job for job in self.waiting if self.kinds.fits(job.spec.seed, kind, there)), None)
            if job is not None:
                self.waiting.remove(job)
                self.kinds.choose(job.spec.seed, kind)
                member.job = job
                append(member.orders, Order(session=member.session, job=job))

    def send_away(self) -> None:
        """Tells all workers to end, and lets them save their runs."""
        for member in self.members:
            if member.session is not None:
                with contextlib.suppress(SkipwiseError):
                    append(member.orders, Order(session=member.session))

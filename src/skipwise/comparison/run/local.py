"""Runs on processes of this machine.

Each process does one run after another and is told which by the one that started it (see worker.py). What is
finished is in its run folder and survives everything; what is lost to a kill is less than one run.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from skipwise.comparison.plan.plan import Job
from skipwise.comparison.run.executor import Event
from skipwise.comparison.run.worker import Message
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import make_folder
from skipwise.core.machine.environment import PATIENCE
from skipwise.training.run.record import failed_run, find_run, write_run

ATTEMPTS = 3
"""A process that dies under a run (killed from outside, out of memory) has it tried this often in all."""
KILLED = (-9, -signal.SIGTERM, 128 + signal.SIGTERM)
"""Ends that come from outside and say nothing about the network; -9 is SIGKILL, which Windows does not have."""
GRACE = 10.0
"""Seconds that a process gets to finish its step and save it, when it is told to stop."""


class LocalProcesses:
    """An executor; a context manager, whose end is that of the processes too.

    Args:
        home: the comparison's folder.
        processes: how many runs at once.
        threads: of each.
    """

    def __init__(self, home: Path, *, processes: int, threads: int) -> None:
        self.home, self.processes, self.threads = home, processes, threads
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event | Exception] = queue.SimpleQueue()
        self._team: list[_Worker] = []
        self._open = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss(GRACE)

    def cancel(self) -> None:
        """Ends all runs that were submitted, at once."""
        self._dismiss(0.0)
        # Nothing that the old team still says is heard, nor does it take what is submitted now.
        self._waiting, self._events, self._team, self._open = queue.SimpleQueue(), queue.SimpleQueue(), [], 0

    def _dismiss(self, grace: float) -> None:
        """Ends all processes; a run that goes on gets so many seconds to save where it stands."""
        for worker in self._team:
            worker.tell_to_stop()
            self._waiting.put(None)
        deadline = time.monotonic() + grace
        for worker in self._team:
            worker.stop(deadline)

    def submit(self, job: Job) -> None:
        """Has a run done as soon as a process is free."""
        self._open += 1
        self._waiting.put(job)
        if len(self._team) < min(self.processes, self._open):
            self._team.append(_Worker(self.home, self.threads, self._waiting, self._events))
            self._team[-1].start()

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """What happens, until every run that was submitted has ended, or the time has come."""
        while self._open:
            try:
                wait = min(until - time.monotonic(), threading.TIMEOUT_MAX)
                event = self._events.get(timeout=wait) if wait > 0 else self._events.get_nowait()
            except queue.Empty:
                return
            if isinstance(event, Exception):
                raise event
            self._open -= event.record is not None
            yield event


class _Worker(threading.Thread):
    """A thread that keeps one process busy: it starts it, tells it what to run and starts another if it dies."""

    def __init__(
        self,
        home: Path,
        threads: int,
        waiting: queue.SimpleQueue[Job | None],
        events: queue.SimpleQueue[Event | Exception],
    ) -> None:
        super().__init__(daemon=True)
        self.home, self.threads, self.waiting, self.events = home, threads, waiting, events
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False
        self.ready = False

    def run(self) -> None:
        try:
            while (job := self.waiting.get()) is not None and not self.stopping:
                self._finish(job)
        except Exception as error:  # handed to the thread that reads the events
            self.events.put(error)
        finally:
            self._end()

    def tell_to_stop(self) -> None:
        """Has a process that is in the middle of a run save where it stands, and end."""
        self.stopping = True
        if self.process is not None and self.is_alive():
            self.process.terminate()

    def stop(self, deadline: float) -> None:
        """Ends the process, and with it this thread; one that was told to stop gets until the deadline."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, deadline - time.monotonic()) if self.is_alive() else 0)
            self.process.kill()
        if self.is_alive():
            self.join()

    def _finish(self, job: Job) -> None:
        """Does one run, in as many processes as it takes, and reports its record."""
        spec, folder = job.spec, self.home / job.folder
        for _ in range(ATTEMPTS):
            if self._attempt(job) or self.stopping:
                break
        else:
            assert self.process is not None
            if self.process.returncode in KILLED:
                raise SkipwiseError(
                    f"The process of {spec.model} with seed {spec.seed} was killed {ATTEMPTS} times, as happens where "
                    "memory runs out; close other programs or use --workers 1, and give the same command again."
                )
            make_folder(folder)
            write_run(folder, failed_run(spec, f"its process died {ATTEMPTS} times ({self._cause()})"))
        if self.stopping:
            return
        record = find_run(spec, folder)
        if record is None:
            raise SkipwiseError(f"The run just written in {folder} can't be read back; is the disk sound?")
        self.events.put(Event(job, epoch=spec.recipe.epochs, record=record))

    def _attempt(self, job: Job) -> bool:
        """Whether the process got to the end of the run. If not, it is dead."""
        if self.process is None or self.process.poll() is not None:
            self._end()
            self._start()
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            process.wait()
            return False
        for line in process.stdout:
            message = msgspec.json.decode(line, type=Message)
            if message.kind == "ended":
                return True
            if message.kind == "stop":
                raise SkipwiseError(message.text)
            if message.kind == "ready":
                self.ready = True
                continue
            self.events.put(Event(job, epoch=message.epoch, seconds=message.seconds))
        process.wait()
        if not self.ready and process.returncode not in KILLED:
            raise SkipwiseError(f"A process that is to train can't start ({self._cause()}).")
        return False

    def _start(self) -> None:
        # -P keeps the folder the user stands in, and whatever modules lie there, out of our imports.
        command = [sys.executable, "-P", "-m", "skipwise.comparison.run.worker", str(self.home.resolve())]
        environment = (
            PATIENCE
            | os.environ
            | {
                "OMP_NUM_THREADS": str(self.threads),
                # Networks of one's own are found where they were found here.
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            }
        )
        self.ready = False
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment
        )
        if self.stopping:  # by another thread, between the check and the start
            self.process.kill()

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            # What was not read any more is thrown away; the log goes with the process.
            with contextlib.suppress(BrokenPipeError), self.process, self.log:
                pass

    def _cause(self) -> str:
        """What a dead process leaves behind."""
        assert self.process is not None
        code = self.process.returncode
        if code < 0:
            return f"signal {-code}"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return f"exit status {code}: {lines[-1]}" if lines else f"exit status {code}"

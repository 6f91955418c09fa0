"""Runs in processes on this machine.

Each process does one run after another, and gets them from the process that started it (see worker_process.py). A
finished run is in its folder; a process that is killed loses what it did after its last checkpoint.
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

import msgspec

from skipwise.comparison.executors.executor import Event
from skipwise.comparison.executors.order import Order
from skipwise.comparison.executors.worker_process import Message
from skipwise.comparison.plan.plan import Job
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import make_folder
from skipwise.core.machine.environment import PATIENCE
from skipwise.training.callbacks import RunEnd
from skipwise.training.folder.record import failed_run, find_run, write_run

ATTEMPTS = 3
"""The number of attempts at a run whose process dies (it is killed, or memory runs out) before it gets any further."""
KILLED = (-9, -signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit statuses of processes that were stopped from outside, which is not the network's fault. -9 is SIGKILL, which
Windows does not have."""
GRACE = 10.0
"""Seconds that a process gets to finish its step and save its state, when it has to stop."""


class LocalProcesses:
    """The usual `Executor`: processes on this machine, each doing one run after another.

    A process that dies is replaced, and its run resumed, until three have died without getting any further.

    Example:
        >>> executor = LocalProcesses()  # for skipwise.compare("digits", executor=executor)
        >>> list(executor.events())  # no run has been submitted
        []
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event | Exception] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._open = 0

    def open(self, folder: Path, *, processes: int, threads: int) -> None:
        """The comparison begins or continues; see `Executor`."""
        self.folder, self.processes, self.threads = folder, processes, threads

    def close(self) -> None:
        """Stops all processes; a run that is under way gets some seconds to save its state."""
        self._stop(GRACE)

    def cancel(self) -> None:
        """Stops all runs that were submitted, at once."""
        self._stop(0.0)

    def _stop(self, grace: float) -> None:
        """Stops all processes; a run that is under way gets so many seconds to save its state."""
        for worker in self._workers:
            worker.tell_to_stop()
            self._waiting.put(None)
        deadline = time.monotonic() + grace
        for worker in self._workers:
            worker.stop(deadline)
        # What the stopped processes still report is not heard, nor do they take what is submitted from now on.
        self._waiting, self._events, self._workers, self._open = queue.SimpleQueue(), queue.SimpleQueue(), [], 0

    def submit(self, job: Job, into: str | None = None) -> None:
        """Has a run done as soon as a process is free; see `Executor`.

        Args:
            into: the folder that it is written into, in the comparison's folder; None is that of the run.
        """
        self._open += 1
        self._waiting.put(Order(job=job, into=into or job.folder))
        if len(self._workers) < min(self.processes, self._open):
            self._workers.append(_Worker(self.folder, self.threads, self._waiting, self._events))
            self._workers[-1].start()

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Yields what the runs report; see `Executor`."""
        while self._open:
            try:
                wait = min(until - time.monotonic(), threading.TIMEOUT_MAX)
                event = self._events.get(timeout=wait) if wait > 0 else self._events.get_nowait()
            except queue.Empty:
                return
            if isinstance(event, Exception):
                raise event
            self._open -= isinstance(event, RunEnd)
            yield event


class _Worker(threading.Thread):
    """A thread that starts a process, gives it runs, and starts another one if it dies."""

    def __init__(
        self,
        folder: Path,
        threads: int,
        waiting: queue.SimpleQueue[Order | None],
        events: queue.SimpleQueue[Event | Exception],
    ) -> None:
        super().__init__(daemon=True)
        self.folder, self.threads, self.waiting, self.events = folder, threads, waiting, events
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False
        self.ready = False
        self.reached = 0  # the furthest epoch of the present run

    def run(self) -> None:
        try:
            while (order := self.waiting.get()) is not None and not self.stopping:
                self._finish(order)
        except Exception as error:  # handed to the thread that reads the events
            self.events.put(error)
        finally:
            self._end()

    def tell_to_stop(self) -> None:
        """Lets the process save the state of its run, and end."""
        self.stopping = True
        if self.process is not None and self.is_alive():
            self.process.terminate()

    def stop(self, deadline: float) -> None:
        """Ends the process, at the deadline at the latest, and with it this thread."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, deadline - time.monotonic()) if self.is_alive() else 0)
            self.process.kill()
        if self.is_alive():
            self.join()

    def _finish(self, order: Order) -> None:
        """Does one run, in several processes where one dies, and reports its end."""
        spec, folder = order.job.spec, self.folder / order.into
        self.reached, attempts, furthest = 0, 0, 0
        while attempts < ATTEMPTS and not self._attempt(order) and not self.stopping:
            attempts = 1 if self.reached > furthest else attempts + 1
            furthest = self.reached
        if attempts == ATTEMPTS:
            assert self.process is not None
            if self.process.returncode in KILLED:
                raise SkipwiseError(
                    f"The process of {spec.model} with seed {spec.seed} was killed {ATTEMPTS} times, perhaps because "
                    "memory ran out; close other programs or use --workers 1, and give the same command again."
                )
            if find_run(spec, folder) is not None:
                raise SkipwiseError(
                    f"The process of {spec.model} with seed {spec.seed} died {ATTEMPTS} times after its training, "
                    f"while it answered versions of the test images ({self._cause()}); give the same command again."
                )
            make_folder(folder)
            write_run(folder, failed_run(spec, f"its process died {ATTEMPTS} times ({self._cause()})"))
        if self.stopping:
            return
        record = find_run(spec, folder)
        if record is None:
            raise SkipwiseError(f"The run just written in {folder} can't be read back; is the disk sound?")
        self.events.put(RunEnd(run=order.job.folder, record=record))

    def _attempt(self, order: Order) -> bool:
        """Returns whether the process came to the end of the run. If not, it is dead."""
        if self.process is None or self.process.poll() is not None:
            self._end()
            self._start()
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(order) + b"\n")
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
            elif message.epoch is not None:
                self.reached = max(self.reached, message.epoch.epoch)
                self.events.put(message.epoch)
        process.wait()
        if not self.ready and process.returncode not in KILLED:
            raise SkipwiseError(f"A process for training can't start ({self._cause()}).")
        return False

    def _start(self) -> None:
        # -P keeps modules in the current folder out of our imports.
        command = [
            sys.executable,
            "-P",
            "-m",
            "skipwise.comparison.executors.worker_process",
            str(self.folder.resolve()),
        ]
        environment = (
            PATIENCE
            | os.environ
            | {
                "OMP_NUM_THREADS": str(self.threads),
                # External networks are found where they were found here.
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            }
        )
        self.ready = False
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment
        )
        if self.stopping:  # set by another thread between the check and the start
            self.process.kill()

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            # What was not read is thrown away; the log is closed with the process.
            with contextlib.suppress(BrokenPipeError), self.process, self.log:
                pass

    def _cause(self) -> str:
        """Returns how a process died, for an error."""
        assert self.process is not None
        code = self.process.returncode
        if code < 0:
            return f"signal {-code}"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return f"exit status {code}: {lines[-1]}" if lines else f"exit status {code}"

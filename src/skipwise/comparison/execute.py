"""Runs of a plan on local processes.

Each process does one run after another and is told which by the one that started it (see worker.py). What is
finished is in its run folder and survives everything; what is lost to a kill is less than one run.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from skipwise.comparison.plan import Plan, run_folder
from skipwise.comparison.worker import Message
from skipwise.errors import SkipwiseError
from skipwise.files import make_folder, write_json
from skipwise.training.run import RunRecord, failed_run, find_run

ATTEMPTS = 3
"""A process that dies under a run (killed from outside, out of memory) has it tried this often in all."""


KILLED = (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM)
"""Ends that come from outside and say nothing about the network."""
GRACE = 10.0
"""Seconds that a process gets to finish its step and save it, when it is told to stop."""


@dataclass(frozen=True)
class Event:
    """What happened to a run. `epoch` counts from 1; `record` is there once the run has ended."""

    model: str
    seed: int
    epoch: int = 0
    seconds: float = 0.0
    record: RunRecord | None = None


def execute_plan(plan: Plan, folder: Path) -> Generator[Event, None, None]:
    """Does every run of the plan that is not done yet, and yields what happens, first the runs already done.

    Closing the iterator, or an exception in its consumer, ends the processes.

    Raises:
        SkipwiseError: something no run can go on with: a full disk, a folder that can't be written.
    """
    waiting: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    todo = 0
    for model, seed in plan.runs():
        record = find_run(plan.spec(model, seed), run_folder(folder, model, seed))
        if record is None:
            waiting.put((model, seed))
            todo += 1
        else:
            yield Event(model, seed, epoch=plan.recipe.epochs, record=record)

    events: queue.SimpleQueue[Event | SkipwiseError | Exception] = queue.SimpleQueue()
    team = [_Worker(plan, folder, waiting, events) for _ in range(min(plan.processes, todo))]
    try:
        for worker in team:
            worker.start()
        while todo:
            event = events.get()
            if isinstance(event, Exception):
                raise event
            todo -= event.record is not None
            yield event
    finally:
        for worker in team:
            worker.tell_to_stop()
        deadline = time.monotonic() + GRACE
        for worker in team:
            worker.stop(deadline)


class _Worker(threading.Thread):
    """A thread that keeps one process busy: it starts it, tells it what to run and starts another if it dies."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        waiting: queue.SimpleQueue[tuple[str, int]],
        events: queue.SimpleQueue[Event | SkipwiseError | Exception],
    ) -> None:
        super().__init__(daemon=True)
        self.plan, self.folder, self.waiting, self.events = plan, folder, waiting, events
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False

    def run(self) -> None:
        try:
            while not self.stopping:
                try:
                    model, seed = self.waiting.get_nowait()
                except queue.Empty:
                    break
                self._finish(model, seed)
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

    def _finish(self, model: str, seed: int) -> None:
        """Does one run, in as many processes as it takes, and reports its record."""
        spec, folder = self.plan.spec(model, seed), run_folder(self.folder, model, seed)
        for _ in range(ATTEMPTS):
            if self._attempt(model, seed) or self.stopping:
                break
        else:
            assert self.process is not None
            if self.process.returncode in KILLED:
                raise SkipwiseError(
                    f"The process of {model} with seed {seed} was killed {ATTEMPTS} times, as happens where memory "
                    "runs out; close other programs or use --workers 1, and give the same command again."
                )
            make_folder(folder)
            write_json(folder / "run.json", failed_run(spec, f"its process died {ATTEMPTS} times ({self._cause()})"))
        if self.stopping:
            return
        record = find_run(spec, folder)
        if record is None:
            raise SkipwiseError(f"The run just written in {folder} can't be read back; is the disk sound?")
        self.events.put(Event(model, seed, epoch=self.plan.recipe.epochs, record=record))

    def _attempt(self, model: str, seed: int) -> bool:
        """Whether the process got to the end of the run. If not, it is dead."""
        if self.process is None or self.process.poll() is not None:
            self._end()
            self._start()
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{seed} {model}\n".encode())
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
            self.events.put(Event(model, seed, epoch=message.epoch, seconds=message.seconds))
        process.wait()
        return False

    def _start(self) -> None:
        # -P keeps the folder the user stands in, and whatever modules lie there, out of our imports.
        command = [sys.executable, "-P", "-m", "skipwise.comparison.worker", str(self.folder.resolve())]
        environment = os.environ | {
            "OMP_NUM_THREADS": str(self.plan.execution.threads),
            # Networks of one's own are found where they were found here.
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
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

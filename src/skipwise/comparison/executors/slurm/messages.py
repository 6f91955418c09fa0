"""Messages through files of the shared folder, between the command and the worker in each job.

There are two files for each worker, both made before its job is submitted: the command adds orders to one, the worker
adds reports to the other. A file has one writer. So a job that Slurm started again reports into a new file: the node
where it was may only be cut off, and its process may still write. Nothing is ever taken out of a file, and it is opened
anew for each look, since network disks show what is new in a file when it is opened. A line that a kill cut off is
ended by the line break with which the next one begins, and is skipped.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

import msgspec

from skipwise.comparison.plan.plan import Job
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import APPENDING, open_own
from skipwise.core.workspace.shared_folder import WorkerMachine
from skipwise.training.callbacks import Epoch


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a worker is to do next.

    Args:
        session: of the worker that is meant; one that was started again has another, and passes it over.
        job: the run; None ends the worker, and a run that is under way saves its state.
    """

    session: str
    job: Job | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a worker has to say.

    Args:
        kind: "ready": orders are taken now. "began": an attempt at a run has begun, with a copy of what others saved.
            "epoch": one more epoch is done. "ended": the run's record is written. "left": no more orders are taken,
            and the state of the run is saved. "stop": no run can continue, for the reason in `text`.
        session: of the worker, since its job may be started again.
        worker: the machine, with "ready".
        epoch: with "epoch".
        run: the folder of the run, with "began" and "ended".
        attempt: the name of the attempt's folder, with "began".
    """

    kind: Literal["ready", "began", "epoch", "ended", "left", "stop"]
    session: str
    worker: WorkerMachine | None = None
    epoch: Epoch | None = None
    run: str = ""
    attempt: str = ""
    text: str = ""


R = TypeVar("R", Order, Report)


def append(path: Path, message: Order | Report) -> None:
    """Adds a message to a file.

    Raises:
        SkipwiseError: the disk is full, for example.
    """
    with explained(path), os.fdopen(open_own(path, APPENDING), "ab") as file:
        file.write(b"\n" + msgspec.json.encode(message) + b"\n")
        file.flush()
        os.fsync(file.fileno())


class Reader(Generic[R]):
    """Reads a file of messages, each of them once.

    Args:
        kind: the class of the messages.
    """

    def __init__(self, path: Path, kind: type[R]) -> None:
        self.path = path
        self.kind: type[R] = kind
        self._position = 0

    def read(self) -> list[R]:
        """Returns the messages that were added since the last call.

        Raises:
            OSError: the file is gone, or its disk is.
        """
        with self.path.open("rb") as file:
            file.seek(self._position)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._position += len(whole)
        found: list[R] = []
        for line in whole.splitlines():
            try:
                found.append(msgspec.json.decode(line, type=self.kind))
            except (msgspec.DecodeError, UnicodeDecodeError):  # empty, or cut off by a kill
                continue
        return found

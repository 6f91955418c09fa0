"""`heartbeat.json`: which process works in a folder, and how far it is, for whoever looks on.

It is there while the work goes on, and is written again every few seconds. Nothing that is decided, and no result,
depends on it: a clock is in it, and it may be missing, old, or of a process that was killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from skipwise.core.files.regular import open_own, read_regular

HEARTBEAT = "heartbeat.json"
SECONDS = 5.0
"""Seconds between two heartbeats, at least."""
LARGEST = 2**16
"""Bytes of a heartbeat, at most."""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """The report of a process on its work.

    Args:
        host: the name of its machine.
        pid: the number of the process there.
        began: when this process began with the work, in seconds since 1970, by its own clock.
        now: when it said so, likewise.
        doing: the part of the work, such as "Look 1 of 3"; "" where it has no parts.
        steps: optimizer steps that are done; 0 where it has none.
        steps_in_all: those that are to be done; 0 where that is not known.
        left: seconds that this part of the work still takes, by its own estimate; None where that is not known.
        limit_left: seconds that are left of a time limit; None where there is none.
        processes: how many runs are done at a time.
    """

    host: str
    pid: int
    began: float
    now: float
    doing: str = ""
    steps: int = 0
    steps_in_all: int = 0
    left: float | None = None
    limit_left: float | None = None
    processes: int = 1


def read_heartbeat(folder: Path) -> tuple[Heartbeat, float] | None:
    """The heartbeat in a folder, and when its file was written by the clock of the disk; None where there is none.

    One that can't be read counts as none: it may be replaced at this moment.
    """
    path = folder / HEARTBEAT
    try:
        found = msgspec.json.decode(read_regular(path, LARGEST), type=Heartbeat)
        return found, path.stat().st_mtime
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None


class Pulse:
    """Writes the heartbeat of the present process into a folder, until it is closed.

    A heartbeat that can't be written is left out: the work does not depend on it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / HEARTBEAT
        self.began = time.time()
        self._written = -SECONDS

    @property
    def due(self) -> bool:
        """True if it is time to write the next heartbeat."""
        return time.monotonic() - self._written >= SECONDS

    def beat(self, **said: Any) -> None:
        """Writes a heartbeat.

        Args:
            said: fields of `Heartbeat`.
        """
        self._written = time.monotonic()
        heartbeat = Heartbeat(host=socket.gethostname(), pid=os.getpid(), began=self.began, now=time.time(), **said)
        # Whole or absent, as everything is; but it need not survive a power cut, so that no disk is waited for.
        temporary = self.path.with_name(f".{HEARTBEAT}.{secrets.randbelow(10**9)}.tmp")
        try:
            with os.fdopen(open_own(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(msgspec.json.encode(heartbeat))
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes the heartbeat: the work is over, or stopped."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

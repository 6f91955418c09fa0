"""Processes at work in a folder, by the heartbeats and the lock that are on the disk. Nothing is written or locked."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from skipwise.core.files.locks import holder
from skipwise.core.workspace.heartbeat import Heartbeat, read_heartbeat
from skipwise.watching.record import Place

SILENT = 120.0
"""Seconds after which a process that was not heard of is said to be silent: a step, or a validation, may take long."""
LOST = 1800.0
"""Seconds after which a process of another machine is taken for dead."""
CLOCK_OFF = 60.0
"""Seconds by which clocks may differ without a word."""


@dataclass(frozen=True, kw_only=True)
class Presence:
    """A process that is at work in a folder, and what it said last; None where its lock is all that is known."""

    place: Place
    said: Heartbeat | None


def at_work(folder: Path) -> Presence | None:
    """The process that is at work in a folder; None where none is seen."""
    found = read_heartbeat(folder)
    if found is not None:
        said, written = found
        age = max(0.0, time.time() - written)
        off = said.now - written
        place = Place(host=said.host, pid=said.pid, heard=age, clock_off=off if abs(off) > CLOCK_OFF else 0.0)
        if _lives(said, age):
            return Presence(place=place, said=said)
    pid = holder(folder)
    return None if pid is None else Presence(place=Place(host=socket.gethostname(), pid=pid), said=None)


def _lives(said: Heartbeat, age: float) -> bool:
    if said.host != socket.gethostname() or os.name != "posix":
        return age < LOST
    try:
        os.kill(said.pid, 0)  # which only asks
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it is another user's
    # Long after it was heard of, its number may be another program's.
    return age < LOST

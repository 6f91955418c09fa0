"""The messages between the command and the driver, which is the process that is connected to Ray.

Each is a line of JSON: orders on the driver's standard input, answers on its standard output.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from skipwise.comparison.executors.executor import Room
from skipwise.comparison.executors.ray.needs import Needs
from skipwise.comparison.plan.plan import Job
from skipwise.training.callbacks import Epoch


class Connect(Struct, tag=True, frozen=True, kw_only=True):
    """Connect to a cluster.

    Args:
        address: as `ray.init` takes it; None is the cluster of this machine, or else a new one.
        environment: for all processes of Ray, as `ray.init` takes it.
    """

    address: str | None
    environment: dict[str, Any] | None = None


class Ask(Struct, tag=True, frozen=True, kw_only=True):
    """Say what the nodes have for runs.

    Args:
        gpus: of each run.
    """

    gpus: float


class Open(Struct, tag=True, frozen=True, kw_only=True):
    """Look at the nodes, and be ready for runs.

    Args:
        folder: the comparison's folder.
        probe: what is in the file by which a shared folder is known.
        device: the kind of device that the runs are done on.
        needs: of each run.
        estimated: whether the memory of a run is an estimate.
        retries: how often a run is done again whose worker or node died.
    """

    folder: str
    probe: str
    device: str
    needs: Needs
    estimated: bool
    retries: int


class Submit(Struct, tag=True, frozen=True, kw_only=True):
    """Have a run done."""

    job: Job


class Cancel(Struct, tag=True, frozen=True):
    """Stop all runs at once."""


class Close(Struct, tag=True, frozen=True):
    """Have all runs save their states and stop, and end the connection."""


Order: TypeAlias = Connect | Ask | Open | Submit | Cancel | Close


class Connected(Struct, tag=True, frozen=True, kw_only=True):
    """The answer to `Connect`.

    Args:
        head: the address at which the head node listens; None where only Ray's own server for clients knows it.
    """

    head: str | None


class Rooms(Struct, tag=True, frozen=True, kw_only=True):
    """The answer to `Ask`: the nodes that have CPUs now."""

    rooms: tuple[Room, ...]


class Opened(Struct, tag=True, frozen=True):
    """The answer to `Open`."""


class Cancelled(Struct, tag=True, frozen=True):
    """The answer to `Cancel`: nothing more is said of runs that were submitted before."""


class Closed(Struct, tag=True, frozen=True):
    """The answer to `Close`: all runs have stopped."""


class Reached(Struct, tag=True, frozen=True, kw_only=True):
    """A run came to the end of an epoch that no attempt at it had reached before."""

    epoch: Epoch


class Ended(Struct, tag=True, frozen=True, kw_only=True):
    """A run has ended, and its record is written in the folder of an attempt at it."""

    run: str
    attempt: str


class GivenUp(Struct, tag=True, frozen=True, kw_only=True):
    """The worker of a run died more often than it is tried again, for a reason that Ray says."""

    run: str
    said: str


class Alive(Struct, tag=True, frozen=True):
    """The driver is at work, and has nothing to say."""


class Notice(Struct, tag=True, frozen=True, kw_only=True):
    """A person should know this of the cluster."""

    text: str


class Refused(Struct, tag=True, frozen=True, kw_only=True):
    """No run can continue, for the reason in `text`. The driver ends."""

    text: str


class Broken(Struct, tag=True, frozen=True, kw_only=True):
    """The driver made a mistake of its own; its traceback is in `text`."""

    text: str


class Gone(Struct, tag=True, frozen=True, kw_only=True):
    """The cluster does not answer the driver any more, which ends; `said` is what Ray says of it."""

    said: str


Answer: TypeAlias = (
    Connected
    | Rooms
    | Opened
    | Cancelled
    | Closed
    | Reached
    | Ended
    | GivenUp
    | Alive
    | Notice
    | Refused
    | Broken
    | Gone
)

encode = msgspec.json.Encoder().encode
read_order = msgspec.json.Decoder(Order).decode
read_answer = msgspec.json.Decoder(Answer).decode

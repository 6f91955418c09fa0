"""A process that does the runs it is told to, one after the other.

    python -m skipwise.comparison.executors.worker_process COMPARISON_FOLDER

A line on standard input is a run, an `Order` as JSON; lines on standard output report how it goes, each a `Message` as
JSON. SIGTERM ends it after the current step, which is saved. When standard input ends, the process that
started this one is gone, and it stops at once: whatever it was writing is written atomically.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from skipwise.core.errors import SkipwiseError
from skipwise.training.callbacks import Epoch


@dataclass(frozen=True, kw_only=True)
class Message:
    """One line from the process.

    Args:
        kind: "ready": jobs are taken now. "epoch": one more epoch is done. "ended": the run's record is written.
            "stop": no run can continue, for the reason in `text`.
        epoch: where one is done.
    """

    kind: Literal["ready", "epoch", "ended", "stop"]
    epoch: Epoch | None = None
    text: str = ""


def main(folder: Path) -> None:
    """Does runs of the comparison in `folder` until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is waiting for us
    # Told to stop: an exception, so that the run saves its state.
    signal.signal(signal.SIGTERM, _stop)
    # Networks may print; only messages may reach the pipe.
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: Message) -> None:
        pipe.write(msgspec.json.encode(message) + b"\n")

    orders: queue.Queue[bytes] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            orders.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    status = 0
    try:
        _serve(folder, orders, send)
    except SkipwiseError as error:
        send(Message(kind="stop", text=str(error)))
    except _Stopped:
        status = 128 + signal.SIGTERM
    # At once: the thread above holds standard input, over which the interpreter would stumble on its way out.
    sys.stderr.flush()
    os._exit(status)


class _Stopped(BaseException):
    """SIGTERM came."""


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; who can't wait sends SIGKILL
    raise _Stopped


def _serve(folder: Path, orders: queue.Queue[bytes], send: Callable[[Message], None]) -> None:
    from skipwise.comparison.executors.order import Order
    from skipwise.comparison.executors.worker import Worker
    from skipwise.core.machine.system import keep_freed_memory
    from skipwise.training.callbacks import RunEnd

    keep_freed_memory()
    # Ctrl-C does not reach this process: KeyboardInterrupt, like SystemExit, is a network's own doing.
    worker = Worker(folder, faults=(Exception, SystemExit, KeyboardInterrupt))
    send(Message(kind="ready"))
    while True:
        order = msgspec.json.decode(orders.get(), type=Order)
        with contextlib.closing(worker.events(order.job, folder / order.into)) as events:
            for event in events:
                if isinstance(event, Epoch):
                    send(Message(kind="epoch", epoch=event))
                elif isinstance(event, RunEnd):
                    send(Message(kind="ended"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

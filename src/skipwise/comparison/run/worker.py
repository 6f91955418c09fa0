"""A process that runs what it is told, one run after the other.

    python -m skipwise.comparison.run.worker COMPARISON_FOLDER

A line on standard input is a run, a `Job` as JSON; lines on standard output tell how it goes, each a
`Message` as JSON. SIGTERM ends it after the current step, which is saved. When standard input ends, the process that
started this one is gone, and it stops at once: whatever it was writing is written atomically.
"""

from __future__ import annotations

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
from skipwise.core.files.checksums import read_sealed


@dataclass(frozen=True)
class Message:
    """`ready`: orders are taken now. `epoch`: one more epoch is done, in `seconds`. `ended`: the run's record is
    written. `stop`: nobody can go on."""

    kind: Literal["ready", "epoch", "ended", "stop"]
    epoch: int = 0
    seconds: float = 0.0
    text: str = ""


def main(folder: Path) -> None:
    """Serves runs of the comparison in `folder` until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is waiting for us
    # Told to stop: an exception, so that the run saves where it stands.
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
        send(Message("stop", text=str(error)))
    except _Told:
        status = 128 + signal.SIGTERM
    # At once: the thread above holds standard input, over which the interpreter would stumble on its way out.
    sys.stderr.flush()
    os._exit(status)


class _Told(BaseException):
    """To stop."""


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; who can't wait sends SIGKILL
    raise _Told


def _serve(home: Path, orders: queue.Queue[bytes], send: Callable[[Message], None]) -> None:
    from skipwise.comparison.plan.plan import Job, Plan
    from skipwise.comparison.run.images import in_fold, load_images, weights_of
    from skipwise.core.machine.system import keep_freed_memory
    from skipwise.nets.external import is_external
    from skipwise.training.machine.faults import in_short
    from skipwise.training.run.progress import Epoch
    from skipwise.training.run.runner import execute_run, give_up

    keep_freed_memory()
    images = load_images(home, read_sealed(home / "plan.json", Plan))

    def on_epoch(epoch: Epoch) -> None:
        send(Message("epoch", epoch=epoch.epoch, seconds=epoch.seconds))

    send(Message("ready"))
    while True:
        job = msgspec.json.decode(orders.get(), type=Job)
        spec = job.spec
        try:
            start = weights_of(home, spec)
            execute_run(spec, in_fold(images, spec, home), home / job.folder, on_epoch, init=start)
        except MemoryError as error:
            raise SkipwiseError(
                "There is not enough memory; what was saved is kept. A smaller --batch-size or --img-size needs less, "
                "and so does --workers 1."
            ) from error
        except OSError as error:
            raise SkipwiseError(f"The run {spec.model} with seed {spec.seed} was stopped: {error}.") from error
        except SkipwiseError:
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # the last two are a network's own doing
            if not is_external(spec.model):  # none of ours raises: the compiler, a device, a bug
                raise SkipwiseError(
                    f"{spec.model} stopped ({in_short(error)}); what was saved is kept, and the same command goes on."
                ) from error
            give_up(spec, home / job.folder, error)  # its code's fault: the other runs go on
        send(Message("ended"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

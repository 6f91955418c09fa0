"""Requests to end wait until a step is done, so that what is saved is a state between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, what ends a service or a job, and a terminal that is closed."""
AGAIN = 1.0
"""Seconds after which a second signal is one: a terminal and whatever runs a program there may both send the first."""


@dataclass
class Waiting:
    """The signal that came, if one did."""

    signal: int | None = None
    since: float = 0.0


@contextlib.contextmanager
def deferred_signals() -> Iterator[Waiting]:
    """Keeps a signal back, and says afterwards which one came. A second one is not kept back.

    Only the main thread gets signals; in others this does nothing.
    """
    waiting = Waiting()
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return

    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}

    def note(number: int, _: FrameType | None) -> None:
        if waiting.signal is None:
            waiting.signal, waiting.since = number, time.monotonic()
        elif time.monotonic() - waiting.since > AGAIN:  # whoever sends another one means now
            for each, handler in before.items():
                signal.signal(each, handler)
            signal.raise_signal(number)

    for number in before:
        signal.signal(number, note)
    try:
        yield waiting
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_signal(number: int | None) -> None:
    """Does now what a signal that was kept back would have done."""
    if number is not None:
        signal.raise_signal(number)

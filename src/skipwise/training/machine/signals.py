"""Signals that stop a run take effect after the current step, so that the saved state is one between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Those of Ctrl-C, of a service or job that is stopped, and of a terminal that is closed."""
AGAIN = 1.0
"""Seconds after which another signal counts as a second one. The first may be sent twice: by a terminal, and by the
program that started this one."""


@dataclass
class Waiting:
    """The signal that came, if there was one."""

    signal: int | None = None
    since: float = 0.0


@contextlib.contextmanager
def deferred_signals() -> Iterator[Waiting]:
    """Defers a signal, and says afterwards which one came. A second one takes effect at once.

    Only the main thread gets signals; in other threads this does nothing.
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
        elif time.monotonic() - waiting.since > AGAIN:  # a second signal means: at once
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
    """Lets a deferred signal take effect."""
    if number is not None:
        signal.raise_signal(number)

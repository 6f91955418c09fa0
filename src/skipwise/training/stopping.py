"""Ctrl-C and SIGTERM wait until a step is done, so that what is saved is a state between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Waiting:
    """The signal that came, if one did."""

    signal: int | None = None


@contextlib.contextmanager
def held() -> Iterator[Waiting]:
    """Keeps signals back, and says afterwards which one came. Only the main thread gets any."""
    waiting = Waiting()
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return

    def note(number: int, _: FrameType | None) -> None:
        waiting.signal = number

    before = {number: signal.signal(number, note) for number in SIGNALS if signal.getsignal(number) is not None}
    try:
        yield waiting
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deliver(number: int | None) -> None:
    """Does now what a signal that was kept back would have done."""
    if number is not None:
        signal.raise_signal(number)

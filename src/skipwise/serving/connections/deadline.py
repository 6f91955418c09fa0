"""The process ends in time, whatever is stuck in it.

A thread could not see to that: what is stuck may hold the interpreter, and at the interpreter's end threads do not run
any more, while the libraries of networks still tidy up. The system's own timer needs neither.
"""

from __future__ import annotations

import signal
from typing import Any

_TIMER: Any = getattr(signal, "setitimer", None)
"""Sets a timer; Windows has none."""


def end_within(seconds: float) -> None:
    """Lets the system end this process in so many seconds by SIGALRM, unless `take_time` is called before.

    Args:
        seconds: from now on.
    """
    if _TIMER is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        _TIMER(signal.ITIMER_REAL, seconds)


def take_time() -> None:
    """Takes back what `end_within` said."""
    if _TIMER is not None:
        _TIMER(signal.ITIMER_REAL, 0)

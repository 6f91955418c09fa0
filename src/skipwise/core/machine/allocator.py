"""Memory that was freed, given back to the system."""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Gives back memory that was freed, where the C library keeps some of it.

    glibc keeps up to 64 MB, and more where something small lies behind what was freed. It is a matter of milliseconds,
    and of use where much was freed at once.
    """
    with contextlib.suppress(OSError, TypeError, AttributeError):  # of Windows, macOS, and other C libraries
        ctypes.CDLL(None).malloc_trim(0)

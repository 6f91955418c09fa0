"""A small process waits for the one that works where memory is limited, and says what ended it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

from skipwise.core.machine.memory import address_limit, memory_limit

WORTH_WATCHING = 16 * 2**30
"""Limits above that are rarely met by surprise."""
_NO_THREAD = 127
"""The exit status of glibc where it can't allocate what a thread needs."""
_DIE_WITH_PARENT = 1


def watched(say: Callable[[str], None]) -> None:
    """Goes on in a process of its own, if memory is limited here; this one waits, and exits as that one did.

    What libraries do where an allocation fails (abort, a segmentation fault) and what the kernel does (SIGKILL) leaves
    nobody to say a word otherwise. To be called before there are threads.

    Args:
        say: prints a sentence.
    """
    limits = [limit for limit in (address_limit(), memory_limit()) if limit is not None]
    if not hasattr(os, "fork") or min(limits, default=WORTH_WATCHING) >= WORTH_WATCHING:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    ours = os.getpid()
    child = os.fork()
    if child == 0:
        _die_with(ours)
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: _pass_on(child, number))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, _NO_THREAD):
        what = signal.Signals(-code).name if code < 0 else f"status {code}"
        say(
            f"skipwise: The process was killed ({what}), probably because it ran out of memory, which is limited "
            "here. What was finished is kept. Allow more memory, or use a smaller --img-size or --batch-size."
        )
        code = 2
    os._exit(code if code >= 0 else 128 - code)


def _pass_on(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _die_with(parent: int) -> None:
    """Has the kernel end this process when the one that waits for it is killed."""
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    except (OSError, AttributeError, TypeError):  # not Linux
        return
    if os.getppid() != parent:  # it was, before the kernel was told
        os._exit(128 + signal.SIGKILL)

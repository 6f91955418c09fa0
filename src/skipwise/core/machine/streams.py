"""Standard input, output and error, in whatever state the process was given them.

Daemons and windowed programs start others with some of them closed. The next file that is opened would then take the
place of a closed one, and what is printed would be written into it.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

from skipwise.core.errors import SkipwiseError

_NAMES = ("stdin", "stdout", "stderr")


class Nowhere(io.TextIOWrapper):
    """A replacement for a stream that was closed when the process began."""


def complete() -> None:
    """Opens what is closed onto nothing, and makes sure that any name can be printed, if need be with escapes."""
    for number, name in enumerate(_NAMES):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number and not _is_open(number):
            os.dup2(nowhere, number)  # and so for the processes that this one starts
            os.close(nowhere)
            nowhere = number
        setattr(sys, name, Nowhere(os.fdopen(nowhere, "rb" if name == "stdin" else "wb"), encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where a program or a test put something of its own there
            stream.reconfigure(errors="backslashreplace")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def need_output(mend: str = "leave it open") -> None:
    """Raises SkipwiseError where standard output was closed, for a verb that has nowhere else to put its answer.

    Args:
        mend: how to have the answer.
    """
    if isinstance(sys.stdout, Nowhere):
        raise SkipwiseError(f"Standard output is closed, so there is nowhere to print to; {mend}.")


def let_go() -> None:
    """Brings out what is left to be printed; where that can't be done any more it is dropped, so that Python does not
    complain of it at the end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads it, the disk is full
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)

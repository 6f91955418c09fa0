"""Errors of torch and of external networks, as sentences."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine import devices


@contextlib.contextmanager
def enough_memory() -> Iterator[None]:
    """Turns an out-of-memory error into a SkipwiseError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if devices.is_out_of_memory(error):
            raise SkipwiseError(
                "There is not enough memory; what was saved is kept, and the same command resumes it where there is "
                "more. A new run needs less with a smaller --batch-size or --img-size, and a comparison with --workers "
                "1."
            ) from error
        raise


def in_short(error: BaseException) -> str:
    """The type of an error and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0] or 'no message'}"

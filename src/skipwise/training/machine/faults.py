"""What torch and other people's code raise, as sentences."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine import devices


@contextlib.contextmanager
def enough_memory() -> Iterator[None]:
    """Says in a sentence what torch says of memory it can't get."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if devices.is_out_of_memory(error):
            raise SkipwiseError(
                "There is not enough memory; what was saved is kept, and the same command goes on where there is more. "
                "A new run needs less with a smaller --batch-size or --img-size, a comparison with --workers 1."
            ) from error
        raise


def in_short(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0] or 'no message'}"

"""A check of whether the user asked for a download."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from skipwise.core.errors import SkipwiseError

_asked_for: ContextVar[bool] = ContextVar("_asked_for", default=True)


@contextlib.contextmanager
def nothing_downloaded() -> Iterator[None]:
    """Within it no connection is opened: where only a record says what there is to be had, nobody asked for it."""
    token = _asked_for.set(False)
    try:
        yield
    finally:
        _asked_for.reset(token)


def is_asked_for() -> bool:
    """Returns whether connections may be opened."""
    return _asked_for.get()


def check_asked_for(what: str) -> None:
    """Raises SkipwiseError where something would be downloaded that nobody asked for."""
    if not is_asked_for():
        raise SkipwiseError(f"{what} would have to be downloaded, and only a record names it; name it in the command.")

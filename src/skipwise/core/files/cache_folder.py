"""The folder of the cache, which keeps decoded images and data sets for later use."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import make_folder

CACHE = "SKIPWISE_CACHE"


def cache_folder() -> Path:
    """The folder for decoded images and data sets: $SKIPWISE_CACHE, else one where the system keeps such folders.

    On Linux that is $XDG_CACHE_HOME/skipwise, by default ~/.cache/skipwise.

    Everything in it can be made again, so it may be deleted at any time.

    Raises:
        SkipwiseError: nobody knows where the user's folders are.
    """
    from platformdirs import user_cache_path  # takes a while to import, and not every command looks for images

    chosen = os.environ.get(CACHE)
    try:
        found = Path(chosen).expanduser() if chosen else user_cache_path("skipwise", appauthor=False)
        if str(found).startswith("~"):  # how some versions of platformdirs leave it where there is no home folder
            raise RuntimeError("it is not known")
        return found
    except RuntimeError as error:
        raise SkipwiseError(
            f"There is no home folder here ({str(error).rstrip('.')}); name a folder for decoded images in {CACHE}."
        ) from error


@contextlib.contextmanager
def cache_for_looking() -> Iterator[None]:
    """For what only looks at finished work: a cache for the time being, where the user's own can't be written.

    Processes that are started meanwhile use it too.
    """
    before = os.environ.get(CACHE)
    with contextlib.ExitStack() as stack:
        try:
            make_folder(cache_folder())
        except SkipwiseError:
            with contextlib.suppress(OSError):  # without it, what is in the user's own has to do
                os.environ[CACHE] = stack.enter_context(tempfile.TemporaryDirectory(prefix="skipwise-"))
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(CACHE, None)
            else:
                os.environ[CACHE] = before

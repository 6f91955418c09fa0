"""Images at an address: copied into the cache and opened there, or read where they are if they are shards that no disk
here has room for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from skipwise.core.remote.copies import copied, known, named
from skipwise.core.reporting import Progress
from skipwise.data.containers.shards import is_elsewhere, note_shards
from skipwise.data.names import is_clutter
from skipwise.data.sources.source import Source


def open_address(
    data: str | os.PathLike[str], progress: Progress | None, open_path: Callable[[Path], Source]
) -> Source:
    """Opens images at an address.

    Args:
        data: the address.
        progress: called as progress(what, done, total).
        open_path: opens what lies at a path.

    Raises:
        SkipwiseError: it can't be read, there is no room for a copy, or it holds no labelled images.
    """
    path = copied(data, progress, skip=_is_clutter, elsewhere=note_shards)
    with named(path, known(data)):
        source = open_path(path)
    if is_elsewhere(path):
        remark = "The shards are read where they are, since there is no room for a copy here."
        source = replace(source, reading=f"{source.reading} {remark}")
    return source


def _is_clutter(name: str) -> bool:
    return any(map(is_clutter, name.split("/")))

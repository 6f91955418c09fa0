"""The files below a folder that the user named, always in the same order, whatever links there are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.regular import read_regular
from skipwise.data.containers import DEEPEST
from skipwise.data.names import CLUTTER
from skipwise.data.results_folders import ARTIFACT, golden_images


class Walk:
    """The paths of the files below `root`, relative to it and sorted, each with what is wrong with it or "".

    At any time it holds the names of one folder for each level. Links are followed, to each folder once. Hidden files
    and clutter are left out. A folder that can't be read is listed like a file. Golden images of artifacts are not the
    user's: they are left out, and `golden` counts them by the artifact's folder, once all files were listed.

    Args:
        root: the folder.

    Raises:
        SkipwiseError: `root` itself can't be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.golden: dict[str, int] = {}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.golden.clear()
        seen: set[str] = set()
        golden: dict[str, str] = {}
        waiting = [""]
        while waiting:
            name = waiting.pop()
            if name and not name.endswith("/"):
                if name in golden:
                    self.golden[golden[name]] = self.golden.get(golden[name], 0) + 1
                else:
                    yield name, ""
                continue
            folder = os.path.join(self.root, name)  # noqa: PTH118 - Path would be made for every folder
            real = os.path.realpath(folder)
            if real in seen:  # a link to a folder that was listed already
                continue
            seen.add(real)
            try:
                below = _below(folder, name)
            except OSError as error:
                if not name:
                    raise SkipwiseError(f"Can't read the folder {folder}: {reason_of(error)}.") from error
                yield name.rstrip("/"), reason_of(error).lower()
                continue
            if name + ARTIFACT in below and name:  # where the artifact itself is named, its images are wanted
                golden |= {name + each: name for each in _golden(folder)}
            # Folders' names end in a slash, so that whole paths are in order.
            waiting += sorted(below, reverse=True)


def _below(folder: str, name: str) -> list[str]:
    if name.count("/") > DEEPEST:
        raise OSError(0, f"it is nested in more than {DEEPEST} folders")
    with os.scandir(folder) as entries:
        return [name + each.name + "/" * _is_folder(each) for each in entries if not is_clutter(each.name)]


def _golden(folder: str) -> frozenset[str]:
    try:
        return golden_images(read_regular(os.path.join(folder, ARTIFACT), LARGEST_RECORD))  # noqa: PTH118
    except OSError:
        return frozenset()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Returns whether an entry is a folder. A link to itself counts as a file; reading it gives an error."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_clutter(name: str) -> bool:
    """Returns whether a part of a path is hidden, or something that systems and tools leave behind."""
    return name.startswith(".") or name in CLUTTER

"""The members of a tar archive: files and folders with names that can be used, and no links."""

from __future__ import annotations

import math
import tarfile
from pathlib import Path

from skipwise.data.containers.base import check_depth, check_entry, normalised
from skipwise.data.containers.entries import Entry

_LARGEST_MEMBER = 2**36
"""Bytes of a file that a header may claim; tarfile would read through all of them to the next header."""


def entry_of(member: tarfile.TarInfo) -> Entry:
    """The member as a file of a container."""
    return Entry(normalised(member.name), member.size, int(member.mtime) % 2**63 if math.isfinite(member.mtime) else 0)


def is_file(path: Path | str, member: tarfile.TarInfo, folders: list[str]) -> bool:
    """Returns whether a member is a file; if it is a folder, its name is added to `folders`.

    Raises:
        ReadError: its size is none.
        SkipwiseError: it is a link, or its name leads out of the archive or is too long.
    """
    if not 0 <= member.size <= _LARGEST_MEMBER:
        raise tarfile.ReadError(f"a file of {member.size:,} bytes")
    if member.isdir():
        folders.append(normalised(member.name))
        return False
    check_depth(path, member.name)
    check_entry(path, member.name, is_link=member.issym() or member.islnk())
    return True

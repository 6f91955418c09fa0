"""What libraries stumble over where a process finds little around it: a container without a user, a home, a disk."""

from __future__ import annotations

import getpass
import os
import tempfile

_MEMORY_DISK = "/dev/shm"


def furnish() -> None:
    """Fills in what is missing, before anything is imported that asks for it; goes for processes started later too.

    The user's own settings are kept. Where there is nothing to be had, what needs it fails by itself, and says so.
    """
    if os.environ.get("HOME") == "":  # which libraries take for the root of all folders
        del os.environ["HOME"]
    _name_the_user()
    _find_a_folder_for_temporary_files()


def _name_the_user() -> None:
    """torch asks who it is, and a container's user need have no name."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = str(os.getuid())


def _find_a_folder_for_temporary_files() -> None:
    """Libraries ask where that is when they are imported, though few of them ever write there."""
    try:
        tempfile.gettempdir()
    except OSError:
        if _can_be_written(_MEMORY_DISK):
            os.environ["TMPDIR"] = tempfile.tempdir = _MEMORY_DISK
        else:
            tempfile.tempdir = os.environ.get("TMPDIR") or "/tmp"


def _can_be_written(folder: str) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False

"""Settings for processes in a bare environment: a container without a user, a home or a disk."""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path

from skipwise.core.errors import SkipwiseError

_MEMORY_DISK = "/dev/shm"
PATIENCE = {"GOMP_SPINCOUNT": "10000"}
"""A thread checks this many times whether the others are done before it gives up its core: a fraction of a
millisecond. torch's own 300,000 is as quick on an idle machine, and makes a step beside other programs 1.3 to 1.9
times as long (benchmarks/waiting.py). It has to be in the environment before torch is imported."""


def furnish() -> None:
    """Fills in what is missing, before anything is imported that asks for it; goes for processes started later too.

    The user's own settings are kept. Where there is nothing to be had, what needs it fails by itself, and says so.

    Raises:
        SkipwiseError: the current folder was removed, without which no path means anything.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise SkipwiseError(
            f"The current folder can't be used ({error.strerror}); change to another one (cd), and give the command "
            "again."
        ) from error
    if os.environ.get("HOME") == "":  # which libraries take for the root of all folders
        del os.environ["HOME"]
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    # Read when torch is imported: the CPU does what torch can't do on Apple's GPUs (see devices.falling_back).
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    _name_the_user()
    _find_a_folder_for_temporary_files()


def mend(error: OSError) -> str:
    """Returns what to do about an error that is about the folder for temporary files; "" for other errors."""
    named = error.filename
    if isinstance(named, str) and tempfile.tempdir is not None and Path(named).parent == Path(tempfile.tempdir):
        return "; if it is for temporary files, name another folder for them in TMPDIR"
    return ""


def _name_the_user() -> None:
    """torch asks who it is, and a container's user need have no name."""
    try:
        getpass.getuser()
    except (ImportError, KeyError, OSError):  # the first on Windows
        os.environ["USER"] = str(os.getuid()) if hasattr(os, "getuid") else "nobody"


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

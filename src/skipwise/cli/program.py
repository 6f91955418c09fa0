"""The program as the user called it, for commands that can be pasted."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from skipwise.core.text import command


def as_typed(following: str) -> str:
    """Returns a command of Skipwise's with the program as it was called, so that it runs when it is pasted."""
    program, separator, rest = following.partition(" ")
    return command(*program_of(sys.argv)) + separator + rest if program == "skipwise" else following


def program_of(typed: Sequence[str]) -> list[str]:
    """Returns the words that call the program."""
    if Path(typed[0]).parts[-2:] == ("skipwise", "__main__.py"):
        return [_short(sys.executable), "-m", "skipwise"]
    # A virtual environment that is not activated has the program, but not on the path.
    called = Path(typed[0]).stem == "skipwise" and not shutil.which("skipwise")
    return [_short(typed[0])] if called else ["skipwise"]


def _short(path: str) -> str:
    """A program's path as one would type it from here."""
    return min(path, os.path.relpath(path), key=len)

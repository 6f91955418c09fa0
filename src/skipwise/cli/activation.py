"""The command that puts `skipwise` on the path, where it is called by the path of its environment."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ACTIVATE = {"fish": "activate.fish", "csh": "activate.csh", "tcsh": "activate.csh"}
"""The files of an environment for other shells than sh and its kind."""


def how_to_activate() -> str | None:
    """Returns the command that activates this environment; None where it is active, or is none.

    Example:
        >>> how_to_activate() is None or "activate" in how_to_activate()
        True
    """
    if sys.prefix == sys.base_prefix or shutil.which("skipwise") is not None:
        return None
    if os.name == "nt":
        return _short(Path(sys.prefix) / "Scripts" / "activate")
    shell = Path(os.environ.get("SHELL", "sh")).name
    return f"source {_short(Path(sys.prefix) / 'bin' / ACTIVATE.get(shell, 'activate'))}"


def advice() -> str | None:
    """Returns a sentence for the end of the help; None where there is nothing to be said."""
    command = how_to_activate()
    # typer leaves the lines of a paragraph as they are behind this sign.
    return None if command is None else f"\b\nTo type skipwise without its path:\n  {command}"


def _short(path: Path) -> str:
    """The path as one would type it from here."""
    try:
        return min(str(path), os.path.relpath(path), key=len)
    except (OSError, ValueError):  # another drive, or a working folder that is gone
        return str(path)

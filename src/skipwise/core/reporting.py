"""The type of functions that are told how far some work is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as progress(what is being done, how much of it is done, of how much)."""

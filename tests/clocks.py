"""Clocks that are off, for tests: Debian's libfaketime."""

from __future__ import annotations

from pathlib import Path

PACKAGE = "libfaketime"
AHEAD = {
    "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), "")),
    "FAKETIME": "+1h",
    "NO_FAKE_STAT": "1",  # times of files are those of the disk
    "DONT_FAKE_MONOTONIC": "1",
}
"""Variables of a process whose clock is an hour ahead; LD_PRELOAD is empty where the package is not installed."""

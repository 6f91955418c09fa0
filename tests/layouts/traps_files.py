"""Picture formats that are not read, alone and beside a file that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.folders import INSECTS
from tests.layouts.pictures import classes, put

BYTES: Mapping[str, bytes] = {
    "CR2": b"II*\0\x10\0\0\0CR\2\0",
    "NEF": b"MM\0*\0\0\0\x08Nikon",
    "ARW": b"II*\0\x08\0\0\0SONY",
    "DNG": b"II*\0\x08\0\0\0DNG",
    "psd": b"8BPS\0\1",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "jxl": b"\xff\x0a\0",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "dcm": b"\0" * 128 + b"DICM",
}
"""What such files begin with."""


def _beside(suffix: str) -> Callable[[Path], Path]:
    """As cameras store them: each picture as a JPEG and once more."""

    def build(root: Path) -> Path:
        data = classes(root / "d", INSECTS, "IMG_{number:04}.JPG")
        for label in ("ant", "bee"):
            for number in range(1, 4):
                put(data / label / f"IMG_{number:04}.{suffix}", BYTES[suffix])
        return data

    return build


def _alone(suffix: str, *, mixed: bool) -> Callable[[Path], Path]:
    """A class whose pictures, all or most, are of a format that is not read."""

    def build(root: Path) -> Path:
        data = classes(root / "d", INSECTS if mixed else {"ant": 6, "bee": 5})
        for number in range(50, 57):
            put(data / "wasp" / f"IMG_{number}.{suffix}", BYTES[suffix])
        return data

    return build


_SKIP: Mapping[str, Any] = {"skip_unread_formats": True}

CASES = (
    *(
        Case(
            name=f"{suffix.lower()}-beside-jpeg",
            build=_beside(suffix),
            expected=Reads(classes=INSECTS, splits=None, left_out=6, says=(f"{suffix}|raw|format",)),
        )
        for suffix in ("CR2", "NEF", "ARW", "DNG", "psd", "svg")
    ),
    *(
        Case(
            name=f"{suffix.lower()}-{'in-a-class' if mixed else 'a-whole-class'}",
            build=_alone(suffix, mixed=mixed),
            expected=Refuses(says=(suffix, "wasp", r"\b7\b", "--skip-unread-formats")),
        )
        for suffix in ("CR2", "dcm", "jxl", "psd")
        for mixed in (True, False)
    ),
    Case(
        name="cr2-skipped",
        build=_alone("CR2", mixed=True),
        expected=Reads(classes=INSECTS, splits=None, left_out=7),
        options=_SKIP,
    ),
    Case(
        name="cr2-skipped-a-whole-class",
        build=_alone("CR2", mixed=False),
        expected=Reads(classes={"ant": 6, "bee": 5}, splits=None, says=("wasp",), or_refused=("wasp",)),
        options=_SKIP,
    ),
    Case(
        name="heic",
        build=_alone("HEIC", mixed=True),
        # Read where pillow-heif is installed: that these are damaged is seen when they are decoded.
        expected=Reads(classes={**INSECTS, "wasp": 11}, splits=None, or_refused=("heic", r"skipwise\[formats\]|heif")),
    ),
)

"""Bytes of any file."""

from __future__ import annotations

from pathlib import Path
from random import Random

PICTURES = frozenset(".jpg .jpeg .png .bmp .gif .tif .tiff .ppm .webp .cr2 .dcm .psd .jxl .heic .nef .arw .dng".split())
LARGEST = 2**20
"""Bytes of a file that is changed; some changes make files many times as large."""


def files(root: Path, *suffixes: str) -> list[Path]:
    """The files that are not too large already, of some kinds."""
    found = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    found = (path for path in found if not suffixes or path.suffix.lower() in suffixes)
    return sorted(path for path in found if path.stat().st_size <= LARGEST)


def any_bytes(root: Path, rng: Random) -> str:
    """Bytes of any file, rather of one that is no picture."""
    every = files(root)
    others = [file for file in every if file.suffix.lower() not in PICTURES]
    chosen = others if others and rng.random() < 0.9 else every
    if not chosen:
        return ""
    file = rng.choice(chosen)
    file.write_bytes(damaged(file.read_bytes(), rng))
    return f"bytes of {file.name!r}"


def damaged(data: bytes, rng: Random) -> bytes:
    """Bytes with some of them flipped, cut out, doubled, put in or set to what numbers end at."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        size = len(changed)
        where = rng.choice((rng.randint(0, size), min(size, rng.randint(0, 64)), max(0, size - rng.randint(0, 200))))
        length = rng.choice((1, 1, 2, 4, 8, 64, 1000))
        match rng.randrange(7):
            case 0 if where < size:
                changed[where] ^= 1 << rng.randrange(8)
            case 1:
                del changed[where : where + length]
            case 2:
                changed[where:where] = changed[where : where + length]
            case 3:
                changed[where:where] = rng.randbytes(length)
            case 4:
                filler = rng.choice((b"\0", b"\xff", b"\x7f", b" ", b"\n", b'"', b",", b"9"))
                changed[where : where + length] = filler * length
            case 5:
                width = min(length, 8)
                number = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)) % 2 ** (8 * width)
                changed[where : where + width] = number.to_bytes(width, rng.choice(("little", "big")))
            case _ if rng.random() < 0.3:
                del changed[where:]
    return bytes(changed)

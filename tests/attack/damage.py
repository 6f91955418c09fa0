"""Damage that disks, memory and copying do to a file."""

from __future__ import annotations

from random import Random


def damaged(data: bytes, rng: Random) -> tuple[bytes, str]:
    """Bytes that are not the same, and what was done to them."""
    for _ in range(20):
        changed, how = rng.choices((_flip, _swap, _cut, _zeroed, _extended), (12, 2, 3, 2, 1))[0](data, rng)
        if changed != data:
            return changed, how
    return data + b"\0", "a byte more"


def _flip(data: bytes, rng: Random) -> tuple[bytes, str]:
    if not data:
        return data, ""
    # The ends hold headers and directories, which are small beside the rest.
    place = rng.choice(
        (
            rng.randrange(len(data)),
            min(rng.randrange(4096), len(data) - 1),
            len(data) - 1 - rng.randrange(min(4096, len(data))),
        )
    )
    bit = rng.randrange(8)
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed), f"bit {bit} of byte {place} flipped"


def _swap(data: bytes, rng: Random) -> tuple[bytes, str]:
    if len(data) < 2:
        return data, ""
    one, other = rng.randrange(len(data)), rng.randrange(len(data))
    if rng.random() < 0.5:
        other = max(0, one - 1)
    changed = bytearray(data)
    changed[one], changed[other] = changed[other], changed[one]
    return bytes(changed), f"bytes {one} and {other} swapped"


def _cut(data: bytes, rng: Random) -> tuple[bytes, str]:
    size = rng.choice((0, 70, 200, rng.randrange(len(data) + 1), max(0, len(data) - rng.randrange(1, 600))))
    return data[:size], f"cut to {size} bytes"


def _zeroed(data: bytes, rng: Random) -> tuple[bytes, str]:
    block = rng.choice((1, 16, 512, 4096))
    start = rng.randrange(len(data) // block + 1) * block
    changed = bytearray(data)
    length = len(changed[start : start + block])
    changed[start : start + block] = bytes(length)
    return bytes(changed), f"{length} bytes from {start} on are zeros"


def _extended(data: bytes, rng: Random) -> tuple[bytes, str]:
    more = rng.choice((b"\0", b"\n", bytes(512), rng.randbytes(100), data[:4096]))
    return data + more, f"{len(more)} bytes more"

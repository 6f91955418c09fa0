"""The memory that reading JSON takes, estimated before it is read: `[],` has three bytes, and a list takes eighty."""

from __future__ import annotations

from skipwise.core.text import byte_size

MOST_MEMORY = 2**29
"""Bytes that a record of ours may take, by an estimate. The largest, of an audit of a million images of which each is
flagged, takes as many; others take a tenth."""
_LIST, _DICT, _KEY, _VALUE = 100, 250, 60, 90
"""Bytes of memory, at most, of each with its place in another. Most values take half as much."""


def memory_of_structure(content: bytes | str) -> int:
    """Bytes of memory that a document's lists, dictionaries and values take at most once it is read."""
    if isinstance(content, str):
        found = [content.count(each) for each in "[{:,"]
    else:
        found = [content.count(each) for each in (b"[", b"{", b":", b",")]
    return sum(number * cost for number, cost in zip(found, (_LIST, _DICT, _KEY, _VALUE), strict=True))


def check_json(content: bytes) -> None:
    """Raises ValueError for a record that could take more memory than one of ours once it is read."""
    plain = content.isascii() and b"\\u" not in content
    # One character that needs four bytes makes all of a text that wide, and it is there several times for a moment.
    found = memory_of_structure(content) + len(content) * (1 if plain else 16)
    if found > MOST_MEMORY:
        raise ValueError(
            f"reading it could take {byte_size(found)} of memory, at most {byte_size(MOST_MEMORY)} are given"
        )

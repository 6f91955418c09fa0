"""Counts and lists for sentences."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> count(1, "image"), count(2060, "image"), count(3, "class")
        ('1 image', '2,060 images', '3 classes')
    """
    plural = f"{noun}es" if noun.endswith(("s", "x", "ch")) else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"

"""What differs between two records, by what is declared beside their fields."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from skipwise.core.differences import IGNORED, WITHIN, compared, difference


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 0.1
    note: str = field(default="", metadata=IGNORED)


def _sizes(ours: Outer, theirs: Outer) -> str:
    return f"sizes are {theirs.sizes} and {ours.sizes}" if len(ours.sizes) == len(theirs.sizes) else ""


@dataclass(frozen=True, kw_only=True)
class Outer:
    seed: int = 0
    inner: Inner = field(default=Inner(), metadata=WITHIN)
    code: str = field(default="a", metadata=compared("the code changed"))
    name: str = field(default="x", metadata=compared(by=str.lower))
    sizes: tuple[int, ...] = field(default=(1,), metadata=compared(_sizes))
    images: str = field(default="i", metadata=compared("the images differ", first=True))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"code": "b"}, "the code changed"),
        ({"name": "X"}, ""),
        ({"name": "y"}, "name is x there and y here"),
        ({"inner": Inner(note="other")}, ""),
        ({"inner": Inner(rate=0.2, note="other")}, "rate is 0.1 there and 0.2 here"),
        ({"sizes": (2,)}, "sizes are (1,) and (2,)"),
        ({"sizes": (1, 2)}, "sizes is 1 there and 1, 2 here"),  # nothing was said
        ({"seed": 1, "code": "b"}, "seed is 0 there and 1 here"),
        ({"seed": 1, "images": "j"}, "the images differ"),
    ],
)
def test_the_first_difference_is_told_as_declared(change: dict[str, object], told: str) -> None:
    assert difference(replace(Outer(), **change), Outer()) == told

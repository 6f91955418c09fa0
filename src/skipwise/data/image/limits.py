"""The limit on the number of pixels of an image."""

from __future__ import annotations

import functools
import os
import re

from skipwise.core.errors import SkipwiseError

VARIABLE = "SKIPWISE_MAX_PIXELS"
"""The environment variable that sets another limit."""
MOST_PIXELS = 64_000_000
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:e[0-9]{1,2})?)\s*([kmg]?)", re.IGNORECASE | re.ASCII)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def most_pixels() -> int:
    """The most pixels of an image that is decoded. A few kilobytes can claim gigabytes of pixels.

    Raises:
        SkipwiseError: the environment variable SKIPWISE_MAX_PIXELS is not a number of pixels.
    """
    return _parsed(os.environ.get(VARIABLE, ""))


@functools.lru_cache(8)
def _parsed(text: str) -> int:
    if not text.strip():
        return MOST_PIXELS
    found = _NUMBER.fullmatch(text.strip().replace("_", ""))
    pixels = round(float(found[1]) * _FACTORS[found[2].lower()]) if found is not None else 0
    if not 1 <= pixels <= 10**15:
        raise SkipwiseError(
            f"The environment variable {VARIABLE} is {text[:40]!r}; it takes the most pixels that an image may have, "
            "a whole number above 0 such as 64000000, 1e9 or 100M."
        )
    return pixels

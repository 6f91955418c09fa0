"""Ways to damage a data set: each is a function of (folder, random numbers) that changes files and says what it did.

It says "" where the folder has nothing of the kind that it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.mutations.archives import headers, packed_bytes
from tests.mutations.arrays import odd_arrays
from tests.mutations.contents import any_bytes
from tests.mutations.kinds import another_kind
from tests.mutations.places import odd_name, packed, structure
from tests.mutations.texts import any_text

Change = Callable[[Path, Random], str]
CHANGES: tuple[tuple[int, Change], ...] = (
    (5, any_bytes),
    (3, packed_bytes),
    (8, any_text),
    (4, another_kind),
    (4, odd_arrays),
    (4, odd_name),
    (4, headers),
    (5, structure),
    (2, packed),
)
"""Every mutation with how often it comes."""

__all__ = ["CHANGES", "Change"]

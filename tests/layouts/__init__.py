"""Layouts in which people keep image classification data, each with what has to be understood of it.

Every case makes its files out of nothing, from tiny real images. `tests/test_layouts.py` reads them all.
"""

from __future__ import annotations

from tests.layouts import archives, arrays, folders, kaggle, tables
from tests.layouts.cases import Asks, Case, Reads, Refuses

CASES: tuple[Case, ...] = (
    *folders.CASES,
    *tables.CASES,
    *kaggle.CASES,
    *arrays.CASES,
    *archives.CASES,
)

__all__ = ["CASES", "Asks", "Case", "Reads", "Refuses"]

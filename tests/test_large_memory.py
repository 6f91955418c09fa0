"""The memory that a long list of images takes: hardly more for a million images than for fifty thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.large_sets import memory_of, per_image


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "most"), [("parquet", 1_000_000), ("tar", 1_000_000), ("folders", 200_000)])
def test_memory_is_all_but_flat(kind: str, most: int, tmp_path: Path) -> None:
    fewest = 50_000  # below 32,768 all thumbnails are in memory, so that more images would look like fewer bytes
    grown = per_image(fewest, most, memory_of(kind, fewest, tmp_path), memory_of(kind, most, tmp_path))
    assert grown["listed"] < 30
    assert grown["read"] < 30
    assert grown["most_listing"] < 250  # the archive's files are in another order than their names
    assert grown["most_reading"] < 250

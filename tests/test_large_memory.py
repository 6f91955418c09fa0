"""The memory that a long list of images takes: so many bytes for each name, and nothing that grows faster."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.large_sets import make_parquet, make_tar, memory


@pytest.mark.slow
@pytest.mark.parametrize(("make", "suffix"), [(make_parquet, "parquet"), (make_tar, "tar")])
def test_memory_is_that_of_the_names(make: object, suffix: str, tmp_path: Path) -> None:
    sizes, resident, peak = (10_000, 100_000, 1_000_000), [], []
    for images in sizes:
        path = tmp_path / f"{images}.{suffix}"
        make(path, images)  # type: ignore[operator]
        now, most = memory(path)
        path.unlink()
        resident.append(now)
        peak.append(most)
    assert (resident[2] - resident[0]) / (sizes[2] - sizes[0]) < 320  # measured: 220 and 260
    assert (peak[2] - peak[0]) / (sizes[2] - sizes[0]) < 700  # measured: 370 and 530
    assert peak[2] < 700 * 2**20

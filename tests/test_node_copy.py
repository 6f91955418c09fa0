"""The copy of decoded pixels on a machine's own disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from skipwise.data.cache import node_copy
from skipwise.data.cache.node_copy import open_near
from skipwise.data.cache.rows import RowWriter

ROWS = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
EVERY = np.arange(len(ROWS))


def remake(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    return ROWS[numbers]


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pixels in a cache that machines share, and a folder on this machine's disk."""
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "shared"))
    monkeypatch.setenv("SKIPWISE_NODE_CACHE", str(tmp_path / "node"))
    monkeypatch.setattr(node_copy, "_PIECE", 1000)
    (tmp_path / "shared").mkdir()
    writer = RowWriter(tmp_path / "shared/rows.npy", ROWS.shape)
    writer.begin()
    writer.write(range(len(ROWS)), [row.tobytes() for row in ROWS])
    path = tmp_path / "shared/pixels/0f.npy"
    writer.finish(path, remake)
    writer.close()
    return path


def opened(path: Path) -> Path:
    found = open_near(path, remake)
    assert found is not None
    assert (found[EVERY] == ROWS).all()
    return found.path


def test_pixels_are_copied_once_and_read_here(pack: Path, tmp_path: Path) -> None:
    near = tmp_path / "node/pixels/0f.npy"
    assert opened(pack) == near
    before = near.stat().st_mtime_ns
    pack.unlink()
    assert opened(pack) == near
    assert near.stat().st_mtime_ns == before


def test_a_copy_is_gone_on_with_and_one_that_is_damaged_is_not_used(pack: Path, tmp_path: Path) -> None:
    part, near = tmp_path / "node/pixels/.0f.npy.part", tmp_path / "node/pixels/0f.npy"
    part.parent.mkdir(parents=True)
    part.write_bytes(pack.read_bytes()[:4321])
    assert opened(pack) == near
    assert near.read_bytes() == pack.read_bytes()
    near.write_bytes(near.read_bytes()[:-40])
    assert opened(pack) == near  # copied again
    near.unlink()
    part.write_bytes(bytes(4321))  # a copy of it can't be whole
    assert opened(pack) == pack
    assert opened(pack) == near


def test_without_room_it_is_read_where_it_is(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_copy, "FREE_SHARE", 1.0)
    assert opened(pack) == pack
    monkeypatch.delenv("SKIPWISE_NODE_CACHE")
    assert opened(pack) == pack

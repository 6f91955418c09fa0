"""Data sets by the names that torchvision and Hugging Face give them: found on disk, and said where they are not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources.named.torchvision_sets import SETS


def pictures(root: Path, names: dict[str, int]) -> None:
    """So many tiny images in each folder."""
    rng = np.random.default_rng(0)
    for folder, count in names.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(root / folder / f"{number}.jpg")


def test_a_set_of_torchvision_is_read_from_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DTD as it is published: lists of each split beside class folders."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "data" / "dtd" / "dtd"
    pictures(root / "images", {"banded": 6, "dotted": 6})
    (root / "labels").mkdir()
    for part, numbers in (("train", (0, 1, 2)), ("val", (3,)), ("test", (4, 5))):
        lines = [f"{name}/{number}.jpg\n" for name in ("banded", "dotted") for number in numbers]
        (root / "labels" / f"{part}1.txt").write_text("".join(lines))
    source = skipwise.open_images("torchvision:DTD")
    assert repr(source).startswith("Read as torchvision's DTD (12 images, 2 classes); split as train 6, val 2, test 4")
    assert source.classes == ("banded", "dotted")
    assert source.ids[0] == "banded/0.jpg"
    assert scan_images(source).faults == {}


def test_a_set_of_torchvision_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    class Fake:
        def __init__(self, root: Path, split: str, download: bool = False) -> None:
            if not (Path(root) / "here").exists():
                raise RuntimeError("Dataset not found" if not download else "<urlopen error no network>")
            count = 8 if split == "train" else 4
            self.data = np.zeros((count, 3, 16, 16), np.uint8)
            self.labels = np.arange(count) % 2

    monkeypatch.setattr(datasets, "SVHN", Fake)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(skipwise.SkipwiseError, match=r"SVHN can't be downloaded \(<urlopen error no network>\)"):
        skipwise.open_images("torchvision:SVHN")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "here").touch()
    source = skipwise.open_images("torchvision:SVHN")
    assert source.pixels is not None
    assert source.pixels.shape == (12, 16, 16, 3)
    assert (source.splits or ()).count("test") == 4


def test_every_set_of_torchvision_in_the_table_exists() -> None:
    from torchvision import datasets

    assert [name for name in SETS if not hasattr(datasets, name)] == []
    with pytest.raises(skipwise.SkipwiseError, match="did you mean 'Flowers102'"):
        skipwise.open_images("torchvision:Flowers")


def test_a_set_of_hugging_face_is_loaded_by_its_own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "set", {f"{split}/{name}": 4 for split in ("train", "test") for name in ("cat", "dog")})
    source = skipwise.open_images("huggingface:./set")
    assert repr(source).startswith("Read as 2 Parquet files (16 images by 'image', 2 classes by 'label': 'cat', 'dog')")
    assert (source.splits or ()).count("test") == 8
    assert scan_images(source).faults == {}
    assert skipwise.open_images("huggingface:./set").ids == source.ids


def test_without_the_library_a_sentence_has_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("datasets", "pyarrow", "openpyxl"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(skipwise.SkipwiseError, match=r"needs datasets.*pip install 'skipwise\[formats\]'"):
        skipwise.open_images("huggingface:owner/name")

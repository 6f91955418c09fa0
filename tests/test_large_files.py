"""Files that would take far more memory than they have bytes: refused before they are read."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_limits import MOST_MEMORY as MOST_JSON
from skipwise.core.files.json_limits import memory_of_structure
from skipwise.core.files.zip_directory import LARGEST_DIRECTORY, MOST_FILES
from skipwise.data.sources.unpacking import check_text
from skipwise.training.folder.predictions import Predictions, read_predictions, write_predictions
from tests.conftest import make_photos
from tests.test_bombs import MOST_MEMORY, audited

IDS, LABELS, LOGITS = np.array(["a.png", "bb.png"]), np.array([0, 1]), np.zeros((2, 3), np.float32)


def npy(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """An array's file; where `shape` is given, it claims that."""
    file = io.BytesIO()
    about = np.lib.format.header_data_from_array_1_0(array) | {"shape": shape or array.shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue() + array.tobytes()


def stored(path: Path, how: int = zipfile.ZIP_STORED, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(f"test_{name}.npy", data)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    empty = Predictions(IDS[:0], LABELS[:0], LOGITS[:0])
    write_predictions(tmp_path, {"test": Predictions(IDS, LABELS, LOGITS), "val": empty})
    found = read_predictions(tmp_path, "test")
    assert (found.ids.tolist(), found.labels.tolist()) == (IDS.tolist(), LABELS.tolist())
    assert found.logits.dtype == np.float32
    assert read_predictions(tmp_path, "val").logits.shape == (0, 3)


@pytest.mark.parametrize(
    ("how", "changed"),
    [
        pytest.param(zipfile.ZIP_DEFLATED, {"logits": npy(np.zeros((2, 10**6), np.float32))}, id="packed"),
        pytest.param(zipfile.ZIP_STORED, {"logits": npy(LOGITS, (2, 3 * 10**9))}, id="claims more"),
        pytest.param(zipfile.ZIP_STORED, {"logits": npy(np.zeros((3, 3), np.float32))}, id="more images"),
        pytest.param(zipfile.ZIP_STORED, {"logits": npy(np.zeros(2, np.float32))}, id="flat"),
        pytest.param(zipfile.ZIP_STORED, {"labels": npy(np.zeros((2, 2), np.int64))}, id="deep"),
        pytest.param(zipfile.ZIP_STORED, {"labels": npy(np.array([0.0, 1.0]))}, id="no labels"),
        pytest.param(zipfile.ZIP_STORED, {"logits": npy(np.zeros((2, 3), np.complex64))}, id="no logits"),
        pytest.param(zipfile.ZIP_STORED, {"ids": npy(np.array(["a", "b" * 5000]))}, id="long ids"),
        pytest.param(zipfile.ZIP_STORED, {"ids": npy(np.array([b"a", b"b"]))}, id="no ids"),
        pytest.param(zipfile.ZIP_STORED, {"ids": b""}, id="empty"),
    ],
)
def test_predictions_of_another_form_are_damaged(how: int, changed: dict[str, bytes], tmp_path: Path) -> None:
    whole = {"ids": npy(IDS), "labels": npy(LABELS), "logits": npy(LOGITS)}
    stored(tmp_path / "predictions.npz", **whole)
    assert read_predictions(tmp_path, "test").labels.tolist() == [0, 1]
    stored(tmp_path / "predictions.npz", how, **{**whole, **changed})
    with pytest.raises(SkipwiseError, match=r"predictions\.npz is damaged"):
        read_predictions(tmp_path, "test")


def directory(path: Path, entries: bytes, count: int) -> Path:
    """A zip archive of nothing but its directory."""
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(entries), 0)
    end64 += struct.pack("<4sLQL", b"PK\6\7", 0, len(entries), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    path.write_bytes(entries + end64 + end)
    return path


def entry(name: bytes) -> bytes:
    return struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, len(name), *[0] * 6) + name


@pytest.mark.parametrize(
    ("name", "count"), [(b"", MOST_FILES + 1), (b"n" * 60_000, LARGEST_DIRECTORY // 60_000 + 1)], ids=["files", "names"]
)
def test_a_directory_of_an_archive_that_is_too_large_is_not_read(name: bytes, count: int, tmp_path: Path) -> None:
    data = directory(tmp_path / "data.zip", entry(name) * count, count)
    status, most, said = audited(data, tmp_path)
    assert status == 2, said
    assert "data.zip holds" in said
    assert "unpack it and give the folder" in said
    assert most < MOST_MEMORY // 2


CONTENTS = {
    "lists": "[],",
    "deeper lists": "[[]],",
    "dictionaries": "{},",
    "keys": '{"":1},',
    "numbers": "1000,",
    "texts": '"\u0100",',
    "wide texts": '"\U0001f600",',
    "long texts": f'"{"a" * 1000}\U0001f600",',
}
READ = """
import resource, sys
from pathlib import Path
from skipwise.core.errors import Damaged
from skipwise.training.folder.record import read_run
try:
    read_run(Path(sys.argv[1]))
except Damaged as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, error)
"""


def read_of(thousand: bytes) -> float:
    """How many pieces a record may have, of which a thousand are given."""
    text = len(thousand) * (1 if thousand.isascii() else 16)
    return 1000 * MOST_JSON / (memory_of_structure(thousand) + text)


@pytest.mark.slow
@pytest.mark.parametrize("content", CONTENTS)
def test_whatever_is_in_a_record_it_takes_so_much_memory_and_no_more(content: str, tmp_path: Path) -> None:
    """Of the largest size that is still read, and of one that is not."""
    piece, path = CONTENTS[content], tmp_path / "run.json"
    one = (piece * 1000).encode()
    for share in (0.99, 1.01):
        path.write_text('{"files": {}, "x": [' + piece * int(share * read_of(one)) + "0]}", encoding="utf-8")
        result = subprocess.run([sys.executable, "-c", READ, tmp_path], capture_output=True, text=True, check=True)
        most, said = result.stdout.split(maxsplit=1)
        assert "is damaged" in said
        assert ("reading it could take" in said) is (share > 1)
        assert int(most) < MOST_MEMORY


def annotations(number: int) -> str:
    """As in COCO's files of people: outlines, boxes, and points of which most are not seen."""
    outline = ",".join(["239.97", "260.24"] * 20)
    points = ",".join(["0", "0", "0"] * 10 + ["142", "309", "1"] * 7)
    one = (
        f'{{"segmentation": [[{outline}]],"num_keypoints": 7,"area": 2765.14865,"iscrowd": 0,"keypoints": [{points}],'
        '"image_id": 558840,"bbox": [199.84,200.46,77.71,70.88],"category_id": 58,"id": 156}'
    )
    images = '{"license": 3,"file_name": "000000391895.jpg","coco_url": "http://images.cocodataset.org/1.jpg","id": 39}'
    return f'{{"images": [{images}],"annotations": [{",".join([one] * number)}],"categories": []}}'


def test_annotations_are_read_whatever_their_size_and_what_only_fills_memory_is_not() -> None:
    check_text("people.json", annotations(100_000))
    check_text("small.json", "[" + "[]," * 10**6 + "[]]")
    with pytest.raises(SkipwiseError, match=r"large\.json is too complex to be read"):
        check_text("large.json", "[" + "[]," * 10**7 + "[]]")


@pytest.mark.slow
@pytest.mark.parametrize("content", ["lists", "deeper lists", "dictionaries", "keys"])
@pytest.mark.parametrize("size", [6, 99])
def test_a_list_of_images_that_only_fills_memory_does_not(size: int, content: str, tmp_path: Path) -> None:
    make_photos(tmp_path / "data", per_class=3)
    piece = CONTENTS[content]
    (tmp_path / "data" / "list.json").write_text("[" + piece * ((size << 20) // len(piece)) + "[]]")
    for data in (tmp_path / "data", tmp_path / "data" / "list.json"):
        _, most, said = audited(data, tmp_path / data.stem)
        assert "Traceback" not in said
        assert most < MOST_MEMORY
    assert ("too complex to be read" in said) is (size > 6)

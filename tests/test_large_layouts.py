"""A million files, archives of 20 GB and gigabytes of Parquet are recognised in seconds, in flat memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.layouts import large

OPEN = """
import json, os, pathlib, re, sys, tarfile, time, zipfile
import skipwise

def bare(path):
    '''The least that anybody who reads this has to do.'''
    if os.path.isdir(path):
        for folder, _, names in os.walk(path):
            for name in names:
                os.stat(os.path.join(folder, name))
    elif path.endswith('.zip'):
        zipfile.ZipFile(path).close()
    else:
        tarfile.open(path).getmembers()

start = time.perf_counter()
source = skipwise.open_images(sys.argv[1])
took = time.perf_counter() - start
# getrusage would say the peak of the process that started this one, where that was larger.
status = pathlib.Path('/proc/self/status').read_text()
peak = int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1]) / 1024
start = time.perf_counter()
bare(sys.argv[1])
least = time.perf_counter() - start
splits = {split: source.splits.count(split) for split in set(source.splits)} if source.splits else None
answer = {'took': took, 'least': least, 'peak_mib': peak, 'classes': len(source.classes), 'splits': splits}
print(json.dumps(answer | {'images': len(source.ids)}))
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder whose contents are removed at once, not when pytest likes."""
    yield tmp_path
    for found in tmp_path.iterdir():
        shutil.rmtree(found) if found.is_dir() else found.unlink()


def test_small_ones_of_the_same_make_are_sound(place: Path) -> None:
    file = large.large_zip(place, count=20, size=100_000)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 20
    with tarfile.open(large.large_tar(place, count=20, size=100_000)) as archive:
        assert [member.size for member in archive] == [100_000] * 20
    folder = large.million_files(place, classes=3, train=4, test=2)
    assert len(list(folder.rglob("*.jpg"))) == 18


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "images", "classes", "splits"),
    [
        (large.million_files, 1_000_000, 1000, {"train": 900_000, "test": 100_000}),
        (large.large_zip, 10_000, 20, {"train": 9000, "test": 1000}),
        (large.large_tar, 10_000, 20, {"train": 9000, "test": 1000}),
        (large.large_parquet, 1500, 20, None),
    ],
    ids=["folder", "zip", "tar", "parquet"],
)
def test_recognised_in_seconds_and_in_flat_memory(
    build: Callable[[Path], Path], images: int, classes: int, splits: dict[str, int] | None, place: Path
) -> None:
    data = build(place)
    done = subprocess.run([sys.executable, "-c", OPEN, str(data)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["images"], seen["classes"], seen["splits"]) == (images, classes, splits)
    assert seen["peak_mib"] < 1024, seen
    # Against a bare listing by the same machine in the same minute: seconds mean nothing elsewhere.
    assert seen["took"] < 10 * seen["least"] + 5, seen

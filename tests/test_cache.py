"""The cache may be damaged in any way at any moment, and nothing that is computed from it changes."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.data.cache import rows
from skipwise.data.cache.files import keep, kept
from skipwise.data.prepare import Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from tests.conftest import make_photos
from tests.test_sources import tarred, zipped

SIDE = 16


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is empty."""
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def arrays(to: Path) -> Path:
    """A set in one file of arrays, two of whose images are the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
    pixels[1] = pixels[0]
    np.savez(to.with_suffix(".npz"), images=pixels, labels=np.arange(40) % 2)
    return to.with_suffix(".npz")


def photos(to: Path) -> Path:
    """A folder of photographs with a copy, and one that can't be read."""
    make_photos(to)
    shutil.copy(to / "stripes0" / "000.png", to / "stripes0" / "copy.png")
    return to


def grey_16(to: Path) -> Path:
    """A folder of grey images of 16 bits."""
    rng = np.random.default_rng(0)
    for label, number in itertools.product("ab", range(20)):
        (to / label).mkdir(parents=True, exist_ok=True)
        values = rng.integers(0, 4096, (20, 20)).astype(np.uint16)
        Image.fromarray(values).save(to / label / f"{number:02d}.png")
    return to


DATA: dict[str, Callable[[Path], Path]] = {
    "arrays": arrays,
    "folder": photos,
    "zip": lambda to: zipped(photos(to), to.with_suffix(".zip")),
    "tgz": lambda to: tarred(photos(to), to.with_suffix(".tgz")),
    "grey": grey_16,
}


def learnt(data: Path) -> list[bytes]:
    """All that training, or an audit, gets to see of the images."""
    prepared = prepare(Request(data=str(data)), seed=0)
    square = PixelFormat(size=SIDE, channels=prepared.channels, levels=prepared.scan.levels)
    numbers = np.arange(len(prepared.source.ids))
    return [
        prepared.fingerprint.encode(),
        prepared.audit.pairs.tobytes(),
        repr(prepared.audit.findings).encode(),
        repr(prepared.scan.faults).encode(),
        prepared.scan.thumbnails[numbers].tobytes(),
        prepared.images(square, packed=True).pixels[numbers].tobytes(),
    ]


def flip(path: Path, rng: np.random.Generator) -> None:
    """Turns one bit over."""
    data = bytearray(path.read_bytes())
    if data:
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    path.write_bytes(data)


def cut(path: Path, rng: np.random.Generator) -> None:
    """Leaves the beginning."""
    os.truncate(path, rng.integers(path.stat().st_size + 1))


def lengthen(path: Path, rng: np.random.Generator) -> None:
    """Adds something at the end."""
    path.write_bytes(path.read_bytes() + rng.bytes(rng.integers(1, 100)))


def exchange(path: Path, rng: np.random.Generator) -> None:
    """Puts another file of the cache in its place."""
    others = [other for other in sorted(cache_folder().rglob("*")) if other.is_file() and other != path]
    path.write_bytes(others[rng.integers(len(others))].read_bytes())


def scramble(path: Path, rng: np.random.Generator) -> None:
    """Has as many bytes, all others."""
    path.write_bytes(rng.bytes(path.stat().st_size))


def make_folder_of(path: Path, _: object) -> None:
    """Puts a folder in its place that is not empty."""
    path.unlink()
    path.mkdir()
    (path / "file").touch()


def make_pipe_of(path: Path, _: object) -> None:
    """Puts a pipe in its place, from which nothing will ever come."""
    path.unlink()
    os.mkfifo(path)


def make_link_of(path: Path, _: object) -> None:
    """Puts a link to nowhere in its place."""
    path.unlink()
    path.symlink_to("nowhere")


def make_file_of_the_folder(path: Path, _: object) -> None:
    """Puts a file in the place of the folder it is in."""
    shutil.rmtree(path.parent)
    path.parent.write_text("")


DAMAGES = {
    "flipped": flip,
    "cut": cut,
    "emptied": lambda path, _: os.truncate(path, 0),
    "longer": lengthen,
    "another": exchange,
    "scrambled": scramble,
    "deleted": lambda path, _: path.unlink(),
    "folder": make_folder_of,
    "pipe": make_pipe_of,
    "link": make_link_of,
    "file for its folder": make_file_of_the_folder,
}


def check(data: Path, cache: Path, damages: list[str], seed: int) -> None:
    """Damages each file of the cache in each of these ways."""
    want = learnt(data)
    learnt(data)  # and so the cache is whole
    whole = shutil.copytree(cache, cache.with_name("whole"))
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert {"pixels", "surveys"} <= {name.parts[0] for name in names}
    rng = np.random.default_rng(seed)
    for name, damage in itertools.product(names, damages):
        shutil.rmtree(cache)
        shutil.copytree(whole, cache)
        DAMAGES[damage](cache / name, rng)
        assert learnt(data) == want, f"{name} {damage}"
        assert learnt(data) == want, f"{name} {damage}, the second time"


@pytest.mark.parametrize("held", [rows.IN_MEMORY, 0], ids=["held in memory", "read"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_change_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, held: int
) -> None:
    monkeypatch.setattr(rows, "IN_MEMORY", held)
    check(arrays(tmp_path / "set"), cache, [damage] * (5 if damage == "flipped" else 1), seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", DATA)
def test_damaged_files_change_nothing_whatever_the_images_are_in(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, seed: int
) -> None:
    monkeypatch.setattr(rows, "IN_MEMORY", rows.IN_MEMORY if seed == 1 else 0)
    check(DATA[kind](tmp_path / "set"), cache, [*DAMAGES, *["flipped"] * 4], seed=seed)


@pytest.mark.parametrize("kind", ["zip", "tgz", "grey"])
def test_a_flipped_bit_in_any_file_changes_nothing(cache: Path, tmp_path: Path, kind: str) -> None:
    check(DATA[kind](tmp_path / "set"), cache, ["flipped"], seed=3)


def test_every_bit_of_a_small_file_counts(cache: Path) -> None:
    path = cache / "surveys" / "file"
    keep(path, b"what was found out")
    whole = path.read_bytes()
    assert kept(path) == b"what was found out"
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        assert kept(path) is None
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert kept(path) is None
    other = path.with_name("other")
    other.write_bytes(whole)
    assert kept(other) is None, "a file of another name"


def test_every_bit_of_a_file_of_rows_counts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "IN_MEMORY", 0)
    want = np.random.default_rng(0).integers(0, 256, (5, 3, 3), dtype=np.uint8)
    made = cache / "made"
    made.parent.mkdir()
    file = rows.RowWriter(made, want.shape)
    file.begin()
    file.write([3, 4], [want[3].tobytes(), want[4].tobytes()])
    file.write([0, 2, 1], [want[0].tobytes(), want[2].tobytes(), want[1].tobytes()])
    asked: list[int] = []

    def remake(numbers: np.ndarray) -> np.ndarray:
        asked.extend(numbers.tolist())
        return want[numbers]

    target = cache / "rows" / "file.npy"
    finished = file.finish(target, remake)
    file.close()
    np.testing.assert_array_equal(finished[np.array([4, 0, 1, 1])], want[[4, 0, 1, 1]])
    np.testing.assert_array_equal(np.load(target), want)
    assert not asked
    whole = target.read_bytes()
    for bit in range(0, 8 * len(whole), 7):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        target.write_bytes(damaged)
        asked.clear()
        found = rows.RowReader.open(target, remake)
        if found is not None:
            np.testing.assert_array_equal(found[np.arange(5)], want)
            assert len(asked) == 1
            assert target.read_bytes() == whole, "the row was written back"
    for end in range(len(whole)):
        target.write_bytes(whole[:end])
        assert rows.RowReader.open(target, remake) is None


def test_what_is_cut_off_or_deleted_while_it_is_open_is_read_all_the_same(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "IN_MEMORY", 0)
    prepared = prepare(Request(data=str(arrays(tmp_path / "set"))), seed=0)
    pixels = prepared.images(PixelFormat(size=SIDE, channels=3), packed=True).pixels
    numbers = np.arange(len(prepared.source.ids))
    want, thumbnails = pixels[numbers], prepared.scan.thumbnails[numbers]
    for path in [*cache.glob("pixels/*"), *cache.glob("surveys/*/thumbnails.npy")]:
        os.truncate(path, 500)
    np.testing.assert_array_equal(pixels[numbers[5:]], want[5:])
    np.testing.assert_array_equal(prepared.scan.thumbnails[numbers], thumbnails)
    shutil.rmtree(cache)
    np.testing.assert_array_equal(pixels[numbers], want)
    np.testing.assert_array_equal(prepared.scan.thumbnails[numbers], thumbnails)


def test_an_image_that_changed_is_not_taken_for_a_damaged_row(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "IN_MEMORY", 0)
    prepared = prepare(Request(data=str(photos(tmp_path / "set"))), seed=0)
    pixels = prepared.images(PixelFormat(size=SIDE, channels=3), packed=True).pixels
    for path in cache.glob("pixels/*"):
        os.truncate(path, 500)
    Image.new("RGB", (20, 20)).save(tmp_path / "set" / prepared.source.ids[7])
    with pytest.raises(SkipwiseError, match="changed since it was first read; give the same command again"):
        pixels[np.array([7])]


@contextlib.contextmanager
def mounted(folder: Path, *arguments: str) -> object:
    """A file system at a folder, where that may be mounted."""
    if subprocess.run(["mount", *arguments, str(folder)], capture_output=True).returncode:
        pytest.skip("nobody may mount a file system here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_cache_that_can_only_be_read_is_used_and_made_up_for(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "IN_MEMORY", 0)
    data = arrays(tmp_path / "set")
    want = learnt(data)
    rng = np.random.default_rng(0)
    cache.rename(tmp_path / "whole")
    for damaged in ([], ["pixels/*"], ["surveys/*/thumbnails.npy"], ["surveys/*/pairs-1.npy"]):
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", cache)
        for pattern in damaged:
            path = next(cache.glob(pattern))
            content = bytearray(path.read_bytes())
            content[rng.integers(200, 4000) % len(content)] ^= 1
            path.write_bytes(content)
        with mounted(cache, "--bind", str(cache)):
            subprocess.run(["mount", "-o", "remount,bind,ro", str(cache)], check=True)
            assert learnt(data) == want
            assert learnt(data) == want
    os.truncate(next(cache.glob("surveys/*/looks.npz")), 10)
    with mounted(cache, "--bind", str(cache)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(cache)], check=True)
        with pytest.raises(SkipwiseError, match=r"the file system is read-only; name a folder .* in SKIPWISE_CACHE"):
            learnt(data)


@pytest.mark.parametrize("room", [64, 72, 80, 96, 112, 128, 200, 300])
def test_a_full_disk_is_a_sentence_or_does_not_matter(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    data = arrays(tmp_path / "set")
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "roomy"))
    want = learnt(data)
    monkeypatch.setenv("SKIPWISE_CACHE", str(cache))
    cache.mkdir()
    with mounted(cache, "-t", "tmpfs", "-o", f"size={room}k", "tmpfs"):
        for _ in range(2):
            try:
                assert learnt(data) == want
            except SkipwiseError as error:
                assert "the disk is full" in str(error)  # noqa: PT017


READ = """
import sys, time
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.sources import open_source
from skipwise.data.scan.scan import scan_images
from skipwise.data.scan import journal
journal.SAFE_SECONDS = 0.0
source = open_source(sys.argv[1])
square = PixelFormat(size=16, channels=3)
def progress(what, done, total):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]) if done >= 250 else 0)
seen = scan_images(source, progress, guess=square)
"""


@pytest.mark.slow
def test_an_unfinished_reading_that_was_damaged_is_gone_on_with(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_photos(tmp_path / "p", per_class=200)
    with monkeypatch.context() as patch:
        patch.setenv("SKIPWISE_CACHE", str(tmp_path / "undisturbed"))
        want = learnt(root)
    # It is held up once enough is read, so that it is not done before it is killed, however slow the disk is.
    reading = [sys.executable, "-c", READ, str(root)]
    with subprocess.Popen([*reading, "0.05"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            safe = next(iter(cache.glob("reading/*/looks.jsonl")), None)
            if int(line) >= 250 and safe is not None and safe.read_bytes().count(b"\n") > 150:
                process.send_signal(signal.SIGKILL)
                break
    begun = shutil.copytree(cache, tmp_path / "begun")
    names = sorted(path.relative_to(begun) for path in begun.glob("reading/*/*"))
    assert [name.name for name in names] == ["looks.jsonl", "pixels.npy", "thumbnails.npy"]
    rng = np.random.default_rng(0)
    done = 0
    for name, damage in itertools.product(names, ["flipped", "cut"]):
        shutil.rmtree(cache)
        shutil.copytree(begun, cache)
        DAMAGES[damage](cache / name, rng)
        again = subprocess.run([*reading, "0"], capture_output=True, text=True, check=True)
        told = [int(line) for line in again.stdout.split()]
        done += told[0] > 100
        assert learnt(root) == want, f"{name} {damage}"
    assert done, "what a damage has left is not done again"

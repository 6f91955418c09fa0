"""Small archives and images that claim, or unpack to, more than memory holds: the real command stays under a limit."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import resource
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skipwise.core.errors import SkipwiseError
from skipwise.data.containers.unpacked import unpacked
from skipwise.data.scan import decoder_pool as reading
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources import open_source
from tests.conftest import make_photos
from tests.crafted import header, zipped
from tests.encoded import TURNED, chunk, encode, jpeg_with, tiff
from tests.layouts.pictures import picture

MOST_MEMORY = 2**30
"""Bytes that each process of the command may have; importing torch alone would take half of it."""
PIXELS = 8000
"""A side of an image of the most pixels that are read."""
_ZEROS = bytes(2**20)

WITH_LIMIT = """
import json, resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "skipwise", *sys.argv[1:]], capture_output=True, text=True, timeout=300)
# Of the command itself and of the processes that it starts, the largest.
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([done.returncode, most, done.stderr]))
"""


def audited(data: Path, folder: Path) -> tuple[int, int, str]:
    """The status of an audit, the most memory that a process of it had, in bytes, and what it said."""
    command = [sys.executable, "-c", WITH_LIMIT, "audit", str(data), "-o", str(folder / "audit")]
    status, most, said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return status, most, said


def zeros(size: int) -> Iterator[bytes]:
    return (_ZEROS for _ in range(size >> 20))


def tar(name: str, between: Iterable[bytes], **options: object) -> Callable[[Path], Path]:
    """Two pictures between which something is, packed by the suffix."""

    def build(root: Path) -> Path:
        openers = {"bz2": bz2.open, ".xz": lzma.open, ".gz": gzip.open}
        with openers[name[-3:]](root / name, "wb", **options) as file:
            for folder in ("cat", "dog"):
                data = picture(folder, "1.jpg")
                file.write(header(f"{folder}/1.jpg", len(data)) + data.ljust(-(-len(data) // 512) * 512, b"\0"))
                for part in between if folder == "cat" else ():
                    file.write(part)
            file.write(bytes(1024))
        return root / name

    return build


def records(kind: bytes, *lines: bytes) -> bytes:
    body = b"".join(lines)
    return header("pax", len(body), kind) + body.ljust(-(-len(body) // 512) * 512, b"\0")


def record(key: str, value: str) -> bytes:
    return next(
        line
        for length in range(1, 10)
        if (line := f"{length + len(key) + len(value) + 3} {key}={value}\n".encode())
        and len(line) == length + len(key) + len(value) + 3
    )


def global_records() -> Iterator[bytes]:
    for number in range(1500):
        yield records(b"g", *(record(f"{number}.{key}", "v" * 20) for key in range(1500)))


def long_names() -> Iterator[bytes]:
    for number in range(10_000):
        name = f"cat/{number}-{'a' * 60_000}.jpg\0".encode()
        yield header("././@LongLink", len(name), b"L") + name.ljust(-(-len(name) // 512) * 512, b"\0")
        yield header("cat/x.jpg")


def empty_files() -> Iterator[bytes]:
    for start in range(0, 400_000, 100):
        yield b"".join(header(f"cat/{number}.jpg") for number in range(start, start + 100))


def large_images(number: int, size: int) -> Iterator[bytes]:
    for each in range(number):
        yield header(f"cat/large{each}.bmp", size)
        yield from zeros(size)


LARGE_WINDOW = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**30}]
ARCHIVES: dict[str, Callable[[Path], Path]] = {
    "a name of 2 GiB": lambda root: tar("d.tar.bz2", [header("././@LongLink", 2**31, b"L"), *zeros(2**31)])(root),
    "records of 2 GiB": lambda root: tar("d.tar.xz", [header("pax", 2**31, b"x"), *zeros(2**29)])(root),
    "images of 100 MiB": lambda root: tar("d.tar.bz2", large_images(6, 100 * 2**20))(root),
    "images of 300 MiB": lambda root: tar("d.tar.xz", large_images(3, 300 * 2**20), preset=0)(root),
    "a window of 1 GiB": lambda root: tar("d.tar.xz", large_images(1, 2**20), filters=LARGE_WINDOW)(root),
    "a file of 60 GiB": lambda root: tar("d.tar.gz", [header("x.bin", 60 * 2**30)])(root),
    "records for all files": lambda root: tar("d.tar.gz", global_records(), compresslevel=1)(root),
    "a record of digits": lambda root: tar("d.tar.gz", [records(b"x", b"1" * 65_000)] * 50)(root),
    "names of 60,000 characters": lambda root: tar("d.tar.gz", long_names(), compresslevel=1)(root),
    "400,000 empty files": lambda root: tar("d.tar.bz2", empty_files())(root),
    "images of 100 MiB in a zip": zipped({f"{k}/{n}.bmp": 100 * 2**20 for k in ("cat", "dog") for n in range(4)}),
    "images of 400 MiB in a zip": zipped({f"{k}/{n}.bmp": 400 * 2**20 for k in ("cat", "dog") for n in range(4)}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHIVES)
def test_the_memory_of_an_audit_is_limited_whatever_an_archive_claims(name: str, tmp_path: Path) -> None:
    archive = ARCHIVES[name](tmp_path)
    assert archive.stat().st_size < 2**25
    status, most, said = audited(archive, tmp_path)
    assert status == 2, said
    assert "Traceback" not in said
    assert most < MOST_MEMORY, f"{most / 2**20:,.0f} MiB"


def png(bits: int, colours: int, *extra: bytes, side: int = PIXELS) -> bytes:
    """A PNG of zeros."""
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[colours]
    packer = zlib.compressobj(9)
    line = bytes(1 + side * samples * bits // 8)
    lines = b"".join(packer.compress(line) for _ in range(side)) + packer.flush()
    shape = side.to_bytes(4, "big") * 2 + bytes((bits, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", shape), *extra, chunk(b"IDAT", lines), chunk(b"IEND", b"")])


def made(mode: str, kind: str, **options: object) -> bytes:
    return encode(Image.new(mode, (PIXELS, PIXELS)), kind, **options)


_turned = chunk(b"eXIf", TURNED)
IMAGES: dict[str, Callable[[], bytes]] = {
    "rgba.png": lambda: png(8, 6),
    "turned.png": lambda: png(8, 6, _turned),
    "grey16.png": lambda: png(16, 0),
    "colours16.png": lambda: png(16, 2),
    "colours16-half.png": lambda: png(16, 2, _turned, side=5600),
    "alpha16.png": lambda: png(16, 6),
    "cmyk.jpg": lambda: made("CMYK", "JPEG"),
    "turned.jpg": lambda: jpeg_with(made("RGB", "JPEG"), (0xE1, b"Exif\0\0" + TURNED)),
    "whole.tif": lambda: encode(Image.fromarray(np.zeros((PIXELS, PIXELS), np.int32)), "TIFF", compression="tiff_lzw"),
    "float.tif": lambda: encode(Image.fromarray(np.ones((PIXELS, PIXELS), np.float32)), "TIFF", compression="tiff_lzw"),
    "claims.tif": lambda: tiff(np.zeros((4, 4), np.uint8), more=[(256, 8000), (257, 8000)]),
    "frames.gif": lambda: made("P", "GIF"),
    "a.webp": lambda: made("RGBA", "WEBP", lossless=True, method=0),
    "a.jp2": lambda: made("RGB", "JPEG2000"),
    "text.png": lambda: png(8, 0, *[chunk(b"zTXt", b"a\0\0" + zlib.compress(_ZEROS * 8))] * 200, side=8),
    "profile.png": lambda: png(8, 0, chunk(b"iCCP", b"a\0\0" + zlib.compress(_ZEROS * 600)), side=8),
}


@pytest.mark.slow
def test_the_memory_of_an_audit_is_limited_whatever_an_image_claims(tmp_path: Path) -> None:
    for name, make in IMAGES.items():
        folder = make_photos(tmp_path / name, per_class=8)
        (folder / "stripes0" / name).write_bytes(make())
        assert (folder / "stripes0" / name).stat().st_size < 2**24
        status, most, said = audited(folder, tmp_path)
        assert (status in (0, 2), "Traceback" in said) == (True, False), said
        assert most < MOST_MEMORY, f"{name}: {most / 2**20:,.0f} MiB"


@pytest.mark.parametrize("ending", [b"", bytes(8), bytes(2**17)])
@pytest.mark.parametrize("opener", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_packed_in_pieces_is_unpacked_whole(opener: Callable[[bytes], bytes], ending: bytes) -> None:
    data = np.random.default_rng(0).bytes(200_000)
    if opener is not lzma.compress:
        ending = b""
    packed = opener(data[:150_000]) + ending + opener(data[150_000:]) + ending
    with unpacked(io.BytesIO(packed)) as file:
        assert file.read() == data
    with pytest.raises((EOFError, OSError)), unpacked(io.BytesIO(packed[:1000])) as file:
        file.read()


def test_a_window_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match="emory usage limit"):
        open_source(tar("d.tar.xz", large_images(1, 2**20), filters=LARGE_WINDOW)(tmp_path))


def test_records_are_read_as_tarfile_reads_them(tmp_path: Path) -> None:
    data = picture("cat", "1.jpg")
    file = header("cat/short.jpg") + data.ljust(-(-len(data) // 512) * 512, b"\0")
    said = records(
        b"x", record("mtime", "1.5"), record("path", "cat/é" + "x" * 200 + ".jpg"), record("size", f"{len(data)}")
    )
    source = open_source(tar("d.tar.gz", [said, file, records(b"g", record("comment", "x"))])(tmp_path))
    assert set(source.ids) == {"cat/1.jpg", "dog/1.jpg", "cat/é" + "x" * 200 + ".jpg"}
    assert not scan_images(source).faults


@pytest.mark.slow
def test_an_image_that_takes_too_long_is_named_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "TIME_LIMIT", 0.5)
    folder = make_photos(tmp_path / "p", per_class=8)
    text = b"P3 3000 3000 65535\n" + b"1 " * 27_000_000  # numbers as text, which Pillow reads slowly
    (folder / "stripes0" / "slow.ppm").write_bytes(text)
    source = open_source(folder)
    seen = scan_images(source)
    assert {source.ids[index]: reason for index, reason in seen.unreadable.items()} == {
        "stripes0/slow.ppm": "decoding it takes more than 0.5 seconds"
    }


def test_limits_are_those_of_a_process(tmp_path: Path) -> None:
    status, most, _ = audited(make_photos(tmp_path / "p", per_class=8), tmp_path)
    assert status == 0
    assert 2**25 < most < 2**28, "audit needs no torch"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > 2**25

"""Sets of a size that people have, made at the cost of little disk: what has to be recognised in seconds.

A million files are hard links; the bytes of archives beyond the images are holes; those of the Parquet file compress
to nothing.
"""

from __future__ import annotations

import os
import struct
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from tests.layouts.pictures import picture, put

MIB = 2**20


def million_files(root: Path, *, classes: int = 1000, train: int = 900, test: int = 100) -> Path:
    """`train/<class>/` and `test/<class>/` with links to one image for each class and split."""
    for split, count in (("train", train), ("test", test)):
        for number in range(classes):
            folder = root / "million" / split / f"class_{number:04}"
            name = f"{split}_{number:04}_{{:06}}.jpg"
            first = put(folder / name.format(0), picture(str(number), f"{split}.jpg"))
            for index in range(1, count):
                os.link(first, folder / name.format(index))
    return root / "million"


def _members(count: int, size: int) -> Iterator[tuple[str, bytes, int]]:
    """Name, image and CRC-32 of the image followed by zeros up to `size`."""
    known: dict[int, tuple[bytes, int]] = {}
    for index in range(count):
        label = index % 20
        if label not in known:
            image = picture(str(label), "x.jpg")
            known[label] = image, zlib.crc32(bytes(size - len(image)), zlib.crc32(image))
        split = "test" if index // 20 % 10 == 9 else "train"
        yield f"birds/{split}/class_{label * 7 % 20:02}/{index:06}.jpg", *known[label]


def large_zip(root: Path, *, count: int = 10_000, size: int = 2 * MIB) -> Path:
    """A zip of stored members, 20 GB unless asked otherwise, with the fields of ZIP64 where they are needed."""
    file = root / "large.zip"
    directory = []
    with file.open("wb") as out:
        for name, image, crc in _members(count, size):
            offset = out.tell()
            common = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x5821, crc, size, size, len(name), 0)
            out.write(b"PK\3\4" + common + name.encode() + image)
            out.seek(offset + 30 + len(name) + size)
            extra = struct.pack("<HHQ", 1, 8, offset) if offset >= 0xFFFFFFFF else b""
            fields = common[:-2] + struct.pack("<HHHHII", len(extra), 0, 0, 0, 0, min(offset, 0xFFFFFFFF))
            directory.append(b"PK\1\2" + struct.pack("<H", 45) + fields + name.encode() + extra)
        start = out.tell()
        out.write(b"".join(directory))
        end = out.tell()
        out.write(b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, end - start, start))
        out.write(b"PK\6\7" + struct.pack("<IQI", 0, end, 1))
        few = min(count, 0xFFFF)
        out.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, few, few, end - start, min(start, 0xFFFFFFFF), 0))
    return file


def large_tar(root: Path, *, count: int = 10_000, size: int = 2 * MIB) -> Path:
    """A plain tar of the same members."""
    file = root / "large.tar"
    with file.open("wb") as out:
        for name, image, _ in _members(count, size):
            member = tarfile.TarInfo(name)
            member.size = size
            out.write(member.tobuf(tarfile.USTAR_FORMAT) + image)
            out.seek(-(-size // 512) * 512 - len(image), os.SEEK_CUR)
        out.write(bytes(2 * 512))
    return file


def large_parquet(root: Path, *, count: int = 1500, size: int = 2 * MIB) -> Path:
    """A folder of Parquet shards, 3 GB once unpacked, with an image of 2 MiB in each row."""
    folder = root / "large"
    folder.mkdir()
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    for shard in range(3):
        file = folder / f"train-{shard:05}-of-00003.parquet"
        schema = pyarrow.schema([("image", image), ("label", pyarrow.string())])
        with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=False) as writer:
            for first in range(shard * count // 3, (shard + 1) * count // 3, 50):
                labels = [f"class_{index % 20:02}" for index in range(first, first + 50)]
                rows = [{"bytes": picture(label, "x.jpg").ljust(size, b"\0"), "path": None} for label in labels]
                writer.write_table(pyarrow.table({"image": pyarrow.array(rows, image), "label": labels}, schema=schema))
    return folder

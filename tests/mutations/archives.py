"""Headers of archives, and bytes of what they hold, made so that the archive itself is sound."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.mutations.contents import damaged, files
from tests.mutations.hostile import NAMES
from tests.mutations.texts import text_damaged

ZIPS = (".zip", ".xlsx", ".npz")
PACKERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    ".gz": (gzip.decompress, lambda data: gzip.compress(data, 1)),
    ".tgz": (gzip.decompress, lambda data: gzip.compress(data, 1)),
    ".bz2": (bz2.decompress, bz2.compress),
    ".xz": (lzma.decompress, lambda data: lzma.compress(data, preset=0)),
}
IN_ARCHIVES = (
    *NAMES,
    "/etc/passwd",
    "../x.jpg",
    "C:/x.jpg",
    "",
    "/",
    "./",
    "a/",
    "//",
    "a//b.jpg",
    "a/./b.jpg",
    "a/" * 49,
)
RECORDS = (
    "size=-1", "size=99999999999999", "mtime=nan", "mtime=inf", "mtime=1e300", "path=" + "x" * 5000,
    "path=\n\x01.jpg", "GNU.sparse.major=1", "GNU.sparse.map=0,1,2", "GNU.sparse.size=-1", "hdrcharset=BINARY", "=",
    "x",
)  # fmt: skip


def packed_bytes(root: Path, rng: Random) -> str:
    """Bytes of what a compressed file holds, packed again as it was, so that its checksums hold."""
    chosen = files(root, *ZIPS, *PACKERS)
    if not chosen:
        return ""
    file = rng.choice(chosen)
    with contextlib.suppress(Exception):  # it is damaged already
        if file.suffix.lower() in PACKERS:
            unpack, pack = PACKERS[file.suffix.lower()]
            file.write_bytes(pack(damaged(unpack(file.read_bytes()), rng)))
            return f"packed bytes of {file.name!r}"
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        name = rng.choice(sorted(members))
        members[name] = (text_damaged if name.endswith((".xml", ".csv")) else damaged)(members[name], rng)
        with zipfile.ZipFile(file, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for each, data in members.items():
                archive.writestr(each, data)
        return f"packed bytes of {name!r} in {file.name!r}"
    return ""


def headers(root: Path, rng: Random) -> str:
    """Another name, type, size or record in the headers of an archive, of a tar with its checksum made anew."""
    chosen = files(root, ".tar", *ZIPS, *PACKERS)
    if not chosen:
        return ""
    file = rng.choice(chosen)
    pack: Callable[[bytes], bytes] = bytes
    data = file.read_bytes()
    with contextlib.suppress(Exception):  # it is damaged already
        if file.suffix.lower() in PACKERS:
            unpack, pack = PACKERS[file.suffix.lower()]
            data = unpack(data)
        if data[:2] == b"PK":
            data = _zip_changed(data, rng)
        elif data[257:262] == b"ustar":
            data = _tar_changed(data, rng)
        file.write_bytes(pack(data))
        return f"headers of {file.name!r}"
    return ""


def _zip_changed(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    mark = rng.choice((b"PK\1\2", b"PK\1\2", b"PK\3\4", b"PK\5\6"))
    places = [place for place in range(len(data) - 4) if data[place : place + 4] == mark]
    for place in rng.sample(places, min(len(places), rng.choice((1, 1, 2, 100)))):
        match rng.randrange(3):
            case 0:
                at, size = place + 4 + 2 * rng.randrange(21), rng.choice((2, 4))
                number = rng.choice((0, 1, 8, 99, 2**15, 2**31, 2**32 - 1))
                changed[at : at + size] = number.to_bytes(4, "little")[:size]
            case 1:
                length = int.from_bytes(data[place + 28 : place + 30], "little")
                name = rng.choice(IN_ARCHIVES).encode("utf-8", "surrogatepass") + b"/" * rng.randint(0, length)
                changed[place + 46 : place + 46 + length] = name[:length].ljust(length, b"x")
            case _:
                other = rng.choice(places)
                changed[place : place + 46] = changed[other : other + 46]
    return bytes(changed)


def _tar_changed(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    starts = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    for at in rng.sample(starts, min(len(starts), rng.choice((1, 1, 2, 5)))):
        match rng.randrange(5):
            case 0:
                changed[at + 156] = rng.choice(b"01234567LKxgSDVMNXAZ\0\xff")
            case 1:
                sizes = (
                    b"77777777777\0",
                    b"\x80" + b"\0" * 3 + b"\xff" * 8,
                    b"\xff" * 12,
                    b"0" * 11,
                    b"abc",
                    b"00000001000\0",
                )
                size = rng.choice(sizes)
                changed[at + 124 : at + 124 + len(size)] = size
            case 2:
                changed[at : at + 100] = rng.choice(IN_ARCHIVES).encode("utf-8", "replace")[:100].ljust(100, b"\0")
            case 3:
                fields = ((100, 8), (108, 8), (116, 8), (136, 12), (157, 100), (265, 32), (329, 8), (345, 155))
                start, length = rng.choice(fields)
                field = damaged(data[at + start : at + start + length], rng)
                changed[at + start : at + start + length] = field[:length].ljust(length, b"\0")
            case _:
                record = rng.choice(RECORDS).encode()
                body = b"%d %s\n" % (len(record) + 2 + len(str(len(record) + 4)), record)
                header = bytearray(data[at : at + 512])
                header[156] = ord(rng.choice("xxxgLK"))
                header[124:136] = f"{len(body):011o}\0".encode()
                changed[at:at] = _summed(header) + body.ljust(-(-len(body) // 512) * 512, b"\0")
                return bytes(changed)
        changed[at : at + 512] = _summed(changed[at : at + 512])
    return bytes(changed)


def _summed(header: bytearray) -> bytes:
    """A tar header with its checksum."""
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)

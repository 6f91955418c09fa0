"""Files made byte by byte, as no honest program writes them."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.layouts.pictures import classes, picture, put

GIB = 2**30


def zeros(size: int, wrap: int) -> bytes:
    """A compressed stream of `size` zeros (a multiple of 1 MiB), made of one block again and again.

    Args:
        wrap: zlib's window bits: -15 for raw deflate, 15 with zlib's header; no checksum is at the end.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, wrap)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * (size // 2**20 - 1) + packer.flush()


def header(name: str, size: int = 0, kind: bytes = b"0", number: bytes | None = None) -> bytes:
    """A block of a tar, with a size in bytes of one's own."""
    info = tarfile.TarInfo(name)
    info.size, info.type = min(size, 8**11 - 1), kind
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    if number is not None:
        block[124:136] = number
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def pax(**records: str) -> bytes:
    """A header with records for the file that follows."""
    body = b"".join(_record(key.replace("_", "."), value) for key, value in records.items())
    return header("pax", len(body), b"x") + body.ljust(-(-len(body) // 512) * 512, b"\0")


def _record(key: str, value: str) -> bytes:
    rest = len(f" {key}={value}\n")
    length = rest + len(str(rest + len(str(rest))))
    return f"{length} {key}={value}\n".encode()


def tar(*blocks: bytes | Callable[[], bytes], name: str = "d.tar") -> Callable[[Path], Path]:
    """An archive of two pictures between which some blocks are; large ones are made when it is."""

    def build(root: Path) -> Path:
        found = []
        for file in ("cat/1.jpg", "dog/1.jpg"):
            data = picture(file[:3], "1.jpg")
            found.append(header(file, len(data)) + data.ljust(-(-len(data) // 512) * 512, b"\0"))
        between = (block if isinstance(block, bytes) else block() for block in blocks)
        data = found[0] + b"".join(between) + found[1] + bytes(1024)
        return put(root / name, gzip.compress(data, 1) if name.endswith("gz") else data)

    return build


def zipped(members: dict[str, bytes | int], name: str = "d.zip") -> Callable[[Path], Path]:
    """A zip of some members, given as bytes, or as the number of zeros that are in it."""

    def build(root: Path) -> Path:
        body, directory = io.BytesIO(), io.BytesIO()
        for member, content in members.items():
            size = content if isinstance(content, int) else len(content)
            data = zeros(size, -15) if isinstance(content, int) else deflated(content)
            checksum = 0 if isinstance(content, int) else zlib.crc32(content)
            common = struct.pack("<HHHHHIIIH", 20, 0x800, 8, 0, 33, checksum, len(data), size, len(member))
            directory.write(b"PK\1\2\24\0" + common + struct.pack("<HHHHII", 0, 0, 0, 0, 0, body.tell()))
            directory.write(member.encode())
            body.write(b"PK\3\4" + common + b"\0\0" + member.encode() + data)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(members), len(members), directory.tell(), body.tell(), 0)
        return put(root / name, body.getvalue() + directory.getvalue() + end)

    return build


def deflated(data: bytes) -> bytes:
    """Bytes as they are in a zip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def beside(name: str, make: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A file beside class folders."""

    def build(root: Path) -> Path:
        classes(root / "d", {"cat": 2, "dog": 2})
        put(root / "d" / name, make())
        return root / "d"

    return build


def alone(name: str, make: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A file, given by itself."""
    return lambda root: put(root / name, make())


def sheet(rows: str, *, head: str = "", strings: str = "", encoding: str = "utf-8") -> Callable[[], bytes]:
    """An Excel file with a sheet of one's own."""

    def make() -> bytes:
        import openpyxl

        book = openpyxl.Workbook()
        book.active.append(["path", "label"])
        plain, changed = io.BytesIO(), io.BytesIO()
        book.save(plain)
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        with zipfile.ZipFile(plain) as read, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as write:
            for name in read.namelist():
                data = read.read(name)
                if name.endswith("sheet1.xml"):
                    text = f'<?xml version="1.0" encoding="{encoding}"?>{head}<worksheet xmlns="{main}">'
                    text += f'<dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>'
                    data = text.encode(encoding)
                if name.endswith("sharedStrings.xml") and strings:
                    data = f'<sst xmlns="{main}">{strings}</sst>'.encode()
                write.writestr(name, data)
        return changed.getvalue()

    return make


def laughs(levels: int = 9) -> str:
    """Entities of which each is ten of the one before."""
    made = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(levels + 1))
    return f"<!DOCTYPE x [{made}]>"


def npy(shape: str, data: bytes = b"", kind: str = "|u1") -> bytes:
    """An .npy file that claims a shape."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n" + data


class Runs:
    """What leaves a file behind when it is read as a pickle."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


MARK = "a pickle was run"


def pickled(name: str) -> Callable[[Path], Path]:
    """Files of which a part is a pickle, which would make a folder."""

    def build(root: Path) -> Path:
        code = Runs(root / MARK)
        if name.endswith((".npz", ".npy")):
            array = np.array([code] * 4, dtype=object)
            (np.savez if name.endswith(".npz") else np.save)(root / name, array, allow_pickle=True)
            return root / name
        return put(root / name, pickle.dumps(code))

    return build


def matlab(data: bytes) -> bytes:
    """A MATLAB file of one compressed element."""
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(data)) + data


def parquet(rows: int, *, images: bool, columns: int = 1) -> Callable[[], bytes]:
    """Many equal rows, which take next to nothing."""

    def make() -> bytes:
        import pyarrow
        import pyarrow.parquet

        def same(value: Any, kind: Any) -> Any:
            return pyarrow.DictionaryArray.from_arrays(
                pyarrow.array(np.zeros(rows, np.int8)), pyarrow.array([value], kind)
            )

        made = {f"c{number}": same("x", pyarrow.string()) for number in range(columns)}
        if images:
            made = {"image": same(b"x", pyarrow.binary()), "label": made["c0"]}
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(made), buffer, compression="zstd", store_schema=False)
        return buffer.getvalue()

    return make


def large_text_often() -> bytes:
    """A text of 4 MiB in each of a thousand rows, of which the file has one copy."""
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(1000, np.int8)), pyarrow.array(["x" * 2**22]))
    table = pyarrow.table({"path": same, "label": same})
    pyarrow.parquet.write_table(table, buffer, dictionary_pagesize_limit=2**30, compression="zstd", store_schema=False)
    return buffer.getvalue()


def coco(box: Any) -> Callable[[], bytes]:
    """COCO's JSON of two pictures, one with a box of one's own."""
    content = {
        "images": [{"id": 1, "file_name": "cat/001.jpg"}, {"id": 2, "file_name": "dog/001.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": box},
            {"id": 2, "image_id": 2, "category_id": 2, "bbox": [0, 0, 1e308, 1e308]},
        ],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }
    return lambda: json.dumps(content).encode()


def endless(name: str) -> Callable[[Path], Path]:
    """A pipe, into which nobody writes, beside class folders."""

    def build(root: Path) -> Path:
        classes(root / "d", {"cat": 2, "dog": 2})
        os.mkfifo(root / "d" / name)
        return root / "d"

    return build


def spreadsheet(*rows: str) -> Callable[[Path], Path]:
    """An Excel file, given by itself, with rows of one's own."""
    return alone("d.xlsx", sheet("".join(rows)))


def table(name: str, *lines: bytes) -> Callable[[Path], Path]:
    """A text beside class folders."""
    return beside(name, lambda: b"\n".join(lines) + b"\n")


def records(*content: Any) -> Callable[[Path], Path]:
    """JSON beside class folders."""
    return beside("labels.json", lambda: json.dumps(content).encode())


def renamed(build: Callable[[Path], Path], name: str) -> Callable[[Path], Path]:
    """The same under another name."""
    return lambda root: build(root).rename(root / name)

"""Small files that claim, or unpack to, more than any memory holds, or that would keep a reader busy for hours."""

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


def tar(*blocks: bytes, name: str = "d.tar") -> Callable[[Path], Path]:
    """An archive of two pictures between which some blocks are."""

    def build(root: Path) -> Path:
        found = []
        for file in ("cat/1.jpg", "dog/1.jpg"):
            data = picture(file[:3], "1.jpg")
            found.append(header(file, len(data)) + data.ljust(-(-len(data) // 512) * 512, b"\0"))
        data = found[0] + b"".join(blocks) + found[1] + bytes(1024)
        return put(root / name, gzip.compress(data, 1) if name.endswith("gz") else data)

    return build


def zipped(members: dict[str, tuple[bytes, int]], name: str = "d.zip") -> Callable[[Path], Path]:
    """A zip of some members, given as deflated bytes and the size that they claim."""

    def build(root: Path) -> Path:
        body, directory = io.BytesIO(), io.BytesIO()
        for member, (data, size) in members.items():
            common = struct.pack("<HHHHHIII", 20, 0x800, 8, 0, 33, 0, len(data), size) + struct.pack("<H", len(member))
            directory.write(
                b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHHII", 0, 0, 0, 0, 0, body.tell())
            )
            directory.write(member.encode())
            body.write(b"PK\3\4" + common + b"\0\0" + member.encode() + data)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(members), len(members), directory.tell(), body.tell(), 0)
        return put(root / name, body.getvalue() + directory.getvalue() + end)

    return build


def deflated(data: bytes) -> tuple[bytes, int]:
    """Bytes as `zipped` takes them, their checksum left out of account."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(), len(data)


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


_DEEP = 100_000
_GZ = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
_ROW = '<row r="{}"><c r="A{}" t="inlineStr"><is><t>x</t></is></c></row>'

FILES: dict[str, Callable[[Path], Path]] = {
    "a name of 8 GiB in a tar": tar(header("././@LongLink", 8**11 - 1, b"L"), b"x" * 512),
    "a name of 256 MiB in a tar.gz": tar(header("././@LongLink", 2**28, b"L"), bytes(2**28), name="d.tar.gz"),
    "records of 256 MiB in a tar.gz": tar(header("pax", 2**28, b"x"), bytes(2**28), name="d.tar.gz"),
    "names upon names in a tar": tar(*[header("././@LongLink", 1, b"L") + b"x".ljust(512, b"\0")] * 5000),
    "a size below zero in a tar": tar(header("cat/2.jpg", number=b"\xff" * 10 + b"\xfc\0")),
    "a size of an exabyte in a tar.gz": tar(header("cat/2.jpg", number=b"\x80\0\0\0\x10" + bytes(7)), name="d.tgz"),
    "a size below zero in a record": tar(pax(size="-1536"), header("cat/2.jpg")),
    "holes in a tar.gz": tar(pax(GNU_sparse_major="1", GNU_sparse_minor="0"), header("cat/2.jpg", 2**26), b"9" * 15 + b"\n" + b"0\n" * (2**25 - 8), name="d.tar.gz"),
    "no number for a time in a tar": tar(pax(mtime="inf"), header("cat/2.jpg")),
    "a table of 400 MiB in a zip": zipped({"cat/1.jpg": deflated(picture("cat", "1.jpg")), "d.csv": (zeros(400 * 2**20, -15), 400 * 2**20)}),
    "tables of 400 MiB each in a zip": zipped({f"{n}.csv": (zeros(400 * 2**20, -15), 400 * 2**20) for n in range(4)}),
    "a name of 60,000 folders in a zip": zipped({"a/" * 30_000 + "1.jpg": deflated(b"x"), "cat/1.jpg": deflated(b"x")}),
    "folders 5,000 deep in a tar": tar(pax(path="a/" * 2000 + "1.jpg"), header("cat/2.jpg")),
    "an array of 100 GiB in an npz": zipped({"x.npy": (npy(f"({100 * GIB},)"), 4 * GIB - 1)}, "d.npz"),
    "an array of 3 GiB in an npz": zipped({"x.npy": (zeros(3 * GIB, -15), 3 * GIB)}, "d.npz"),
    "an array of 100 GiB in an npy": alone("d.npy", lambda: npy(f"({100 * GIB},)")),
    "an array of more bytes than numbers go": alone("d.npy", lambda: npy(f"({2**62}, {2**62})")),
    "a header of parentheses in an npy": alone("d.npy", lambda: npy("(" * 9000)),
    "3 GiB in an IDX file": alone("train-images-idx3-ubyte.gz", lambda: _GZ + zeros(3 * GIB, -15) + bytes(8)),
    "3 GiB in a MATLAB file": alone("d.mat", lambda: matlab(zeros(3 * GIB, 15))),
    "a spreadsheet of 400 MiB": zipped({"xl/workbook.xml": (zeros(400 * 2**20, -15), 400 * 2**20)}, "d.xlsx"),
    "a cell in the last column of each row": alone("d.xlsx", sheet("".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 30_000)))),
    "a row of a great number": alone("d.xlsx", sheet(_ROW.format(1, 1) + _ROW.format(10**15, 10**15))),
    "a row of many cells": alone("d.xlsx", sheet('<row r="1">' + "<c/>" * 5_000_000 + "</row>")),
    "laughs in a spreadsheet": alone("d.xlsx", sheet(_ROW.format(1, 1).replace(">x<", ">&l9;<"), head=laughs())),
    "laughs in an XML file": beside("d.xml", lambda: (laughs() + "<x><a>&l9;</a><a>&l9;</a></x>").encode()),
    "laughs in UTF-16": beside("d.xml", lambda: ('<?xml version="1.0" encoding="utf-16"?>' + laughs() + "<x><a>&l9;</a><a>&l9;</a></x>").encode("utf-16")),
    "elements 100,000 deep": beside("d.xml", lambda: b"<x>" + b"<a>" * _DEEP + b"</a>" * _DEEP + b"<a/></x>"),
    "elements of 100,000 names": beside("d.xml", lambda: b"<x>" + b"".join(b"<a%d/>" % n for n in range(_DEEP)) + b"</x>"),
    "lists 100,000 deep": beside("labels.json", lambda: b"[" * _DEEP + b"]" * _DEEP),
    "dictionaries 900 deep": beside("labels.json", lambda: b'{"a":' * 900 + json.dumps([{f"k{n}": "x" * 900} for n in range(1000)]).encode() + b"}" * 900),
    "records that have nothing in common": beside("labels.json", lambda: json.dumps([{f"k{n}": "x"} for n in range(30_000)]).encode()),
    "names of 10,000 columns": beside("labels.csv", lambda: (",".join(f"c{n}" for n in range(10_000)) + "\n" + ("x," * 9999 + "x\n") * 300).encode()),
    "a cell of blanks": beside("labels.csv", lambda: b"path,label\n" + b"".join(b"%s/001.jpg,a%sb\n" % (c, b" " * 100_000) for c in (b"cat", b"dog"))),
    "a line of quotation marks": beside("labels.csv", lambda: b"path,label\n" + b'"' * 1_000_001),
    "30 million rows of nothing": alone("d.parquet", parquet(30_000_000, images=False)),
    "30 million rows of images": alone("d.parquet", parquet(30_000_000, images=True)),
    "2,000 columns of nothing": beside("d.parquet", parquet(20_000, images=False, columns=2000)),
    "a text of 4 MiB in each row": beside("d.parquet", large_text_often),
    "a box that is nowhere": beside("d.json", coco([0, 0, float("nan"), 1])),
    "a box beyond all numbers": beside("d.json", coco([1e308, 1e308, 1e308, 1e308])),
    "a pipe called like a table": endless("labels.csv"),
    "a pipe called like Parquet": endless("d.parquet"),
    "a pipe called like a shard": endless("d.tar"),
    "a pipe called like an image": endless("cat/9.jpg"),
    "a pickle in an npz": pickled("d.npz"),
    "a pickle called npz": lambda root: pickled("d.pkl")(root).rename(root / "d.npz"),
    "a pickle in an npy": pickled("d.npy"),
    "a pickle called like Parquet": lambda root: pickled("d.pkl")(root).rename(root / "d.parquet"),
    "a pickle": pickled("d.pkl"),
    "a pickle of PyTorch": pickled("d.pt"),
}  # fmt: skip
"""Builders by what they make in an empty folder; each returns what is given as DATA."""

"""Small files that claim, or unpack to, more than any memory holds, or that would keep a reader busy for hours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.crafted import (
    GIB,
    alone,
    beside,
    coco,
    endless,
    header,
    large_text_often,
    laughs,
    matlab,
    npy,
    parquet,
    pax,
    pickled,
    records,
    renamed,
    sheet,
    spreadsheet,
    table,
    tar,
    zeros,
    zipped,
)
from tests.layouts.pictures import picture

_DEEP, _LARGE, _MANY = 100_000, 400 * 2**20, 30_000_000
_GZ = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
_ROW = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>x</t></is></c></row>'
_LAST = '<row r="{0}"><c r="XFD{0}"><v>1</v></c></row>'
_LAUGH = "<x><a>&l9;</a><a>&l9;</a></x>"
_LINK = "././@LongLink"
_CAT = picture("cat", "1.jpg")

TARS: dict[str, Callable[[Path], Path]] = {
    "a name of 8 GiB in a tar": tar(header(_LINK, 8**11 - 1, b"L"), b"x" * 512),
    "names upon names in a tar": tar(*[header(_LINK, 1, b"L") + b"x".ljust(512, b"\0")] * 5000),
    "a size below zero in a tar": tar(header("cat/2.jpg", number=b"\xff" * 10 + b"\xfc\0")),
    "a size of an exabyte in a tar.gz": tar(header("cat/2.jpg", number=b"\x80\0\0\0\x10" + bytes(7)), name="d.tgz"),
    "a size below zero in a record": tar(pax(size="-1536"), header("cat/2.jpg")),
    "no number for a time in a tar": tar(pax(mtime="inf"), header("cat/2.jpg")),
    "folders 2,000 deep in a tar": tar(pax(path="a/" * 2000 + "1.jpg"), header("cat/2.jpg")),
    "a broken header in a tar.gz": tar(b"x" * 512, name="d.tar.gz"),
}
ZIPS: dict[str, Callable[[Path], Path]] = {
    "a table of 400 MiB in a zip": zipped({"cat/1.jpg": _CAT, "d.csv": _LARGE}),
    "tables of 400 MiB each in a zip": zipped({f"{n}.csv": _LARGE for n in range(4)}),
    "a name of 60,000 characters in a zip": zipped({"a/" * 30_000 + "1.jpg": _CAT, "cat/1.jpg": _CAT}),
    "a file without a name in a zip": zipped({"": _CAT, "cat/1.jpg": _CAT, "dog/1.jpg": _CAT}),
}
ARRAYS: dict[str, Callable[[Path], Path]] = {
    "an array of 100 GiB in an npz": zipped({"x.npy": npy(f"({100 * GIB},)")}, "d.npz"),
    "an array of 3 GiB in an npz": zipped({"x.npy": 3 * GIB}, "d.npz"),
    "an array of 100 GiB in an npy": alone("d.npy", lambda: npy(f"({100 * GIB},)")),
    "an array of more bytes than numbers go": alone("d.npy", lambda: npy(f"({2**62}, {2**62})")),
    "a header of parentheses in an npy": alone("d.npy", lambda: npy("(" * 9000)),
    "a pickle in an npz": pickled("d.npz"),
    "a pickle called npz": renamed(pickled("d.pkl"), "d.npz"),
    "a pickle in an npy": pickled("d.npy"),
    "a pickle called like Parquet": renamed(pickled("d.pkl"), "d.parquet"),
    "a pickle": pickled("d.pkl"),
    "a pickle of PyTorch": pickled("d.pt"),
}
SHEETS: dict[str, Callable[[Path], Path]] = {
    "a spreadsheet of 400 MiB": zipped({"xl/workbook.xml": _LARGE}, "d.xlsx"),
    "a cell in the last column of each row": spreadsheet(*map(_LAST.format, range(1, 30_000))),
    "a row of a great number": spreadsheet(_ROW.format(1), _ROW.format(10**15)),
    "a row of many cells": spreadsheet('<row r="1">', "<c/>" * 5_000_000, "</row>"),
    "laughs in a spreadsheet": alone("d.xlsx", sheet(_ROW.format(1).replace(">x<", ">&l9;<"), head=laughs())),
    "30 million rows of nothing": alone("d.parquet", parquet(_MANY, images=False)),
    "30 million rows of images": alone("d.parquet", parquet(_MANY, images=True)),
    "2,000 columns of nothing": beside("d.parquet", parquet(20_000, images=False, columns=2000)),
    "a text of 4 MiB in each row": beside("d.parquet", large_text_often),
}
TEXTS: dict[str, Callable[[Path], Path]] = {
    "laughs in an XML file": beside("d.xml", lambda: (laughs() + _LAUGH).encode()),
    "laughs in UTF-16": beside(
        "d.xml", lambda: f'<?xml version="1.0" encoding="utf-16"?>{laughs()}{_LAUGH}'.encode("utf-16")
    ),
    "elements 100,000 deep": table("d.xml", b"<x>", b"<a>" * _DEEP, b"</a>" * _DEEP, b"<a/></x>"),
    "elements of 100,000 names": table("d.xml", b"<x>", *(b"<a%d/>" % number for number in range(_DEEP)), b"</x>"),
    "lists 100,000 deep": table("labels.json", b"[" * _DEEP, b"]" * _DEEP),
    "dictionaries 900 deep": beside(
        "labels.json",
        lambda: b'{"a":' * 900 + json.dumps([{f"k{n}": "x" * 900} for n in range(1000)]).encode() + b"}" * 900,
    ),
    "records that have nothing in common": records(*({f"k{number}": "x"} for number in range(30_000))),
    "names of 10,000 columns": table(
        "labels.csv", b",".join(b"c%d" % number for number in range(10_000)), *[b"x," * 9999 + b"x"] * 300
    ),
    "a cell of blanks": table(
        "labels.csv", b"path,label", *(b"%s/001.jpg,a%sb" % (name, b" " * _DEEP) for name in (b"cat", b"dog"))
    ),
    "a cell of 10 MB in quotation marks": table("labels.csv", b"path,label", b'cat/001.jpg,"' + b"x" * 10**7 + b'"'),
    "a line of quotation marks": table("labels.csv", b"path,label", b'"' * 1_000_001),
    "a box that is nowhere": beside("d.json", coco([0, 0, float("nan"), 1])),
    "a box beyond all numbers": beside("d.json", coco([1e308, 1e308, 1e308, 1e308])),
    "a pipe called like a table": endless("labels.csv"),
    "a pipe called like Parquet": endless("d.parquet"),
    "a pipe called like a shard": endless("d.tar"),
    "a pipe called like an image": endless("cat/9.jpg"),
}
LARGE: dict[str, Callable[[Path], Path]] = {
    "a name of 256 MiB in a tar.gz": tar(header(_LINK, 2**28, b"L"), lambda: bytes(2**28), name="d.tar.gz"),
    "records of 256 MiB in a tar.gz": tar(header("pax", 2**28, b"x"), lambda: bytes(2**28), name="d.tar.gz"),
    "holes in a tar.gz": tar(
        pax(GNU_sparse_major="1", GNU_sparse_minor="0"),
        header("cat/2.jpg", 2**26),
        lambda: b"9" * 15 + b"\n" + b"0\n" * (2**25 - 8),
        name="d.tar.gz",
    ),
    "3 GiB in an IDX file": alone("train-images-idx3-ubyte.gz", lambda: _GZ + zeros(3 * GIB, -15) + bytes(8)),
    "3 GiB in a MATLAB file": alone("d.mat", lambda: matlab(zeros(3 * GIB, 15))),
}
"""What takes seconds to make, or to unpack as far as arrays may be large."""
FILES: dict[str, Callable[[Path], Path]] = TARS | ZIPS | ARRAYS | SHEETS | TEXTS | LARGE
"""Builders by what they make in an empty folder; each returns what is given as DATA."""

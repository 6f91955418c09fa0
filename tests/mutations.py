"""Ways to damage a data set, each a function of (folder, random numbers) that changes files and says what it did."""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import io
import json
import lzma
import os
import shutil
import socket
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

PICTURES = frozenset(".jpg .jpeg .png .bmp .gif .tif .tiff .ppm .webp .cr2 .dcm .psd .jxl .heic .nef .arw .dng".split())
TEXTS = frozenset(".csv .tsv .txt .lst .list .json .jsonl .ndjson .manifest .xml .cls".split())
ZIPS = frozenset([".zip", ".xlsx", ".npz"])
PACKERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    ".gz": (gzip.decompress, gzip.compress),
    ".tgz": (gzip.decompress, gzip.compress),
    ".bz2": (bz2.decompress, bz2.compress),
    ".xz": (lzma.decompress, lzma.compress),
}
DEEP = 100_000
NAMES = (
    " ", "   .jpg", ".", "...", "..jpg", ".hidden.jpg", "-rf", "~", "con", "NUL.jpg", "a\nb.jpg", "a\tb", "\x1b[31m.jpg",
    "\x7f", "a\\b.jpg", "..\\..\\x.jpg", "\u202egpj.exe", "\ud800.jpg", "\udcff\udcfe.png", "e\u0301.jpg", "\u00e9.jpg",
    "\u200b", "\ufeff.jpg", "\U0001f431.jpg", "%00.jpg", "a,b.jpg", 'a"b.jpg', "a'b", "a;b|c.jpg", "#.jpg", "*?.png",
    "{0}.jpg", "%s.jpg", "TRAIN", "Train", "train", "val", "test", "images", "labels.csv", "metadata.jsonl", "x" * 200,
    "x" * 251 + ".jpg", "\u732b" * 80, "9" * 240, "\u00b2", "1e999", "nan", "a.JPG", "A.jpg", ".jpg", "jpg", "a.jpg.jpg",
    "a.tar", "a.zip", "a.csv", "a.json", "a.parquet", "classes.txt", "split.csv", "plan.json", "run.json", "\x01",
    "\\x01", "imagelabels.mat", "meta.mat", "train_X.bin", "train-images-idx3-ubyte", "a.npz", "a.mat", "a.xlsx",
    "a.xml", "a#1.jpg", "http:", "s3:", "Thumbs.db", "__MACOSX", ".git", "lost+found",
)  # fmt: skip
"""Names that files may have on a disk."""
CELLS = (
    "", " ", "\t", "\0", "\x01", "\x1f", "a\x1fb", "\r", "\n", "\r\n", '"', '""', "'", '"a', ",", ";", "|", ",,,,", "nan", "NaN",
    "inf", "-inf", "1e999", "-1", "0", "1", "1.0", "0.5", "9" * 5000, "1" + "0" * 400 + ".0", "9007199254740993.0", "\u00b2",
    "\u0663", "1_0", "0x10", "True", "null", "None", "[]", "{}", "[1", '{"a":', "[" * DEEP, '{"a":' * DEEP, "#", "# x", "..",
    "../../etc/passwd", "/etc/passwd", "C:\\a\\b.jpg", "file:///etc/passwd", "http://x/y.jpg?z=1", "?", "??=", "://",
    "a://b/?c=d", "~", "~root/x.jpg", "/dev/zero", "/dev/stdin", "\\\\host\\x", "caf\u00e9", "caf\udce9", "\ud800", "\ufeff",
    "\u202e", "\u2028", "\x85", "\x0c", "\U0001f431", "a" * 100_000, "a b " * 30_000, "a" + " " * 100_000 + "b", "train",
    "test", "val", "unassigned", "cat|dog", "cat,dog", "path", "label", "image", "class", "split", "pixels", "x" * 300,
    "=1+1", "<b>", "&amp;", "%s%n", "{}", "\\x01", "-", "--", "\\",
)  # fmt: skip
"""What may stand in a cell of a table, or for a value in JSON."""
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 1.5, 1e308, float("nan"), float("inf"), float("-inf"), "",
    [], {}, [[]], [{}], [None], {"": ""}, {"id": 1}, [1, "a"], {"a": {"b": {"c": []}}}, [[1, 2], [3]], "\ud800",
)  # fmt: skip
Change = Callable[[Path, Random], str]


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _some_file(root: Path, rng: Random) -> Path | None:
    """A file, rather one that is no picture."""
    files = _files(root)
    others = [file for file in files if file.suffix.lower() not in PICTURES]
    chosen = others if others and rng.random() < 0.9 else files
    return rng.choice(chosen) if chosen else None


def damaged(data: bytes, rng: Random) -> bytes:
    """Bytes with some of them flipped, cut out, doubled, put in or set to what numbers end at."""
    bites = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        size = len(bites)
        where = rng.choice((rng.randint(0, size), min(size, rng.randint(0, 64)), max(0, size - rng.randint(0, 200))))
        length = rng.choice((1, 1, 2, 4, 8, 64, 1000))
        match rng.randrange(7):
            case 0 if where < size:
                bites[where] ^= 1 << rng.randrange(8)
            case 1:
                del bites[where : where + length]
            case 2:
                bites[where:where] = bites[where : where + length]
            case 3:
                bites[where:where] = rng.randbytes(length)
            case 4:
                filler = rng.choice((b"\0", b"\xff", b"\x7f", b" ", b"\n", b'"', b",", b"9"))
                bites[where : where + length] = filler * length
            case 5:
                number = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)) & (2 ** (8 * min(length, 8)) - 1)
                bites[where : where + min(length, 8)] = number.to_bytes(min(length, 8), rng.choice(("little", "big")))
            case _ if rng.random() < 0.3:
                del bites[where:]
    return bytes(bites)


def any_bytes(root: Path, rng: Random) -> str:
    """Bytes of any file."""
    file = _some_file(root, rng)
    if file is None:
        return ""
    file.write_bytes(damaged(file.read_bytes(), rng))
    return f"bytes of {file.name!r}"


def packed_bytes(root: Path, rng: Random) -> str:
    """Bytes of what a compressed file holds, packed again as it was, so that its checks hold."""
    files = [file for file in _files(root) if file.suffix.lower() in ZIPS or file.suffix.lower() in PACKERS]
    if not files:
        return ""
    file = rng.choice(files)
    with contextlib.suppress(Exception):
        if file.suffix.lower() in ZIPS:
            with zipfile.ZipFile(file) as archive:
                members = {info.filename: archive.read(info) for info in archive.infolist()}
            name = rng.choice(sorted(members))
            changed = text_damaged(members[name], rng) if name.endswith(".xml") else damaged(members[name], rng)
            members[name] = changed
            with zipfile.ZipFile(file, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
                for each, data in members.items():
                    archive.writestr(each, data)
            return f"packed bytes of {name!r} in {file.name!r}"
        unpack, pack = PACKERS[file.suffix.lower()]
        file.write_bytes(pack(damaged(unpack(file.read_bytes()), rng)))
        return f"packed bytes of {file.name!r}"
    return ""


def text_damaged(data: bytes, rng: Random) -> bytes:
    """A text with other cells, lines, line ends, quotation marks, separators or another encoding."""
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    separator = max(",\t;| ", key=lines[0].count)
    cells = lines[row].split(separator)
    column = rng.randrange(len(cells))
    hostile = rng.choice(CELLS)
    match rng.randrange(16):
        case 0 | 1 | 2 | 3:
            cells[column] = hostile
            lines[row] = separator.join(cells)
        case 4:  # a column of it
            for number, line in enumerate(lines[1:] if rng.random() < 0.8 else lines, 1):
                some = line.split(separator)
                if column < len(some):
                    some[column] = hostile
                    lines[min(number, len(lines) - 1)] = separator.join(some)
        case 5:
            lines[row] = separator.join(cells + [hostile] * rng.choice((1, 2, 1000)))
        case 6:
            del cells[column]
            lines[row] = separator.join(cells)
        case 7:
            names = lines[0].split(separator)
            names[rng.randrange(len(names))] = rng.choice((*names, hostile, "path", "label", "split", "class", "Label "))
            lines[0] = separator.join(names)
        case 8:
            lines = [line + "".join(f"{separator}c{number}" for number in range(10_000)) for line in lines[:4]]
        case 9:
            lines *= rng.choice((2, 3, 50))
        case 10:
            rng.shuffle(lines)
        case 11:
            other = rng.choice([each for each in ",\t;| \x1f\0" if each != separator])
            lines = [line.replace(separator, other) if rng.random() < 0.8 else line for line in lines]
        case 12:
            return rng.choice(("\r\n", "\r", "\n\n", "\x0b", "\u2028", "\0", "")).join(lines).encode("utf-8", "surrogatepass")
        case 13:
            encoding = rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "utf-7", "cp037"))
            return text.encode(encoding, "replace")
        case 14:
            cells[column] = "y" * 10_000_000
            lines[row] = separator.join(cells)
        case _:
            place = rng.randint(0, len(text))
            return (text[:place] + hostile + text[place:]).encode("utf-8", "surrogatepass")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def any_text(root: Path, rng: Random) -> str:
    """The text of a table, JSON or XML."""
    files = [file for file in _files(root) if file.suffix.lower() in TEXTS]
    if not files:
        return ""
    file = rng.choice(files)
    if file.suffix.lower() in (".json", ".jsonl", ".ndjson", ".manifest") and rng.random() < 0.7:
        file.write_bytes(json_damaged(file.read_bytes(), rng))
    else:
        file.write_bytes(text_damaged(file.read_bytes(), rng))
    return f"text of {file.name!r}"


def json_damaged(data: bytes, rng: Random) -> bytes:
    """JSON, or a line of it, with a value that is something else, doubled, gone or under another key."""
    try:
        lines = None
        content = json.loads(data)
    except ValueError:
        lines = data.decode("utf-8", "replace").split("\n")
        row = rng.randrange(len(lines))
        try:
            content = json.loads(lines[row])
        except ValueError:
            return text_damaged(data, rng)
    holder: Any = [content]
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.85:
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    hostile = rng.choice((rng.choice(VALUES), rng.choice(VALUES), rng.choice(CELLS)))
    mark = ""
    match rng.randrange(8):
        case 0 | 1 | 2 | 3:
            holder[key] = hostile
        case 4 if isinstance(holder, dict):
            del holder[key]
        case 5 if isinstance(holder, dict):
            holder[str(rng.choice((hostile, "id", "label", "images", "annotations")))] = holder.pop(key)
        case 6:
            holder[key] = [holder[key]] * rng.choice((1, 2, 300))
        case _:
            mark = holder[key] = "a value nested deep"
    shown = json.dumps(content if not isinstance(content, list) or content != [content] else content)
    if mark:
        shown = shown.replace(json.dumps(mark), rng.choice(("[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "9" * 5000)))
    if lines is not None:
        lines[row] = shown
        return "\n".join(lines).encode()
    return shown.encode()


def another_kind(root: Path, rng: Random) -> str:
    """A CSV file as another kind of table, with odd cells in it."""
    files = [file for file in _files(root) if file.suffix.lower() in (".csv", ".txt", ".tsv")]
    if not files:
        return ""
    file = rng.choice(files)
    text = file.read_text("utf-8", "replace").replace("\0", "")
    with contextlib.suppress(csv.Error):
        rows = list(csv.reader(io.StringIO(text), delimiter=max(",\t; ", key=text[:200].count)))[:200]
        for _ in range(rng.choice((0, 1, 3))):
            row = rng.choice(rows)
            if row:
                row[rng.randrange(len(row))] = rng.choice(CELLS)
        kind = rng.choice((".xlsx", ".parquet", ".json", ".jsonl", ".xml", ".mat", ".lst"))
        with contextlib.suppress(Exception):  # what the writers refuse is no input for the reader
            file.with_suffix(kind).write_bytes(_written(rows, kind, rng))
            file.unlink()
            return f"{file.name!r} as {kind}"
    return ""


def _written(rows: list[list[str]], kind: str, rng: Random) -> bytes:
    width = max(map(len, rows))
    rows = [row + [""] * (width - len(row)) for row in rows]
    header, body = rows[0], rows[1:]
    buffer = io.BytesIO()
    if kind == ".xlsx":
        import openpyxl

        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([_typed(cell[:30_000], rng) for cell in row])
        book.save(buffer)
    elif kind == ".parquet":
        import pyarrow
        import pyarrow.parquet

        columns = [pyarrow.array(_column([row[number] for row in body], rng)) for number in range(width)]
        pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=header), buffer)
    elif kind == ".mat":
        from scipy.io import savemat

        savemat(buffer, {f"c{number}": np.array([row[number] for row in body], rng.choice((object, str))) for number in range(width)})
    elif kind in (".json", ".jsonl"):
        records = [dict(zip(header, row, strict=True)) for row in body]
        shown = json.dumps(records) if kind == ".json" else "\n".join(map(json.dumps, records))
        return shown.encode()
    elif kind == ".xml":
        attributes = (" ".join(f'a{n}="{cell}"' for n, cell in enumerate(row)) for row in body)
        return ("<set>" + "".join(f"<i {each}><b>{rng.choice(CELLS)[:50]}</b></i>" for each in attributes) + "</set>").encode("utf-8", "replace")
    else:
        return "\n".join(" ".join(row) for row in rows).encode("utf-8", "surrogatepass")
    return buffer.getvalue()


def _typed(cell: str, rng: Random) -> Any:
    import datetime

    return rng.choice((cell, cell, cell, cell, None, 1.5, True, datetime.datetime(2020, 1, 1)))


def _column(cells: list[str], rng: Random) -> list[Any]:
    made = rng.choice((str, str, str, str, str.encode, lambda c: [c], lambda c: {"bytes": c.encode(), "path": c}, len, lambda _: None, lambda c: [[c]]))
    return [made(cell.encode("utf-8", "replace").decode()) for cell in cells]


def odd_arrays(root: Path, rng: Random) -> str:
    """An array of an array file that is something else, or under another name."""
    files = [file for file in _files(root) if file.suffix.lower() in (".npz", ".npy", ".mat")]
    if not files:
        return ""
    file = rng.choice(files)
    with contextlib.suppress(Exception):
        if file.suffix == ".npy":
            np.save(file, _odd_array(np.load(file, allow_pickle=True), rng), allow_pickle=True)
        else:
            from scipy.io import loadmat, savemat

            data = io.BytesIO(file.read_bytes())
            content = dict(np.load(data, allow_pickle=True)) if file.suffix == ".npz" else loadmat(data)
            arrays = {key: value for key, value in content.items() if not key.startswith("__")}
            key = rng.choice(sorted(arrays))
            changed = _odd_array(arrays.pop(key), rng)
            for name in rng.choice(((key,), (key,), (key,), (), (key, "x_val"), ("label",), ("classes",), ("y_test", key))):
                arrays[name] = changed
            np.savez(file, **arrays) if file.suffix == ".npz" else savemat(file, arrays)
        return f"arrays of {file.name!r}"
    return ""


def _odd_array(values: Any, rng: Random) -> Any:
    made: list[Callable[[Any], Any]] = [
        lambda v: v[:0], lambda v: v[:1], lambda v: v[..., None], lambda v: v[None], lambda v: v.ravel(), lambda v: v.T,
        lambda v: v.astype(np.float64) + 0.5, lambda v: v.astype(np.float32) * np.nan, lambda v: v.astype(np.float16) / 0,
        lambda v: v.astype(np.int64) - 2**40, lambda v: v.astype(np.uint64) + np.uint64(2**63), lambda v: v.astype(complex),
        lambda v: v.astype(str), lambda v: v.astype("S"), lambda v: v.astype(object), lambda v: v > 1,
        lambda v: np.array("x"), lambda v: np.array([[]]), lambda v: np.zeros((len(v), 0)), lambda v: np.zeros((len(v), 0, 4)),
        lambda v: np.zeros((len(v), 5)), lambda v: np.eye(len(v)), lambda v: np.full(len(v), "\ud800x\n\x01"),
        lambda v: np.full(len(v), b"\xff\xfe"), lambda v: np.array([{"a": 1}] * len(v)), lambda v: v.astype("M8[s]"),
        lambda v: np.array([(1, 2.0)] * len(v), dtype="i4,f8"), lambda v: v.astype(np.float64) * 1e300, lambda v: -v.astype(np.int16),
        lambda v: np.broadcast_to(v[:1], (len(v), *v.shape[1:])), lambda v: np.asfortranarray(v), lambda v: v[::-1],
        lambda v: np.array([str(each) * 2000 for each in v.ravel()[: len(v)]]), lambda v: np.full(len(v), " "),
    ]  # fmt: skip
    return rng.choice(made)(np.asarray(values))


def odd_name(root: Path, rng: Random) -> str:
    """Another name for a file or a folder."""
    paths = sorted(path for path in root.rglob("*"))
    if not paths:
        return ""
    path = rng.choice(paths)
    name = rng.choice(NAMES)
    if path.is_file() and rng.random() < 0.3:
        name += path.suffix
    with contextlib.suppress(OSError, ValueError):
        path.rename(path.with_name(name))
        return f"{path.name!r} is called {name!r}"
    return ""


def names_in_archives(root: Path, rng: Random) -> str:
    """Another name, type or size in the headers of an archive, with its checksum made anew."""
    files = [file for file in _files(root) if file.suffix.lower() in (".zip", ".tar", ".npz", ".xlsx") or file.suffix.lower() in PACKERS]
    if not files:
        return ""
    file = rng.choice(files)
    pack: Callable[[bytes], bytes] = bytes
    data = file.read_bytes()
    with contextlib.suppress(Exception):
        if file.suffix.lower() in PACKERS:
            unpack, pack = PACKERS[file.suffix.lower()]
            data = unpack(data)
        if data[:2] == b"PK":
            data = _zip_header_changed(data, rng)
        elif data[257:262] == b"ustar":
            data = _tar_header_changed(data, rng)
        file.write_bytes(pack(data))
        return f"headers of {file.name!r}"
    return ""


def _zip_header_changed(data: bytes, rng: Random) -> bytes:
    bites = bytearray(data)
    mark = rng.choice((b"PK\1\2", b"PK\1\2", b"PK\3\4", b"PK\5\6"))
    places = [place for place in range(len(data) - 4) if data[place : place + 4] == mark]
    if not places:
        return data
    for place in rng.sample(places, min(len(places), rng.choice((1, 1, 2, 100)))):
        match rng.randrange(3):
            case 0:
                at, size = place + 4 + 2 * rng.randrange(21), rng.choice((2, 4))
                bites[at : at + size] = rng.choice((0, 1, 8, 99, 2**15, 2**31, 2**32 - 1)).to_bytes(4, "little")[:size]
            case 1:
                length = int.from_bytes(data[place + 28 : place + 30], "little")
                name = rng.choice((*NAMES, "/etc/passwd", "../x.jpg", "C:/x.jpg", "", "/", "a/", "//", "a//b.jpg")).encode("utf-8", "surrogateescape" if rng.random() < 2 else "strict") if rng.random() < 0.9 else rng.randbytes(length)
                bites[place + 46 : place + 46 + length] = (name + b"/" * length)[:length]
            case _:
                other = rng.choice(places)
                bites[place : place + 46] = bites[other : other + 46]
    return bytes(bites)


def _tar_header_changed(data: bytes, rng: Random) -> bytes:
    bites = bytearray(data)
    headers = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    for at in rng.sample(headers, min(len(headers), rng.choice((1, 1, 2, 5)))):
        match rng.randrange(5):
            case 0:
                bites[at + 156] = rng.choice(b"01234567LKxgSDVMNXAZ\0\xff")
            case 1:
                size = rng.choice((b"77777777777\0", b"\x80" + b"\0" * 3 + b"\xff" * 8, b"\xff" * 12, b"\xff" * 11 + b"\0", b"00000000000\0", b"abc", b"00000001000\0"))
                bites[at + 124 : at + 124 + len(size)] = size
            case 2:
                name = rng.choice((*NAMES, "/etc/passwd", "../x.jpg", "", "./", "a/" * 49, "a//b.jpg")).encode("utf-8", "replace")[:100]
                bites[at : at + 100] = name + bytes(100 - len(name))
            case 3:
                field = rng.choice(((100, 8), (108, 8), (116, 8), (136, 12), (157, 100), (265, 32), (329, 8), (345, 155)))
                bites[at + field[0] : at + sum(field)] = damaged(data[at + field[0] : at + sum(field)], rng)[: field[1]].ljust(field[1], b"\0")
            case _:
                records = rng.choice(("size=-1", "size=99999999999999", "mtime=nan", "mtime=inf", "mtime=1e300", "path=" + "x" * 5000, "path=\n\x01.jpg", "GNU.sparse.major=1", "GNU.sparse.map=0,1,2", "hdrcharset=BINARY", "=", "x"))
                body = f"{len(records) + 4} {records}\n".encode()
                header = bytearray(data[at : at + 512])
                header[156] = ord(rng.choice("xgLK"))
                header[124:136] = f"{len(body):011o}\0".encode()
                bites[at:at] = _summed(header) + body.ljust(-(-len(body) // 512) * 512, b"\0")
                return bytes(bites)
        bites[at : at + 512] = _summed(bites[at : at + 512])
    return bytes(bites)


def _summed(header: bytes | bytearray) -> bytes:
    """A tar header with its checksum."""
    header = bytearray(header)
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


def structure(root: Path, rng: Random) -> str:
    """A file or a folder moved, removed, doubled, linked, or something that is neither."""
    paths = sorted(root.rglob("*"))
    folders = [path for path in paths if path.is_dir()] + [root]
    if not paths:
        return ""
    path, folder = rng.choice(paths), rng.choice(folders)
    name = rng.choice(NAMES)
    with contextlib.suppress(OSError, ValueError, shutil.Error):
        match rng.randrange(12):
            case 0:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                return f"without {path.name!r}"
            case 1:
                path.rename(folder / path.name)
                return f"{path.name!r} moved to {folder.name!r}"
            case 2 if path.is_dir() and path not in folder.parents and path != folder:
                shutil.copytree(path, folder / name)
                return f"a copy of {path.name!r} as {name!r}"
            case 3:
                (folder / name).symlink_to(rng.choice((path, root, folder / name, root / "nothing", Path("/dev/zero"), Path(".."))))
                return f"a link {name!r}"
            case 4:
                os.mkfifo(folder / rng.choice((name, "a.jpg", "a.csv", "a.tar", "a.npz", "labels.txt", "a.parquet")))
                return "a pipe"
            case 5:
                with socket.socket(socket.AF_UNIX) as opened:
                    opened.bind(str(folder / rng.choice(("a.jpg", "a.csv"))))
                return "a socket"
            case 6:
                (folder / rng.choice(("a.png", "a.csv", "a.npz", "a.tar", "a.parquet", name))).mkdir()
                return "a folder called like a file"
            case 7:
                (folder / rng.choice(("train", "val", "test", "images", "classes", name))).write_bytes(b"x")
                return "a file called like a folder"
            case 8:
                deep = folder
                for _ in range(rng.choice((50, 150, 400, 1500))):
                    deep = deep / "d"
                os.makedirs(deep)
                shutil.copy(rng.choice(_files(root)), deep)
                return "folders nested deep"
            case 9 if path.is_file():
                path.write_bytes(b"")
                return f"{path.name!r} emptied"
            case 10 if path.is_file():
                other = rng.choice(_files(root))
                path.write_bytes(other.read_bytes())
                return f"{path.name!r} is {other.name!r}"
            case _ if path.is_file():
                new = path.with_suffix(rng.choice((".csv", ".json", ".xlsx", ".parquet", ".mat", ".npz", ".npy", ".xml", ".jpg", ".tar", ".zip", ".jsonl", "", ".txt", ".bin", ".pt", ".cls", ".idx3-ubyte")))
                path.rename(new)
                return f"{path.name!r} is {new.name!r}"
    return ""


def packed(root: Path, rng: Random) -> str:
    """All of it in an archive of one kind or another, beside nothing else."""
    inside = sorted(path for path in root.iterdir())
    if not inside:
        return ""
    kind = rng.choice(("zip", "tar", "gztar", "xztar", "bztar"))
    moved = root.with_name(root.name + "-unpacked")
    with contextlib.suppress(OSError, ValueError, shutil.Error):
        root.rename(moved)
        root.mkdir()
        shutil.make_archive(str(root / "packed"), kind, moved)
        shutil.rmtree(moved)
        return f"packed as {kind}"
    shutil.rmtree(root, ignore_errors=True)
    moved.rename(root)
    return ""


CHANGES: tuple[tuple[int, Change], ...] = (
    (5, any_bytes),
    (3, packed_bytes),
    (8, any_text),
    (4, another_kind),
    (4, odd_arrays),
    (4, odd_name),
    (4, names_in_archives),
    (5, structure),
    (2, packed),
)
"""Every mutation with how often it comes."""

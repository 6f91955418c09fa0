"""A table as another kind of file, with odd cells in it."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.mutations.contents import files
from tests.mutations.hostile import CELLS

Rows = list[list[str]]


def another_kind(root: Path, rng: Random) -> str:
    """A text table as another kind."""
    chosen = files(root, ".csv", ".txt", ".tsv")
    if not chosen:
        return ""
    file = rng.choice(chosen)
    text = file.read_text("utf-8", "replace").replace("\0", "")
    with contextlib.suppress(Exception):  # what writers refuse is no input for a reader
        rows = list(csv.reader(io.StringIO(text), delimiter=max(",\t; ", key=text[:200].count)))[:200]
        for _ in range(rng.choice((0, 1, 3))):
            row = rng.choice(rows)
            row[rng.randrange(len(row))] = rng.choice(CELLS)
        width = max(map(len, rows))
        rows = [row + [""] * (width - len(row)) for row in rows]
        kind = rng.choice(sorted(WRITERS))
        file.with_suffix(kind).write_bytes(WRITERS[kind](rows, rng))
        file.unlink()
        return f"{file.name!r} as {kind}"
    return ""


def _xlsx(rows: Rows, rng: Random) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        odd = (None, 1.5, True, datetime.datetime(2020, 1, 1))
        book.active.append([rng.choice(odd) if rng.random() < 0.05 else cell[:30_000] for cell in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _parquet(rows: Rows, rng: Random) -> bytes:
    import pyarrow
    import pyarrow.parquet

    columns = [pyarrow.array(_column([row[number] for row in rows[1:]], rng)) for number in range(len(rows[0]))]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=rows[0]), buffer)
    return buffer.getvalue()


def _column(cells: list[str], rng: Random) -> list[Any]:
    shown = [cell.encode("utf-8", "replace").decode() for cell in cells]
    match rng.randrange(16):
        case 0:
            return [cell.encode() for cell in shown]
        case 1:
            return [[cell] for cell in shown]
        case 2:
            return [{"bytes": cell.encode(), "path": cell} for cell in shown]
        case 3:
            return [len(cell) for cell in shown]
        case 4:
            return [None] * len(shown)
        case 5:
            return [float("nan")] * len(shown)
        case 6:
            return [datetime.date(2020, 1, 1)] * len(shown)
    return shown


def _mat(rows: Rows, rng: Random) -> bytes:
    from scipy.io import savemat

    kind = rng.choice((object, str))
    columns = {f"c{number}": np.array([row[number] for row in rows[1:]], kind) for number in range(len(rows[0]))}
    buffer = io.BytesIO()
    savemat(buffer, columns, do_compression=rng.random() < 0.5)
    return buffer.getvalue()


def _xml(rows: Rows, rng: Random) -> bytes:
    items = [" ".join(f'a{number}="{cell}"' for number, cell in enumerate(row)) for row in rows[1:]]
    inside = "".join(f"<i {item}><b>{rng.choice(CELLS)[:50]}</b></i>" for item in items)
    return f"<set>{inside}</set>".encode("utf-8", "replace")


def _records(rows: Rows) -> list[dict[str, str]]:
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


WRITERS = {
    ".xlsx": _xlsx,
    ".parquet": _parquet,
    ".mat": _mat,
    ".xml": _xml,
    ".json": lambda rows, _: json.dumps(_records(rows)).encode(),
    ".jsonl": lambda rows, _: "\n".join(map(json.dumps, _records(rows))).encode(),
    ".lst": lambda rows, _: "\n".join(map(" ".join, rows)).encode("utf-8", "surrogatepass"),
}

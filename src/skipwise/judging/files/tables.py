"""Predictions in a table: one network and seed in a file, or all of them with a column that says which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import from_csv_cell
from skipwise.core.text import listed
from skipwise.data.sources.table_files.reading import read_tables
from skipwise.data.sources.table_files.table import Table
from skipwise.judging.files.columns import Columns, find_columns, listed_numbers, numbers, plain, with_header
from skipwise.judging.files.file_answers import FileAnswers
from skipwise.judging.files.file_names import network_and_seed
from skipwise.judging.files.numbers import kind_of

MISSING = frozenset({"", "nan"})
"""Contents of a cell without a value."""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The names of columns that the user gave; None where they are to be found.

    Args:
        network: of the network's name.
        seed: of the seed.
        group: of what says which images belong together.
    """

    network: str | None = None
    seed: str | None = None
    group: str | None = None


def read_table(path: Path, data: bytes, naming: Naming) -> list[FileAnswers]:
    """The predictions in a table.

    Raises:
        SkipwiseError: it holds no table or several, a column is missing, or a cell has no value.
    """
    table = _table(path, data)
    columns = find_columns(table, network=naming.network, seed=naming.seed, group=naming.group)
    base, seed = network_and_seed(path)
    parts: dict[tuple[str, int | None], list[int]] = {}
    for row in range(len(table.rows)):
        whose = base if columns.network is None else _cell(table, row, columns.network)
        which = seed if columns.seed is None else _seed(table, row, columns.seed)
        parts.setdefault((whose, which), []).append(row)
    several = len(parts) > 1
    return [_part(table, columns, whose, rows, several=several) for whose, rows in parts.items()]


def read_labels(path: Path, data: bytes) -> FileAnswers:
    """The labels of images in a table of id and label.

    Raises:
        SkipwiseError: as `read_table`, or it has no column of labels.
    """
    table = _table(path, data)
    columns = find_columns(table, answered=False)
    if columns.label is None:
        raise SkipwiseError(f"{path} has no column of labels; call one of its columns label.")
    ids = [from_csv_cell(_cell(table, row, columns.id)) for row in range(len(table.rows))]
    _check_different(table, ids)
    return FileAnswers(
        where=str(path),
        network="",
        seed=None,
        ids=ids,
        labels=_names(table, columns.label),
        answers=None,
        values=None,
        classes=(),
        kind="classes",
    )


def _table(path: Path, data: bytes) -> Table:
    name = str(path)
    found = read_tables(name, data)
    if len(found) != 1:
        holds = "several tables" if found else "no table with rows"
        raise SkipwiseError(f"{name} holds {holds}; save one table of id, label and prediction, as .csv or .parquet.")
    table = with_header(found[0])
    if not table.rows:
        raise SkipwiseError(f"{name} has a header and no rows; give a row for each image.")
    short = next(
        (line for row, line in zip(table.rows, table.lines, strict=True) if len(row) < len(table.header)), None
    )
    if short is not None:
        raise SkipwiseError(f"{name}: line {short} has fewer cells than the header; complete it, or remove it.")
    return table


def _part(
    table: Table, columns: Columns, whose: tuple[str, int | None], rows: Sequence[int], *, several: bool
) -> FileAnswers:
    network, seed = whose
    where = table.name
    if several:
        where += f" ({network}{'' if seed is None else f', seed {seed}'})"
    part = Table(where, table.header, [table.rows[row] for row in rows], [table.lines[row] for row in rows])
    ids = [from_csv_cell(_cell(part, row, columns.id)) for row in range(len(rows))]
    _check_different(part, ids)
    values, kind, classes = None, "classes", tuple(columns.classes)
    if columns.listed is not None:
        values = listed_numbers(part, columns.listed)
        classes = tuple(map(str, range(values.shape[1])))
    elif columns.classes:
        values = numbers(part, list(columns.classes.values()))
    if values is not None:
        if len(classes) < 2:
            raise SkipwiseError(
                f"{where} has probabilities of {listed(classes)} only; give a column for each class, two at least."
            )
        kind = kind_of(values, where, lambda row: f"line {part.lines[row]} ({ids[row]})")
        values = values.astype(np.float32) if kind == "logits" else values
    return FileAnswers(
        where=where,
        network=network,
        seed=seed,
        ids=ids,
        labels=None if columns.label is None else _names(part, columns.label),
        answers=None if columns.answer is None else _names(part, columns.answer),
        values=values,
        classes=classes,
        kind=kind,
        groups=None if columns.group is None else [_cell(part, row, columns.group) for row in range(len(rows))],
    )


def _names(table: Table, place: int) -> list[str]:
    return [plain(from_csv_cell(_cell(table, row, place))) for row in range(len(table.rows))]


def _cell(table: Table, row: int, place: int) -> str:
    cell = table.rows[row][place].strip()
    if cell.lower() in MISSING:
        raise SkipwiseError(
            f"{table.name}: line {table.lines[row]} has no {table.header[place]} (the cell is {cell!r}); fill it in, "
            "or leave the image out of all files."
        )
    return cell


def _seed(table: Table, row: int, place: int) -> int:
    cell = plain(_cell(table, row, place))
    try:
        return int(cell)
    except ValueError:
        raise SkipwiseError(
            f"{table.name}: line {table.lines[row]} has the seed {cell!r}; seeds are whole numbers."
        ) from None


def _check_different(table: Table, ids: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for row, name in enumerate(ids):
        if name in seen:
            lines = f"lines {table.lines[seen[name]]} and {table.lines[row]}"
            more = len(ids) - len(set(ids))
            also = f", and {more - 1:,} more such rows" if more > 1 else ""
            raise SkipwiseError(
                f"{table.name} has the id {name!r} in {lines}{also}; keep one row for each image. If the rows are of "
                "several networks or seeds, name their columns with --network-column and --seed-column."
            )
        seen[name] = row

"""The columns of a table of predictions, recognised by names that tools use, and by their values."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.escaping import from_csv_cell
from skipwise.core.text import count, listed, shortened
from skipwise.data.sources.table_files.table import SEVERAL, Table
from skipwise.judging.files.numbers import SUM

NAMES = {
    "id": "id image_id imageid image path file filepath file_path filename file_name image_path name img key sample_id",
    "label": "label true_label target targets true truth y y_true ytrue ground_truth gt true_class actual",
    "answer": "prediction predicted pred preds answer y_pred ypred predicted_label predicted_class pred_label class",
    "seed": "seed random_seed",
    "network": "network model architecture arch",
}
"""Names of columns, the commonest first."""
IGNORED = re.compile(
    r"(|right|correct|is_correct|confidence|calibrated|probability(_\d+)?|score|loss|split|fold|epoch|index|rank|weight"
    r"|unnamed: \d+|error|top|top\..*)"
)
"""Columns of numbers that are no classes."""
PREFIX = re.compile(
    r"(?P<prefix>(p|prob|probs|proba|probability|probabilities|logit|logits|score|scores)[_.:/ -])(?P<name>.+)"
)
LISTS = frozenset({"probabilities", "probs", "proba", "logits", "scores", "prob", "logit", "y_prob", "y_score"})
"""A column with all values of an image in one cell."""
EVALUATION = ("image", "label", "answer", "right", "confidence", "calibrated")
"""The first columns of the table that `evaluate` writes; its classes follow."""
WHOLE = re.compile(r"[+-]?\d+\.0+")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The places of the columns of a table; None where it has none.

    Args:
        names: of all columns.
        classes: the places of the columns of probabilities or logits, by the classes' names.
        listed: the place of the column that has all of them in one cell.
        group: what says which images belong together.
    """

    names: tuple[str, ...]
    id: int
    label: int | None
    answer: int | None
    seed: int | None
    network: int | None
    classes: dict[str, int]
    listed: int | None
    group: int | None


def with_header(table: Table) -> Table:
    """The table with its first row as its header, where the format has none."""
    if table.header:
        return table
    return Table(table.name, tuple(cell.strip() for cell in table.rows[0]), table.rows[1:], table.lines[1:])


def find_columns(
    table: Table,
    *,
    network: str | None = None,
    seed: str | None = None,
    group: str | None = None,
    answered: bool = True,
) -> Columns:
    """The columns of a table of predictions.

    Args:
        table: with a header.
        network, seed, group: the names of columns that the user gave.
        answered: whether it has to hold predictions, rather than labels alone.

    Raises:
        SkipwiseError: there is no column of ids, none of a name that was given, or no column of predictions.
    """
    names = table.header
    low = [name.strip().lower() for name in names]
    found = {role: _first(low, known.split()) for role, known in NAMES.items()}
    for role, given in (("network", network), ("seed", seed)):
        found[role] = found[role] if given is None else _given(table.name, names, given, f"--{role}-column")
    if found["label"] is None and "class" in low and (not answered or found["answer"] != low.index("class")):
        found["label"] = low.index("class")
    if found["id"] is None:
        raise SkipwiseError(
            f"{table.name} has no column of ids, by which images are matched; its columns are "
            f"{listed([shortened(name, 30) for name in names], 6)}. Call one of them id."
        )
    grouped = names.index(group) if group is not None and group in names else None
    taken = {place for place in (*found.values(), grouped) if place is not None}
    rest = {place: names[place] for place in range(len(names)) if place not in taken}
    packed = next((place for place in rest if low[place] in LISTS and _holds_lists(table, place)), None)
    classes = {} if packed is not None or not answered else _class_columns(table, rest, low, found["label"])
    if answered and found["answer"] is None and packed is None and not classes:
        raise SkipwiseError(
            f"{table.name} has no column of predictions; its columns are "
            f"{listed([shortened(name, 30) for name in names], 6)}. Call one of them prediction, or give a column of "
            "probabilities or logits for each class, called after it (p_cat, p_dog)."
        )
    return Columns(names=names, classes=classes, listed=packed, group=grouped, **found)  # type: ignore[arg-type]


def plain(cell: str) -> str:
    """A cell as a name; a whole number that was written as 3.0 is 3."""
    text = cell.strip()
    return text.partition(".")[0] if WHOLE.fullmatch(text) else text


def numbers(table: Table, places: Sequence[int]) -> NDArray[np.float64]:
    """The numbers in some columns [rows, columns]; NaN for a cell without one."""
    cells = [[row[place] if place < len(row) else "" for place in places] for row in table.rows]
    try:
        return np.array(cells, dtype=np.float64)  # several times as fast as one by one
    except ValueError:
        return np.array([[_number(cell) for cell in row] for row in cells])


def listed_numbers(table: Table, place: int) -> NDArray[np.float64]:
    """The numbers in the cells of a column of lists [rows, numbers].

    Raises:
        SkipwiseError: the cells have different numbers of them.
    """
    cells = [_parts(row[place]) for row in table.rows]
    widths = {len(cell) for cell in cells}
    if len(widths) > 1:
        raise SkipwiseError(
            f"{table.name}: the cells of the column {table.header[place]!r} hold between {min(widths)} and "
            f"{max(widths)} values; each has to hold one for each class."
        )
    return np.array([[_number(part) for part in cell] for cell in cells])


def _first(low: Sequence[str], known: Sequence[str]) -> int | None:
    return next((low.index(name) for name in known if name in low), None)


def _given(file: str, names: Sequence[str], given: str, flag: str) -> int:
    if given not in names:
        raise SkipwiseError(f"{file}: {flag} {given}: {unknown_name('column', given, names)}")
    return names.index(given)


def _class_columns(table: Table, rest: dict[int, str], low: Sequence[str], label: int | None) -> dict[str, int]:
    """The columns of probabilities or logits, by the names of the classes."""
    if tuple(low[: len(EVALUATION)]) == EVALUATION:
        return {from_csv_cell(table.header[place]): place for place in range(len(EVALUATION), len(table.header))}
    marked = {place: found for place, name in rest.items() if (found := PREFIX.fullmatch(low[place].strip()))}
    marked = {place: found for place, found in marked.items() if not IGNORED.fullmatch(low[place])}
    prefixes = [found["prefix"] for found in marked.values()]
    if prefixes:
        chosen = max(dict.fromkeys(prefixes), key=prefixes.count)
        of_it = [place for place, found in marked.items() if found["prefix"] == chosen]
        return {plain(from_csv_cell(rest[place].strip()[len(chosen) :])): place for place in of_it}
    known = set() if label is None else {plain(row[label]) for row in table.rows if label < len(row)}
    named = {plain(name): place for place, name in rest.items() if plain(name) in known}
    others = [place for place in rest if plain(rest[place]) not in named and not IGNORED.fullmatch(low[place])]
    others = [place for place in others if _is_numeric(table, place)]
    numbered = [place for place in others if rest[place].strip().isdigit()]
    if not named and not known and numbered:
        return {plain(rest[place]): place for place in numbered}
    if not named or not others:
        return named
    return named | _without_images(table, named, {plain(rest[place]): place for place in others})


def _without_images(table: Table, named: dict[str, int], others: dict[str, int]) -> dict[str, int]:
    """Returns the columns, among the other numeric ones, of classes that have no images."""
    if all(name.isdigit() for name in (*named, *others)):
        return others
    sums = numbers(table, list(named.values())).sum(axis=1)
    more = sums + numbers(table, list(others.values())).sum(axis=1)
    if _are_ones(sums):
        return {}
    if _are_ones(more):
        return others
    name = next(iter(others))
    raise SkipwiseError(
        f"{table.name} has {count(len(others), 'column')} of numbers that no label is called after, such as {name!r}. "
        f"Call it logit_{name} or p_{name} if it is a class, and the others likewise; or remove it."
    )


def _are_ones(sums: NDArray[np.float64]) -> bool:
    return bool((np.abs(sums - 1) <= SUM).all())


def _is_numeric(table: Table, place: int, rows: int = 50) -> bool:
    cells = [row[place] for row in table.rows[:rows] if place < len(row)]
    return bool(cells) and all(np.isfinite(_number(cell)) for cell in cells)


def _holds_lists(table: Table, place: int, rows: int = 50) -> bool:
    return all(place < len(row) and len(_parts(row[place])) > 1 for row in table.rows[:rows])


def _parts(cell: str) -> Collection[str]:
    if SEVERAL in cell:
        return cell.split(SEVERAL)
    return [part for part in re.split(r"[\s,;]+", cell.strip().strip("[]()")) if part]


def _number(cell: str) -> float:
    text = cell.strip()
    try:
        return float(text) if text else np.nan
    except ValueError:
        pass
    try:  # a decimal comma, as in tables whose cells semicolons separate
        return float(text.replace(",", "."))
    except ValueError:
        return np.nan

"""Finding the columns of images, classes, splits and groups in a table, by their names and their content."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skipwise.core.errors import SkipwiseError
from skipwise.data.image.formats import is_picture
from skipwise.data.names import suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.columns.column_names import (
    flagged_split,
    image_names,
    image_rank,
    is_group_column,
    is_image_column,
    is_label_column,
    is_split_column,
    pictures_of,
    plain,
)
from skipwise.data.sources.columns.label_columns import LabelColumns, find_labels, is_one
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.split_names import split_of
from skipwise.data.sources.table_files.table import SEVERAL, Table

HEAD = 300
"""Rows that are looked at to find the columns."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a table, by number.

    Args:
        header: the names of the columns.
        first: the number of the first row after the header.
        image: the column of images.
        label: the column of classes; None if the `one_hot` columns are the classes, or no column names them.
        before: a column that goes before the class name, such as the genus before the species; or None.
        one_hot: columns of 0 and 1, one for each class.
        named: whether the column of classes was found by its name.
        split: the column of splits, or None.
        split_flag: for a column such as "is_valid", the split of images with a yes in it; or "".
        group: the column of groups that the user asked for, or None.
        others: columns that could name the classes, too.
        groups: columns that may name groups.
        notes: sentences for the user.
    """

    header: tuple[str, ...]
    first: int
    image: int
    label: int | None
    before: int | None = None
    one_hot: tuple[int, ...] = ()
    named: bool = False
    split: int | None = None
    split_flag: str = ""
    group: int | None = None
    others: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def split_of(self, row: Sequence[str]) -> str | None:
        """The split that a row names; "" if it is not assigned, None if the value is not a split."""
        if self.split is None:
            return ""
        if not self.split_flag:
            return value_split(row[self.split])
        other = "test" if self.split_flag == "train" else "train"
        return self.split_flag if is_one(row[self.split]) else other


def find_columns(
    table: Table, find: Callable[[str], str | None], options: ReadingOptions, *, required: bool
) -> Columns | None:
    """Finds the columns of a table.

    Args:
        table: the table.
        find: finds the picture that a cell means, or returns None.
        options: how the table is to be read.
        required: whether the user named this table, so that it has to list images.

    Returns:
        The columns; None if the table lists no images and is not required to.

    Raises:
        SkipwiseError: two columns are equally likely, or a column that the user named does not exist.
    """
    find = functools.cache(find)  # many cells have the same value
    where = table.name
    start = _find_header(table, find, options, required)
    if start is None:
        return None
    header, first, body, image = start
    split, flag, notes = _split_column(header, body, image, unnamed=first == 0 and not table.header)
    taken = {image, split}
    rest = [number for number in range(len(header)) if number not in taken]
    if options.label_column is not None:
        labels = LabelColumns(column=_asked(where, header, options.label_column, "--label-column"), named=True)
    else:
        # If a line stands for a folder, the folder is not a class.
        others = [number for number in rest if header[image] != pictures_of(header[number])]
        labels = find_labels(where, header, body, others, find, required)
    group = None if options.group in (None, "folder") else _asked(where, header, options.group, "--group")
    groups = tuple(
        number for number in rest if number != labels.column and is_group_column(header[number])
        and 1 < len({row[number] for row in body}) < len(body)
    )  # fmt: skip
    return Columns(
        header=header,
        first=first,
        image=image,
        label=labels.column,
        before=labels.before,
        one_hot=labels.one_hot,
        named=labels.named,
        others=labels.others,
        split=split,
        split_flag=flag,
        notes=tuple(notes),
        group=group,
        groups=groups,
    )


def _find_header(
    table: Table, find: Callable[[str], str | None], options: ReadingOptions, required: bool
) -> tuple[tuple[str, ...], int, list[list[str]], int] | None:
    """The header, the number of the first row after it, the first rows, and the column of images.

    None if the table lists no images and is not required to. Columns of a table without a header are named "column 1"
    and so on.
    """
    header, first = table.header, 0
    sample = table.rows[: HEAD + 1]
    if not header:
        header = tuple(cell.strip() for cell in sample[0])
        first = 1
    body = [list(row) + [""] * (len(header) - len(row)) for row in sample[first:]]
    if not body and not required and find(sample[0][0] if sample[0] else "") is None:
        return None
    image = _image_column(table.name, header, body, find, options.image_column, required)
    if image is None and not table.header and any(find(cell) for cell in sample[0]):
        image = next(number for number, cell in enumerate(sample[0]) if find(cell))
    if image is None:
        return None
    if (
        not table.header
        and image < len(sample[0])
        and find(sample[0][image]) is not None
        and not is_image_column(header[image])
    ):
        header = tuple(f"column {number + 1}" for number in range(len(header)))
        first = 0
        body = [list(row) + [""] * (len(header) - len(row)) for row in sample]
    return header, first, body, image


def _asked(where: str, header: Sequence[str], name: str, flag: str) -> int:
    exact = [number for number, column in enumerate(header) if column == name.strip()]
    alike = exact or [n for n, column in enumerate(header) if column.strip().lower() == name.strip().lower()]
    alike = alike or [number for number, column in enumerate(header) if plain(column) == plain(name)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise SkipwiseError(f"{where} has {len(alike)} columns called {name!r}; give each a name of its own.")
    raise SkipwiseError(f"{where} has no column {name!r} for {flag}; its columns are {_columns(header)}.")


def _columns(header: Sequence[str]) -> str:
    return quoted_list(header, 12)


def _image_column(
    where: str,
    header: Sequence[str],
    body: Sequence[Sequence[str]],
    find: Callable[[str], str | None],
    asked: str | None,
    required: bool,
) -> int | None:
    if asked is not None:
        return _asked(where, header, asked, "--image-column")
    found: dict[int, list[str | None]] = {}
    scores: dict[int, tuple[float, bool, bool, int, int]] = {}
    for number, name in enumerate(header):
        values = [row[number] for row in body if row[number].strip() and SEVERAL not in row[number]]
        if not values:
            continue
        pictures = [find(value) for value in values]
        hits = sum(picture is not None for picture in pictures) / len(values)
        if hits >= 0.5:
            found[number] = pictures
            # Names of files are likelier than numbers, and columns with the right name likelier than others.
            files = sum(is_picture(suffix(value.strip())) for value in values) > 0.5 * len(values)
            rank = image_rank(name)
            last = len(image_names())
            scores[number] = (
                round(hits, 1),
                files,
                rank is not None,
                len(set(values)),
                -last if rank is None else -rank,
            )
    if scores:
        best = max(scores, key=scores.__getitem__)
        for other in scores:
            same = found[other] == found[best]
            both = len(found[other]) == len(found[best]) and scores[other][3] > 0.5 * len(body)
            if other != best and both and not same and scores[other][:3] == scores[best][:3] and len(body) > 3:
                raise SkipwiseError(
                    f"{where} has two columns that name images, {header[best]!r} and {header[other]!r}; say which with "
                    "--image-column."
                )
        return best
    if not required:
        return None
    for name in image_names():
        for number, column in enumerate(header):
            if plain(column) == name:
                return number
    raise SkipwiseError(
        f"{where} has no column 'path' with the images' paths; its columns are {_columns(header)}. Name one with "
        "--image-column."
    )


def _split_column(
    header: Sequence[str], body: Sequence[Sequence[str]], image: int, *, unnamed: bool
) -> tuple[int | None, str, list[str]]:
    """The column of splits or None, the split that it says yes or no to or "", and sentences for the user."""
    notes: list[str] = []
    for number, name in enumerate(header):
        values = {row[number].strip() for row in body if row[number].strip()}
        known, flag = is_split_column(name), flagged_split(name)
        # If no column is named like classes, "train" and "test" may be two of them.
        flag = flag if plain(name) != flag or any(map(is_label_column, header)) else ""
        if number == image or not values or not (known or unnamed or flag):
            continue
        if flag and {value.lower() for value in values} <= _YES_OR_NO:
            return number, flag, notes
        if flag and not known:
            continue
        if plain(name) in ("partition", "split") and values == {"0", "1", "2"}:
            return number, "", notes
        meant = [None if value in _NUMBERED else value_split(value) for value in values]
        if all(each is not None for each in meant) or (known and any(each is not None for each in meant)):
            return number, "", notes
        if known and values <= {"UNASSIGNED", "unassigned"}:
            return number, "", notes
        if plain(name) in ("split", "subset", "partition", "set", "fold"):
            shown = quoted_list(sorted(values), 2)
            notes.append(f"The column {name!r} has values that are not splits ({shown}), so it is not used.")
    return None, "", notes


def value_split(value: str) -> str | None:
    """The split that a cell means; "" if it is not assigned, None if the value is not a split."""
    if value.strip().lower() in ("", "unassigned"):
        return ""
    if value.strip() in _NUMBERED:
        return _NUMBERED[value.strip()]
    if value.strip().lower() in ("tr", "te"):
        return "train" if value.strip().lower() == "tr" else "test"
    public = re.fullmatch(r"(?:public|private)_?test", value.strip(), re.IGNORECASE)
    if public:
        return "val" if value.strip().lower().startswith("public") else "test"
    return split_of(value.strip())


_YES_OR_NO = frozenset("0 1 0.0 1.0 true false yes no y n ja nein".split())
_NUMBERED = {"0": "train", "1": "val", "2": "test"}
"""The meaning of numbers in a column of splits, as in CelebA and WILDS."""

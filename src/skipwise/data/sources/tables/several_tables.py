"""Combining several tables that label images of one data set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.names import printable, stem
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.refused.unread_pictures import check_unread
from skipwise.data.sources.source import Reading
from skipwise.data.sources.split_names import split_in, splits_of
from skipwise.data.sources.tables.image_table import ImageTable
from skipwise.data.sources.tables.missing_images import missing_sentence


def chosen(place: Place, labelled: Sequence[ImageTable]) -> list[ImageTable]:
    """The tables that make up the data set together: one for each split, if there are such.

    Raises:
        Ambiguous: two tables contradict each other about the same images.
    """
    if len(labelled) > 1:
        labelled = _with_splits(labelled)
    by_split = [each for each in labelled if each.split or any(row.split for row in each.rows)]
    splits = {row.split for each in by_split for row in each.rows}
    covered = {row.file for each in by_split for row in each.rows}
    others = {row.file for each in labelled for row in each.rows}
    if {"train"} < splits and len(covered) >= 0.9 * len(others):
        labelled = by_split
    kept: list[ImageTable] = []
    for each in sorted(labelled, key=lambda listed: (-len(listed.rows), order(listed.table.name))):
        files = {row.file: row.label for row in each.rows}
        known = {row.file: row.label for other in kept for row in other.rows}
        common = files.keys() & known.keys()
        if common and not one_to_one((files[file], known[file]) for file in common):
            names = list(dict.fromkeys(printable(one.table.name) for one in labelled))
            raise Ambiguous(
                f"{place.name} has several tables that contradict each other about the same images "
                f"({', '.join(names[:12])}); give one of them instead of the folder, or name the column with "
                "--label-column."
            )
        if not common or (
            each.split and each.split not in {other.split for other in kept} and len(common) < len(files)
        ):
            kept.append(each)
    return kept


def class_lists(place: Place, listed: Sequence[ImageTable]) -> list[ImageTable] | None:
    """Lists of images that are each named after a class, such as "pos.txt" and "neg.txt"; None if there are none."""
    lists = [each for each in listed if each.rows and len(each.columns.header) == 1 and not each.split]
    files = [row.file for each in lists for row in each.rows]
    labels = {stem(each.table.name.rpartition("/")[2]) for each in lists}
    if (
        len(lists) < 2
        or len(labels) < len(lists)
        or splits_of(labels)
        or len(set(files)) < max(len(files), 0.9 * len(place.names))
    ):
        return None
    return [
        replace(each, rows=tuple(row._replace(label=stem(each.table.name.rpartition("/")[2])) for row in each.rows))
        for each in lists
    ]


def _with_splits(labelled: Sequence[ImageTable]) -> list[ImageTable]:
    """The tables; those without splits get the split of the folder that all of their images are in."""
    found = []
    for each in labelled:
        splits = {split_in(row.file.rpartition("/")[0]) for row in each.rows}
        if not any(row.split for row in each.rows) and len(splits) == 1 and (split := splits.pop()):
            each = replace(each, split=split, rows=tuple(row._replace(split=split) for row in each.rows))
        found.append(each)
    return found if len({row.split for each in found for row in each.rows} - {""}) > 1 else list(labelled)


def one_to_one(pairs: Iterable[tuple[str, str]]) -> bool:
    """Returns whether pairs of labels match one to one: the same classes, perhaps with different names.

    A name that is on both sides has to be paired with itself.
    """
    distinct = set(pairs)
    ones, others = {one for one, _ in distinct}, {other for _, other in distinct}
    swapped = any(one != other and one in others and not one.isdigit() for one, other in distinct)
    return len(distinct) == len(ones) == len(others) and not swapped


def table_reading(place: Place, tables: Sequence[ImageTable], options: ReadingOptions) -> Reading:
    """The reading of tables that label images."""
    if any(each.missing for each in tables):
        raise SkipwiseError(missing_sentence(tables, place.name))
    rows = [row for each in tables for row in each.rows]
    used = {row.file for row in rows}
    left = [name for name in place.names if name not in used]
    check_unread(place, {name.rpartition("/")[0] for name in used}, options)
    classes = sorted({row.label for row in rows})
    names = " and ".join(printable(each.table.name) for each in tables[:3]) + (" and others" if len(tables) > 3 else "")
    description = (
        f"the table{'s' * (len(tables) > 1)} {names} ({count(len(rows), 'image')}, {count(len(classes), 'class')}: "
        f"{quoted_list(classes, 4)}), {tables[0].described()}"
    )
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows,
        description=description,
        alternative=tables[0].proposal(),
        entries=place.pictures,
        left_out=[
            *left,
            *place.unread,
            *place.hidden,
            *(name for name in place.others.names if name not in {each.table.name for each in tables}),
        ],
        used_tables=frozenset(each.table.name for each in tables),
        notes=list(dict.fromkeys(note for each in tables for note in each.notes)),
    )


def order(name: str) -> tuple[int, str]:
    """A key that sorts names by the number at their end: "train2.txt" before "train10.txt"."""
    number = re.search(r"(\d+)(?=\.\w+$)", name)
    return int(number[1]) if number else 0, name

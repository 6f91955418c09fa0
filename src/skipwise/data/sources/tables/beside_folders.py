"""Tables beside class folders: which of the two names the classes, and what the other adds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from skipwise.core.text import count, quoted
from skipwise.data.names import printable
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.columns.column_names import is_group_column, is_measure
from skipwise.data.sources.folders import folder_names
from skipwise.data.sources.folders.folders import Folders
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.refused.unread_pictures import check_unread
from skipwise.data.sources.source import Reading
from skipwise.data.sources.split_names import split_of
from skipwise.data.sources.tables.image_table import ImageTable
from skipwise.data.sources.tables.several_tables import chosen, one_to_one, order, table_reading


def read_beside(
    place: Place,
    options: ReadingOptions,
    folders: Folders,
    labelled: Sequence[ImageTable],
    listed: Sequence[ImageTable],
) -> Callable[[], Reading] | None:
    """Decides how a place with class folders and tables is read.

    Args:
        place: the files.
        options: how the images are to be read.
        folders: the class folders.
        labelled: the tables that name classes.
        listed: all tables that list images.

    Returns:
        A function that reads the images; None if the folders alone decide.

    Raises:
        Ambiguous: a table and the folders contradict each other.
    """
    read = _against(place, options, folders, labelled) if labelled else None
    if read is None and not labelled:
        _check_others(place, folders, listed)
    return read or _split_lists(place, folders, listed)


def _against(
    place: Place, options: ReadingOptions, folders: Folders, labelled: Sequence[ImageTable]
) -> Callable[[], Reading] | None:
    """A function that reads the images with the tables that name classes; None if the folders decide."""
    tables = chosen(place, labelled)
    if options.label_column is not None:
        return lambda: table_reading(place, tables, options)
    rows = [row for each in tables for row in each.rows]
    known = {row.file: folders.labels.get(row.file.rpartition("/")[0]) for row in rows}
    pairs = {(row.label, label[0]) for row in rows if (label := known[row.file]) is not None}
    is_split = bool(folders.parts[0].split) or folders.level.splits is not None
    beyond = [row for row in rows if known[row.file] is None]
    if not one_to_one(pairs):
        if _says_nothing(folders, rows):
            return lambda: table_reading(place, tables, options)
        first = tables[0]
        if not (first.columns.named or first.by_folder or is_list(first)) or len(rows) < 0.5 * len(place.names):
            return None
        raise _two_readings(place, folders, first)
    if is_split and beyond and (filled := _filled(folders, beyond, dict(pairs))):
        return lambda: _combined(place, folders, filled, tables, options, complete=False)
    if len(rows) - len(beyond) < 0.9 * len(rows):
        return None
    names = dict(pairs)
    if any(row.split for row in rows) and not is_split:
        renamed = [row._replace(label=names[row.label]) for row in rows if row.label in names]
        return lambda: _combined(place, folders, renamed, tables, options, complete=True)
    if tables[0].columns.groups or options.group not in (None, "folder"):
        # The table names the same classes, and groups besides.
        if not is_split and len(rows) >= 0.9 * sum(folders.counted(place.names).values()):
            return lambda: table_reading(place, tables, options)
        if is_split and len(tables) == 1 and {part.split for part in folders.parts} == {"train"}:
            return lambda: table_reading(place, tables, options)
    return None


def _says_nothing(folders: Folders, rows: Sequence[LabelledImage]) -> bool:
    """Returns whether folders are named like parts, patients, splits or first digits of ids, not like classes."""
    tops = folders.tops
    tests = (folder_names.is_part, folder_names.is_generic, folder_names.is_group, folder_names.is_hash, split_of)
    if all(any(test(name) for test in tests) for name in tops):
        return not all(row.label in tops for row in rows)
    return all(map(folder_names.is_number, tops)) and not all(row.label.isdigit() for row in rows)


def is_list(listed: ImageTable) -> bool:
    """Returns whether a table has no header and lists numbered classes, as tools write them."""
    return listed.columns.header[0].startswith("column ") and all(row.label.isdigit() for row in listed.rows)


def _two_readings(place: Place, folders: Folders, table: ImageTable) -> Ambiguous:
    header, column = table.columns.header, table.columns.label
    flag = "the table itself as DATA" if column is None else f"--label-column {quoted(header[column])}"
    return Ambiguous(
        f"{place.name} can be read in two ways: with its folders as classes "
        f"({quoted_list(sorted(set(folders.tops)), 4)}; --class-level 1), or with the classes of "
        f"{printable(table.table.name)} ({quoted_list(sorted({row.label for row in table.rows}), 4)}; {flag}). Say "
        "which."
    )


def _check_others(place: Place, folders: Folders, listed: Sequence[ImageTable]) -> None:
    """Raises Ambiguous if a table without a known label column contradicts the folders.

    Such a table is a list without a header that numbers the classes, or it has a line for each folder.
    """
    for each in listed:
        columns = each.columns
        others = [
            n for n in columns.others if not (is_measure(columns.header[n]) or is_group_column(columns.header[n]))
        ]
        is_bare = columns.header[0].startswith("column ") and len(others) > 1
        if not each.rows or not (is_bare or each.by_folder):
            continue
        names = {row.file: folders.labels.get(row.file.rpartition("/")[0]) for row in each.rows}
        table = {row.line: row.file for row in each.rows}
        conflicting = []
        for number in others:
            cells = zip(each.table.rows, each.table.lines, strict=True)
            pairs = ((row[number], names[table[line]]) for row, line in cells if line in table)
            if not one_to_one((cell, label[0]) for cell, label in pairs if label is not None):
                conflicting.append(number)
        if not conflicting or (is_bare and len(conflicting) < len(others)):
            continue
        flags = " or ".join(f"--label-column {quoted(columns.header[number])}" for number in conflicting[:2])
        raise Ambiguous(
            f"{place.name} can be read in two ways: with its folders as classes "
            f"({quoted_list(sorted(set(folders.tops)), 4)}; --class-level 1, or leaf for the innermost), or with what "
            f"{printable(each.table.name)} says of them ({flags}). Say which."
        )


def _filled(folders: Folders, rows: Sequence[LabelledImage], names: Mapping[str, str]) -> list[LabelledImage]:
    """Labels from a table for the pictures of splits without class folders.

    Args:
        folders: the class folders; splits that the table labels are removed from its `unlabelled`.
        rows: the images of the table that are not in class folders.
        names: the class folder for each label of the table, as far as it is known.
    """
    classes = {label for label, _, _ in folders.labels.values()}
    # "3" may stand for the folder "03_bird".
    numbers = {str(int(match[1])): label for label in classes if (match := re.match(r"(\d{1,9})[ ._-]", label))}
    labelled: list[LabelledImage] = []
    for row in rows:
        part = next((p for p in folders.unlabelled if row.file.startswith(p.folder.path + "/")), None)
        first = row.label.split(maxsplit=1)[0]
        label = row.label if row.label in classes else names.get(row.label, first if first in classes else None)
        label = label or numbers.get(row.label)
        if part is not None and label is not None:
            labelled.append(row._replace(label=label, split=part.split))
    filled = {row.split for row in labelled}
    folders.unlabelled[:] = [part for part in folders.unlabelled if part.split not in filled]
    return labelled


def _combined(
    place: Place,
    folders: Folders,
    rows: Sequence[LabelledImage],
    tables: Sequence[ImageTable],
    options: ReadingOptions,
    *,
    complete: bool,
) -> Reading:
    """The reading of class folders with tables.

    Args:
        rows: images from the tables.
        complete: whether `rows` are all images, with splits from the tables; otherwise the tables label only splits
            without class folders.
    """
    together = list(rows) if complete else [*folders.rows(place.names), *rows]
    check_unread(place, set(folders.labels), options)
    used = {row.file for row in together}
    names = ", ".join(printable(each.table.name) for each in tables[:3])
    classes = sorted({row.label for row in together})
    return Reading(
        name=place.name,
        container=place.container,
        rows=together,
        description=(
            f"{count(len(classes), 'class folder')} ({count(len(together), 'image')}: {quoted_list(classes, 4)}) with "
            f"the {'splits' if complete else 'labels of other splits'} in {names}"
        ),
        alternative=folders.level.other,
        top=f"{folders.top.path}/" if folders.top.path else "",
        entries=place.pictures,
        left_out=[*(name for name in place.names if name not in used), *place.unread, *place.hidden],
        used_tables=frozenset(each.table.name for each in tables),
        notes=folders.notes,
    )


def _split_lists(place: Place, folders: Folders, listed: Sequence[ImageTable]) -> Callable[[], Reading] | None:
    """A function that reads class folders with the splits of tables: a column of splits, or a list for each split."""
    if folders.parts[0].split or folders.level.splits is not None:
        return None
    lists: dict[str, ImageTable] = {}
    for each in sorted(listed, key=lambda one: order(one.table.name)):
        if each.split and each.rows and not each.missing and each.split not in lists:
            lists[each.split] = each
    with_column = [each for each in listed if len({row.split for row in each.rows}) > 1]
    tables = with_column[:1] or list(lists.values())
    splits = {row.file: row.split for each in tables for row in each.rows}
    rest = "" if with_column or "train" in lists else "train"
    rows = [
        row._replace(split=split)
        for row in folders.rows(place.names)
        if (split := splits.get(row.file, rest)) in ("train", "val", "test")
    ]
    if len({row.split for row in rows}) < 2 or "train" not in {row.split for row in rows}:
        return None
    return lambda: _combined(place, folders, rows, tables, ReadingOptions(), complete=True)

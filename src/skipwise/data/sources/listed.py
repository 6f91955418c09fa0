"""Tables among the files of a place, held against its folders: which of them says what the classes are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence

from skipwise.data.names import printable, stem
from skipwise.data.sources import folder_names as called
from skipwise.data.sources.class_names import find_class_names
from skipwise.data.sources.columns import is_image_column, is_label_column
from skipwise.data.sources.detection import check_no_detection
from skipwise.data.sources.folders import Folders, read_folders
from skipwise.data.sources.labels import listing
from skipwise.data.sources.options import Ambiguous, ReadingOptions
from skipwise.data.sources.place import Place, shown
from skipwise.data.sources.source import Reading, Row
from skipwise.data.sources.split_names import split_of, splits_of
from skipwise.data.sources.table_files import Table, read_tables
from skipwise.data.sources.tables import Listed, list_images, missing_sentence
from skipwise.data.sources.unread import check_unread
from skipwise.data.words import count
from skipwise.errors import SkipwiseError


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Tables that label the images, or that say which split images of class folders are in.

    Raises:
        Ambiguous: two tables, or a table and the folders, say different things.
        SkipwiseError: a table lists the images but can't be read.
    """
    if not place.names or not place.documents or options.label_regex is not None:
        return None
    if options.class_level is not None and options.label_column is None:
        return None
    listed, errors = _listed(place, options)
    folders = _folders(place, options)
    labelled = [each for each in listed if each.labelled and each.rows]
    if any(each.columns.named for each in labelled):
        labelled = [each for each in labelled if each.columns.named]
    doubt = next((error for error in errors if isinstance(error, Ambiguous)), None)
    if doubt is not None and not labelled:
        raise doubt
    if folders is not None:
        read = _against(place, options, folders, labelled) if labelled else None
        if read is None and not labelled:
            _check_others(place, folders, listed)
        return read or _split_lists(place, folders, listed)
    if labelled:
        tables = _chosen(place, labelled)
        if all(_is_list(each) for each in tables):
            check_no_detection(place)
        return lambda: _reading(place, tables, options)
    if errors:
        raise errors[0]
    unlabelled = [each for each in listed if each.rows and len(each.columns.header) > 1]
    if unlabelled and options.label_column is None:
        each = unlabelled[0]
        raise SkipwiseError(
            f"{each.table.name} lists images, but no column says which class they are of (its columns are "
            f"{listing(each.columns.header, 8)}); name it with --label-column."
        )
    return None


def _listed(place: Place, options: ReadingOptions) -> tuple[list[Listed], list[SkipwiseError]]:
    """What the documents list, and why some that seem to list images can't be read."""
    splits = splits_of({stem(name.rpartition("/")[2]) for name in place.documents})
    found: list[Listed] = []
    errors: list[SkipwiseError] = []
    for name in place.documents:
        if (data := place.read(name)) is None:
            continue
        folder, _, file = name.rpartition("/")
        split = splits.get(stem(file)) or _folder_split(folder)
        meant = _meant(place, split)

        def find(cell: str, folder: str = folder, meant: str = meant) -> str | None:
            return place.index.find(cell, folder, prefer=meant)

        try:
            for table in read_tables(name, data):
                listed = list_images(table, find, options, must=False, split=split)
                if listed is None:
                    _check_meant(place, table)
                else:
                    if listed.columns.label is not None and (
                        names := find_class_names(place, {row.label for row in listed.rows}, name)
                    ):
                        listed = list_images(table, find, options, must=False, split=split, names=names) or listed
                    found.append(listed)
        except SkipwiseError as error:
            errors.append(error)
    return found, errors


def _check_meant(place: Place, table: Table) -> None:
    """Raises SkipwiseError for a table that names images by names of which there are several."""
    header = table.header or tuple(table.rows[0])
    if len(table.rows) < 2 or not any(is_label_column(name) for name in header):
        return
    for number, name in enumerate(header):
        values = [row[number] for row in table.rows[1:100] if number < len(row) and row[number].strip()]
        doubtful = [value for value in values if place.index.several(value)] if is_image_column(name) else []
        if doubtful and len(doubtful) > 0.5 * len(values):
            raise Ambiguous(
                f"{printable(table.name)} names {printable(doubtful[0])}, and there are several of that name "
                f"({shown(place.index.several(doubtful[0]))}); write their folders into the table, or say "
                "--class-level 1 if the folders are the classes."
            )


def _folder_split(folder: str) -> str:
    """The split of a table by the folder that it lies in: "train/metadata.csv"."""
    return next((split for part in reversed(folder.split("/")) if part and (split := split_of(part))), "")


def _meant(place: Place, split: str) -> str:
    """The folder whose pictures the table of a split means where there are others of the same names."""
    tops = {part for name in place.names[:1] for part in name.split("/")[:-1]} if not split else set()
    if split and not tops:
        for folder in {name.split("/")[0] for name in place.names if "/" in name}:
            if split_of(folder) == split:
                return folder
    return ""


def _folders(place: Place, options: ReadingOptions) -> Folders | None:
    """The class folders, if there are two or more."""
    try:
        found = read_folders(place, options)
    except SkipwiseError:
        return None
    if found is None or len({label for label, _, _ in found.labels.values()}) < 2:
        return None
    return found


def _chosen(place: Place, labelled: Sequence[Listed]) -> list[Listed]:
    """Of several tables that label images those that together make the set: one for each split where there are such.

    Raises:
        Ambiguous: two say different things of the same images.
    """
    by_split = [each for each in labelled if each.split or any(row.split for row in each.rows)]
    splits = {row.split for each in by_split for row in each.rows}
    covered = {row.file for each in by_split for row in each.rows}
    others = {row.file for each in labelled for row in each.rows}
    if {"train"} < splits and len(covered) >= 0.9 * len(others):
        labelled = by_split
    kept: list[Listed] = []
    for each in sorted(labelled, key=lambda listed: (-len(listed.rows), _order(listed.table.name))):
        files = {row.file: row.label for row in each.rows}
        known = {row.file: row.label for other in kept for row in other.rows}
        common = files.keys() & known.keys()
        if common and not one_to_one((files[file], known[file]) for file in common):
            names = list(dict.fromkeys(printable(one.table.name) for one in labelled))
            raise Ambiguous(
                f"{place.name} has several tables that say different things of the same images "
                f"({', '.join(names[:12])}); give one of them instead of the folder, or name the column with "
                "--label-column."
            )
        if not common or (
            each.split and each.split not in {other.split for other in kept} and len(common) < len(files)
        ):
            kept.append(each)
    return kept


def one_to_one(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether each of the ones has just one of the others, and the other way round."""
    distinct = set(pairs)
    return len(distinct) == len({pair[0] for pair in distinct}) == len({pair[1] for pair in distinct})


def _reading(place: Place, tables: Sequence[Listed], options: ReadingOptions) -> Reading:
    """What tables say, as a reading."""
    if any(each.missing for each in tables):
        raise SkipwiseError(missing_sentence(tables, place.name))
    rows = [row for each in tables for row in each.rows]
    used = {row.file for row in rows}
    left = [name for name in place.names if name not in used]
    check_unread(place, {name.rpartition("/")[0] for name in used}, options)
    classes = sorted({row.label for row in rows})
    names = " and ".join(printable(each.table.name) for each in tables[:3]) + (" and others" if len(tables) > 3 else "")
    said = (
        f"the table{'s' * (len(tables) > 1)} {names} ({count(len(rows), 'image')}, {count(len(classes), 'class')}: "
        f"{listing(classes, 4)}), {tables[0].described()}"
    )
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows,
        said=said,
        other=tables[0].proposal(),
        entries={entry.name: entry for entry in place.pictures},
        left_out=[
            *left,
            *place.unread,
            *place.hidden,
            *(entry.name for entry in place.others if entry.name not in {each.table.name for each in tables}),
        ],
        notes=[note for each in tables for note in each.notes],
    )


def _against(
    place: Place, options: ReadingOptions, folders: Folders, labelled: Sequence[Listed]
) -> Callable[[], Reading] | None:
    """Tables beside class folders: what reads them, or None where the folders say it."""
    tables = _chosen(place, labelled)
    if options.label_column is not None:
        return lambda: _reading(place, tables, options)
    rows = [row for each in tables for row in each.rows]
    known = {row.file: folders.labels.get(row.file.rpartition("/")[0]) for row in rows}
    pairs = {(row.label, label[0]) for row in rows if (label := known[row.file]) is not None}
    is_split = bool(folders.parts[0].split) or folders.level.splits is not None
    beyond = [row for row in rows if known[row.file] is None]
    if not one_to_one(pairs):
        if _says_nothing(folders, rows):
            return lambda: _reading(place, tables, options)
        first = tables[0]
        if not (first.columns.named or _is_list(first)) or len(rows) < 0.5 * len(place.names):
            return None
        raise _two_readings(place, folders, first)
    if is_split and beyond:
        return lambda: _filled(place, folders, beyond, tables, dict(pairs), options)
    if len(rows) - len(beyond) < 0.9 * len(rows):
        return None
    names = dict(pairs)
    if any(row.split for row in rows) and not is_split:
        renamed = [row._replace(label=names[row.label]) for row in rows if row.label in names]
        return lambda: _combined(place, folders, renamed, tables, options, whole=True)
    if tables[0].columns.groups or options.group not in (None, "folder"):
        # The table says the same, and what belongs together besides.
        if not is_split and len(rows) >= 0.9 * sum(folders.counted(place.names).values()):
            return lambda: _reading(place, tables, options)
        if is_split and len(tables) == 1 and {part.split for part in folders.parts} == {"train"}:
            return lambda: _reading(place, tables, options)
    return None


def _says_nothing(folders: Folders, rows: Sequence[Row]) -> bool:
    """Whether the folders are called like parts of a set, patients, splits, or the first digits of ids."""
    tops = folders.tops
    tests = (called.is_part, called.is_generic, called.is_group, called.is_hash, split_of)
    if all(any(test(name) for test in tests) for name in tops):
        return not all(row.label in tops for row in rows)
    return all(map(called.is_number, tops)) and not all(row.label.isdigit() for row in rows)


def _is_list(listed: Listed) -> bool:
    """Whether a table without a header lists numbered classes, as tools write them."""
    return listed.columns.header[0].startswith("column ") and all(row.label.isdigit() for row in listed.rows)


def _two_readings(place: Place, folders: Folders, table: Listed) -> Ambiguous:
    header, column = table.columns.header, table.columns.label
    flag = "the table itself as DATA" if column is None else f"--label-column {shlex.quote(header[column])}"
    return Ambiguous(
        f"{place.name} can be read in two ways: with its folders for the classes "
        f"({listing(sorted(set(folders.tops)), 4)}; --class-level 1), or with those of {printable(table.table.name)} "
        f"({listing(sorted({row.label for row in table.rows}), 4)}; {flag}). Say which."
    )


def _check_others(place: Place, folders: Folders, listed: Sequence[Listed]) -> None:
    """Raises Ambiguous where lists without a header number the classes otherwise than the folders do, in columns of
    which none is known to be the label's."""
    for each in listed:
        columns = each.columns
        if not each.rows or not columns.header[0].startswith("column ") or len(columns.others) < 2:
            continue
        names = {row.file: folders.labels.get(row.file.rpartition("/")[0]) for row in each.rows}
        table = {row.line: row.file for row in each.rows}
        for number in columns.others:
            cells = zip(each.table.rows, each.table.lines, strict=True)
            pairs = ((row[number], names[table[line]]) for row, line in cells if line in table and number < len(row))
            if one_to_one((cell, label[0]) for cell, label in pairs if label is not None):
                return
        raise Ambiguous(
            f"{place.name} can be read in two ways: with its folders for the classes "
            f"({listing(sorted(set(folders.tops)), 4)}; --class-level 1, or leaf for the innermost), or with the numbers "
            f"in {printable(each.table.name)} ({' or '.join('--label-column ' + shlex.quote(columns.header[n]) for n in columns.others[:2])}). "
            "Say which."
        )


def _filled(
    place: Place,
    folders: Folders,
    rows: Sequence[Row],
    tables: Sequence[Listed],
    names: Mapping[str, str],
    options: ReadingOptions,
) -> Reading:
    """Class folders for some splits, and a table for pictures of the others.

    Args:
        names: the folder of each label of the table, as far as both say something of an image.
    """
    classes = {label for label, _, _ in folders.labels.values()}
    labelled: list[Row] = []
    for row in rows:
        part = next((p for p in folders.unlabelled if row.file.startswith(p.folder.path + "/")), None)
        first = row.label.split(maxsplit=1)[0]
        label = row.label if row.label in classes else names.get(row.label, first if first in classes else None)
        if part is not None and label is not None:
            labelled.append(row._replace(label=label, split=part.split))
    filled = {row.split for row in labelled}
    folders.unlabelled[:] = [part for part in folders.unlabelled if part.split not in filled]
    return _combined(place, folders, labelled, tables, options, whole=False)


def _combined(
    place: Place,
    folders: Folders,
    rows: Sequence[Row],
    tables: Sequence[Listed],
    options: ReadingOptions,
    *,
    whole: bool,
) -> Reading:
    """Class folders with the splits of tables (`whole`: `rows` are all images), or with labels for other parts."""
    own, _ = folders.rows(place.names)
    together = list(rows) if whole else [*own, *rows]
    check_unread(place, set(folders.labels), options)
    used = {row.file for row in together}
    names = ", ".join(printable(each.table.name) for each in tables[:3])
    classes = sorted({row.label for row in together})
    return Reading(
        name=place.name,
        container=place.container,
        rows=together,
        said=(
            f"{count(len(classes), 'class folder')} ({count(len(together), 'image')}: {listing(classes, 4)}) with the "
            f"{'splits' if whole else 'labels of other parts'} in {names}"
        ),
        other=folders.level.other,
        top=f"{folders.top.path}/" if folders.top.path else "",
        entries={entry.name: entry for entry in place.pictures},
        left_out=[*(name for name in place.names if name not in used), *place.unread, *place.hidden],
        notes=folders.notes,
    )


def _split_lists(place: Place, folders: Folders, listed: Sequence[Listed]) -> Callable[[], Reading] | None:
    """Lists of the images of each split, beside class folders that are not split."""
    if folders.parts[0].split or folders.level.splits is not None:
        return None
    lists: dict[str, Listed] = {}
    for each in sorted(listed, key=lambda one: _order(one.table.name)):
        if each.split and each.rows and not each.missing and each.split not in lists:
            lists[each.split] = each
    if "train" not in lists or len(lists) < 2:
        return None
    rows = []
    for split, each in lists.items():
        for row in each.rows:
            known = folders.labels.get(row.file.rpartition("/")[0])
            if known is not None:
                rows.append(Row(row.file, known[0], split, known[2], row.line))
    if len({row.split for row in rows}) < 2:
        return None
    return lambda: _combined(place, folders, rows, list(lists.values()), ReadingOptions(), whole=True)


def _order(name: str) -> tuple[int, str]:
    """Lists in order of the number in their names: "train1.txt" before "train10.txt"."""
    number = re.search(r"(\d+)(?=\.\w+$)", name)
    return int(number[1]) if number else 0, name

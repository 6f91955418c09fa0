"""Tables among the files of a place, held against its folders: which of them says what the classes are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from skipwise.data.names import printable, stem
from skipwise.data.sources import folder_names as called
from skipwise.data.sources.class_folders import left_out_folders
from skipwise.data.sources.class_names import find_class_names
from skipwise.data.sources.folders import Folders, read_folders
from skipwise.data.sources.labels import listing
from skipwise.data.sources.options import Ambiguous, ReadingOptions
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading, Row
from skipwise.data.sources.split_names import split_of, splits_of
from skipwise.data.sources.table_files import read_tables
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
    if folders is not None and folders.parts:
        if labelled:
            return _against(place, options, folders, labelled)
        return _split_lists(place, options, folders, listed)
    if labelled:
        tables = _chosen(place, labelled)
        return lambda: _reading(place, options, tables)
    if errors:
        raise errors[0]
    if options.label_column is None and (
        unlabelled := [each for each in listed if each.rows and len(each.columns.header) > 1]
    ):
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

        def find(cell: str, folder: str = folder, split: str = split) -> str | None:
            return place.index.find(cell, folder, prefer=_meant(place, split))

        try:
            for table in read_tables(name, data):
                listed = list_images(table, find, options, must=False, split=split)
                if listed is not None:
                    if listed.columns.label is not None and (
                        names := find_class_names(place, {row.label for row in listed.rows})
                    ):
                        listed = list_images(table, find, options, must=False, split=split, names=names) or listed
                    found.append(listed)
        except SkipwiseError as error:
            errors.append(error)
    return found, errors


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
    try:
        return read_folders(place, options)
    except Ambiguous:
        return None
    except SkipwiseError:
        return None


def _chosen(place: Place, labelled: Sequence[Listed]) -> list[Listed]:
    """Of several tables that label images those that together make the set.

    Raises:
        Ambiguous: two say different things of the same images.
    """
    kept: list[Listed] = []
    for each in sorted(labelled, key=lambda listed: (-len(listed.rows), listed.table.name)):
        files = {row.file: row.label for row in each.rows}
        for other in kept:
            theirs = {row.file: row.label for row in other.rows}
            common = files.keys() & theirs.keys()
            if not common:
                continue
            pairs = {(files[file], theirs[file]) for file in common}
            agree = len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})
            if len(common) < len(files) and other.split and each.split and other.split != each.split:
                continue  # splits that overlap; the audit names the images
            if not agree:
                raise Ambiguous(
                    f"{place.name} has two tables that say different things of the same images, {other.table.name} "
                    f"({other.described()}) and {each.table.name} ({each.described()}); give one of them instead of "
                    "the folder, or name the column with --label-column."
                )
            break
        else:
            kept.append(each)
            continue
    return kept


def _reading(place: Place, options: ReadingOptions, tables: Sequence[Listed]) -> Reading:
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
    said += _split_words(rows)
    if left:
        said += f"; {count(len(left), 'picture')} that no table labels {'is' if len(left) == 1 else 'are'} left out"
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


def _split_words(rows: Sequence[Row]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.split] = counts.get(row.split, 0) + 1
    if counts.keys() <= {""} or len(counts) == 1:
        return ""
    shown = ", ".join(f"{split} {counts[split]:,}" for split in ("train", "val", "test") if split in counts)
    return f"; split as {shown}" + ("; val is the test set" if "test" not in counts else "")


def _against(
    place: Place, options: ReadingOptions, folders: Folders, labelled: Sequence[Listed]
) -> Callable[[], Reading] | None:
    """A table beside class folders: which of them is meant."""
    tables = _chosen(place, labelled)
    rows = [row for each in tables for row in each.rows]
    known = {row.file: folders.labels.get(row.file.rpartition("/")[0]) for row in rows}
    common = [(row, known[row.file]) for row in rows if known[row.file] is not None]
    pairs = {(row.label, place_label[0]) for row, place_label in common if place_label is not None}
    agree = len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})
    if options.label_column is not None:
        return lambda: _reading(place, options, tables)
    if agree:
        beyond = [row for row in rows if known[row.file] is None]
        splits_added = any(row.split for row in rows) and not folders.parts[0].split and folders.level.splits is None
        if splits_added and len(common) >= 0.9 * len(rows):
            back = dict(pairs)
            renamed = [row._replace(label=back[row.label]) for row in rows if row.label in back]
            return lambda: _combined(place, options, folders, renamed, tables, replace=True)
        if folders.parts[0].split and beyond:
            return lambda: _filled(place, options, folders, beyond, tables)
        return None
    tops = folders.tops
    no_classes = all(
        called.is_part(name) or called.is_generic(name) or called.is_group(name) or split_of(name) for name in tops
    )
    if no_classes or (all(map(called.is_number, tops)) and not all(row.label.isdigit() for row in rows)):
        return lambda: _reading(place, options, tables)
    named = any(each.columns.named for each in tables)
    if not named or len(rows) < 0.5 * len(place.names):
        return None
    header = tables[0].columns.header
    flag = (
        f"--label-column {header[tables[0].columns.label]}"
        if tables[0].columns.label is not None
        else "the table itself as DATA"
    )
    raise Ambiguous(
        f"{place.name} can be read in two ways: with its folders for the classes ({listing(sorted(set(tops)), 4)}; "
        f"--class-level 1), or with those of {tables[0].table.name} "
        f"({listing(sorted({row.label for row in rows}), 4)}; {flag}). Say which."
    )


def _filled(
    place: Place, options: ReadingOptions, folders: Folders, rows: Sequence[Row], tables: Sequence[Listed]
) -> Reading:
    """Class folders for some splits, and a table for pictures of the others."""
    labelled: list[Row] = []
    for row in rows:
        part = next((p for p in folders.unlabelled if row.file.startswith(p.folder.path + "/")), None)
        if part is not None:
            labelled.append(row._replace(split=part.split))
    filled = {row.split for row in labelled}
    folders.unlabelled[:] = [part for part in folders.unlabelled if part.split not in filled]
    return _combined(place, options, folders, labelled, tables, replace=False)


def _combined(
    place: Place,
    options: ReadingOptions,
    folders: Folders,
    rows: Sequence[Row],
    tables: Sequence[Listed],
    *,
    replace: bool,
) -> Reading:
    own, _ = folders.rows(place.names)
    together = list(rows) if replace else [*own, *rows]
    check_unread(place, set(folders.labels), options)
    used = {row.file for row in together}
    names = ", ".join(printable(each.table.name) for each in tables[:3])
    classes = sorted({row.label for row in together})
    said = f"{count(len(classes), 'class folder')} ({count(len(together), 'image')}: {listing(classes, 4)})"
    said += f" with the {'splits' if replace else 'labels of other parts'} in {names}{_split_words(together)}"
    said += left_out_folders(folders)
    return Reading(
        name=place.name,
        container=place.container,
        rows=together,
        said=said,
        other=folders.level.other,
        top=f"{folders.top.path}/" if folders.top.path else "",
        entries={entry.name: entry for entry in place.pictures},
        left_out=[*(name for name in place.names if name not in used), *place.unread, *place.hidden],
        notes=folders.notes,
    )


def _split_lists(
    place: Place, options: ReadingOptions, folders: Folders, listed: Sequence[Listed]
) -> Callable[[], Reading] | None:
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
    return lambda: _combined(place, options, folders, rows, list(lists.values()), replace=True)


def _order(name: str) -> tuple[int, str]:
    """Lists in order of the number in their names: "train1.txt" before "train10.txt"."""
    number = re.search(r"(\d+)(?=\.\w+$)", name)
    return int(number[1]) if number else 0, name

"""The layout of tables that list images with their classes, beside the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.names import printable, stem
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.columns.column_names import is_image_column, is_label_column
from skipwise.data.sources.folders.folders import Folders, read_folders
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.layouts import class_folders
from skipwise.data.sources.place import Place, shown
from skipwise.data.sources.refused.detection import check_no_detection
from skipwise.data.sources.source import Reading
from skipwise.data.sources.split_names import split_in, split_of, splits_of
from skipwise.data.sources.table_files.reading import read_tables
from skipwise.data.sources.table_files.table import Table
from skipwise.data.sources.tables.beside_folders import is_list, read_beside
from skipwise.data.sources.tables.class_names import find_class_names
from skipwise.data.sources.tables.image_table import ImageTable, read_image_table
from skipwise.data.sources.tables.indirect import with_paths
from skipwise.data.sources.tables.missing_images import missing_sentence
from skipwise.data.sources.tables.several_tables import chosen, class_lists, one_to_one, table_reading


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises tables that name the images' classes, or the splits of images in class folders.

    Raises:
        Ambiguous: two tables, or a table and the folders, contradict each other.
        SkipwiseError: a table lists the images but cannot be read.
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
        if (read := read_beside(place, options, folders, labelled, listed)) is not None:
            return _with_remarks(read, listed)
        read = class_folders.recognise(place, options)
        return None if read is None else _with_remarks(read, listed, errors)
    unlabelled = [each for each in listed if each.rows and not each.labelled and len(each.columns.header) > 1]
    if labelled:
        training = [each for each in unlabelled if each.split == "train"]
        if training and not any(row.split in ("", "train") for each in labelled for row in each.rows):
            raise _no_label(training[0])
        tables = chosen(place, labelled)
        if all(is_list(each) for each in tables):
            check_no_detection(place)
        return _with_remarks(lambda: table_reading(place, tables, options), listed)
    _check_named(place, options)
    if errors:
        raise errors[0]
    if unlabelled and options.label_column is None:
        raise _no_label(unlabelled[0])
    if (lists := class_lists(place, listed)) is not None:
        return lambda: table_reading(place, lists, options)
    return None


def _is_predictions(table: Table) -> bool:
    """Returns whether `skipwise predict` wrote a table. Predictions are not labels, unless the table itself is DATA."""
    header = table.header or (tuple(table.rows[0]) if table.rows else ())
    return header[:3] == ("path", "class", "probability") and not {"error", "top"}.isdisjoint(header[3:])


def _no_label(listed: ImageTable) -> SkipwiseError:
    return SkipwiseError(
        f"{listed.table.name} lists images, but no column says which class they are of (its columns are "
        f"{quoted_list(listed.columns.header, 8)}); name it with --label-column."
    )


def _check_named(place: Place, options: ReadingOptions) -> None:
    """Raises SkipwiseError if a table has columns for images and labels, but images that it lists do not exist."""
    for name in place.documents:
        for table in read_tables(name, place.read(name) or b""):
            header = table.header or table.rows[0]
            if _is_predictions(table):
                continue
            if len(table.rows) > 2 and any(map(is_image_column, header)) and any(map(is_label_column, header)):
                listed = read_image_table(table, place.index.find, options, required=True)
                if listed is not None and listed.missing:
                    raise SkipwiseError(missing_sentence([listed], place.name))


def _listed(place: Place, options: ReadingOptions) -> tuple[list[ImageTable], list[SkipwiseError]]:
    """The tables that list images, and the errors of documents that seem to list images but cannot be read."""
    splits = splits_of({stem(name.rpartition("/")[2]) for name in place.documents})
    found: list[ImageTable] = []
    errors: list[SkipwiseError] = []
    for name in place.documents:
        if (data := place.read(name)) is None:
            continue
        folder, _, file = name.rpartition("/")
        split = splits.get(stem(file)) or split_in(folder)
        preferred = _split_folder(place, split)

        def find(cell: str, folder: str = folder, preferred: str = preferred) -> str | None:
            return place.index.find(cell, folder, prefer=preferred)

        try:
            for table in read_tables(name, data):
                if _is_predictions(table):
                    continue
                listed = _one(place, table, find, options, split)
                if listed is not None:
                    found.append(listed)
                    continue
                _check_unique_names(place, table)
                if _seems_to_list(place, table):
                    errors.append(SkipwiseError(f"{printable(name)} lists no images that exist here."))
        except SkipwiseError as error:
            errors.append(error)
    return found, errors


def _one(
    place: Place, table: Table, find: Callable[[str], str | None], options: ReadingOptions, split: str
) -> ImageTable | None:
    """The images that one table lists, by paths or in another way; None if it lists none."""
    listed = read_image_table(table, find, options, required=False, split=split)
    if listed is None:
        for other, note in with_paths(table, place):
            if (listed := read_image_table(other, place.index.find, options, required=False, split=split)) is not None:
                notes = (*listed.notes, f"In {printable(table.name)}, {note}")
                return replace(listed, notes=notes, by_folder=len(listed.rows) > len(table.rows))
        return None
    if listed.columns.label is None:
        return listed
    names = find_class_names(place, {row.label for row in listed.rows}, table.name)
    return listed if names is None else read_image_table(table, find, options, required=False, split=split, names=names)


def _seems_to_list(place: Place, table: Table) -> bool:
    """Returns whether a table has a column for classes, and about as many lines as there are pictures."""
    header = table.header or table.rows[0]
    return any(map(is_label_column, header)) and len(table.rows) > max(4, 0.8 * len(place.names))


def _check_unique_names(place: Place, table: Table) -> None:
    """Raises Ambiguous if a table lists file names that several images have."""
    header = table.header or tuple(table.rows[0])
    if len(table.rows) < 2 or not any(is_label_column(name) for name in header):
        return
    for number, name in enumerate(header):
        values = [row[number] for row in table.rows[1:100] if number < len(row) and row[number].strip()]
        doubtful = [value for value in values if place.index.ambiguous(value)] if is_image_column(name) else []
        if doubtful and len(doubtful) > 0.5 * len(values):
            raise Ambiguous(
                f"{printable(table.name)} lists {printable(doubtful[0])}, and several files have that name "
                f"({shown(place.index.ambiguous(doubtful[0]))}); write their folders into the table, or say "
                "--class-level 1 if the folders are the classes."
            )


def _split_folder(place: Place, split: str) -> str:
    """The folder of a split, whose pictures its table means if other folders have pictures of the same names; or ""."""
    for folder in place.folders if split else ():
        if split_of(folder.rpartition("/")[2]) == split:
            return folder
    return ""


def _folders(place: Place, options: ReadingOptions) -> Folders | None:
    """The class folders, if there are at least two classes."""
    try:
        found = read_folders(place, options)
    except SkipwiseError:
        return None
    if found is None or len({label for label, _, _ in found.labels.values()}) < 2:
        return None
    return found


def _with_remarks(
    read: Callable[[], Reading], listed: Sequence[ImageTable], errors: Sequence[SkipwiseError] = ()
) -> Callable[[], Reading]:
    """Adds notes to a reading: about tables that contradict it and are not used, and about one that cannot be read."""

    def with_remarks() -> Reading:
        reading = read()
        known = {row.file: row.label for row in reading.rows} if listed else {}
        unused: dict[str, int] = {}
        for each in listed:
            pairs = [(row.label, known.get(row.file, row.label)) for row in each.rows]
            if len(each.columns.header) == 1 and known.keys() >= {row.file for row in each.rows}:
                continue
            beyond = each.labelled and any(row.file not in known for row in each.rows)
            if each.table.name not in reading.used_tables and pairs and (beyond or not one_to_one(pairs)):
                unused.setdefault(each.table.name, len(pairs))
        notes = [f"A table is not used: {error}" for error in errors[:1]]
        if not unused:
            return replace(reading, notes=[*reading.notes, *notes])
        some = ", ".join(f"{printable(name)} ({count(number, 'image')})" for name, number in list(unused.items())[:3])
        more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
        notes.append(f"Not used, though it lists images: {some}{more}.")
        return replace(reading, notes=[*reading.notes, *notes])

    return with_remarks

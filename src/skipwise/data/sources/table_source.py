"""A table that the user named: its paths count from its own folder, else they are looked for below that."""

from __future__ import annotations

from pathlib import Path

from skipwise.data.containers import Entry, Folder, Listing, Progress
from skipwise.data.names import printable, stem, suffix
from skipwise.data.sources import coco
from skipwise.data.sources.class_names import find_class_names
from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.pixel_tables import pixel_set
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading, Source
from skipwise.data.sources.table_files import Table, read_tables
from skipwise.data.sources.tables import Listed, list_images, missing_sentence, on_disk
from skipwise.data.words import count
from skipwise.errors import SkipwiseError

_TRIED = 200


def open_table(path: Path, options: ReadingOptions, progress: Progress | None) -> Source:
    """The images that a table lists.

    Raises:
        SkipwiseError: it can't be read, lists no images, or images that are not there.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {error.strerror}.") from error
    if suffix(path.name) == ".json" and b'"annotations"' in data and b'"categories"' in data:
        container = Folder(path.parent)
        beside = Place.of(stem(path.name), container, container.listing(progress))
        if (read := coco.recognise(beside.with_only(path.name), options)) is not None:
            return read().source()
    tables = [table for table in read_tables(str(path), data) if table.rows]
    if not tables or max(len(table.rows) for table in tables) < 2:
        raise SkipwiseError(
            f"{path} lists no images; it needs a header line with path and label, and a line per image."
        )
    table = max(tables, key=lambda each: len(each.rows))
    if (pixels := pixel_set(stem(path.name), table)) is not None:
        return pixels.source()
    root = path.parent
    listed = list_images(table, on_disk(root), options, must=True)
    assert listed is not None
    if len(listed.missing) > 0.1 * (len(listed.rows) + len(listed.missing)):
        listed = _searched(root, table, options, listed, progress)
    elif listed.columns.label is not None:
        beside = Place.of(str(path), Folder(root), _documents_of(root))
        labels = {row.label for row in listed.rows}
        if (names := find_class_names(beside, labels)) is not None:
            listed = list_images(table, on_disk(root), options, must=True, names=names) or listed
    if listed.missing:
        raise SkipwiseError(missing_sentence([listed], str(root.resolve())))
    if not listed.labelled:
        raise SkipwiseError(
            f"{path} has no column 'label' with the images' classes; its columns are "
            f"{', '.join(map(repr, listed.columns.header))}. Name one with --label-column."
        )
    return _reading(path, listed).source()


def _documents_of(root: Path) -> Listing:
    """The files beside the table, without those in folders."""
    entries = []
    for file in sorted(root.iterdir()):
        if file.is_file():
            status = file.stat()
            entries.append(Entry(file.name, status.st_size, status.st_mtime_ns))
    return Listing(tuple(entries[:1000]), ())


def _searched(root: Path, table: Table, options: ReadingOptions, listed: Listed, progress: Progress | None) -> Listed:
    """The same with names and ids looked for in all folders below the table's."""
    container = Folder(root)
    place = Place.of(str(root), container, container.listing(progress))
    found = list_images(table, lambda cell: place.index.find(cell), options, must=True)
    assert found is not None
    labels = {row.label for row in found.rows}
    names = find_class_names(place, labels) if found.columns.label is not None else None
    if names is not None:
        found = list_images(table, lambda cell: place.index.find(cell), options, must=True, names=names) or found
    return found if len(found.missing) < len(listed.missing) else listed


def _reading(path: Path, listed: Listed) -> Reading:
    root = path.parent
    entries = {}
    for row in listed.rows:
        status = (root / row.file).stat()
        entries[row.file] = Entry(row.file, status.st_size, status.st_mtime_ns)
    classes = {row.label for row in listed.rows}
    said = f"the table {printable(path.name)} ({count(len(listed.rows), 'image')}, {count(len(classes), 'class')}), {listed.described()}"
    return Reading(
        name=stem(path.name),
        container=Folder(root),
        rows=listed.rows,
        said=said,
        other=listed.proposal(),
        entries=entries,
        left_out=listed.unlabelled,
        where=str(path),
        notes=listed.notes,
    )

"""A table that the user named. Its images are looked for in its folder, below it, and in an archive beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import read_regular
from skipwise.core.remote.cells import cells_folder
from skipwise.core.reporting import Progress
from skipwise.core.text import count
from skipwise.data.containers import LARGEST_FILE, Container, Entries, Entry, Folder, Listing, open_container
from skipwise.data.names import ARCHIVES, printable, stem, suffix, without_archive_suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.layouts import coco
from skipwise.data.sources.layouts.pixel_tables import pixel_set
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading, Source
from skipwise.data.sources.table_files.reading import read_tables
from skipwise.data.sources.table_files.table import Table
from skipwise.data.sources.tables.addressed_table import is_one, read_addressed_table
from skipwise.data.sources.tables.class_names import ClassNames, find_class_names
from skipwise.data.sources.tables.image_table import ImageTable, read_image_table
from skipwise.data.sources.tables.missing_images import finder_on_disk, missing_sentence


def open_table(path: Path, options: ReadingOptions, progress: Progress | None) -> Source:
    """Opens the images that a table lists.

    Raises:
        SkipwiseError: the table cannot be read, or it lists no images, or some that do not exist.
    """
    try:
        data = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {reason_of(error)}.") from error
    if suffix(path.name) == ".json" and b'"annotations"' in data and b'"categories"' in data:
        container = Folder(path.parent)
        beside = Place.from_listing(stem(path.name), container, container.listing(progress))
        if (read := coco.recognise(beside.with_only(path.name), options)) is not None:
            return read().source()
    tables = [table for table in read_tables(str(path), data) if table.rows]
    if not tables or max(len(table.rows) for table in tables) < 2:
        raise SkipwiseError(
            f"{path} lists no images; it needs a header line with path and label, and a line per image."
        )
    table = max(tables, key=lambda each: len(each.rows))
    if suffix(path.name) == ".xlsx" and sum(list(each.rows[0]) == list(table.rows[0]) for each in tables) > 1:
        raise SkipwiseError(f"{path} has several sheets with images; save the right one as .csv and give that.")
    if (pixels := pixel_set(stem(path.name), table)) is not None:
        return pixels.source()
    root = path.parent
    try:
        listed, place = _found(path, table, options, progress)
        if listed.missing and all(is_one(cell) for cell, _ in listed.missing):
            raise SkipwiseError(missing_sentence([listed], str(root.resolve())))
    except SkipwiseError:
        # Images beside the table come first: somebody may have downloaded them already.
        elsewhere = read_addressed_table(table, options, progress)
        if elsewhere is None:
            raise
        listed, place, root = elsewhere, None, cells_folder()
    if listed.missing:
        raise SkipwiseError(missing_sentence([listed], str(root.resolve())))
    if not listed.labelled:
        raise SkipwiseError(
            f"{path} has no column 'label' with the images' classes; its columns are "
            f"{', '.join(map(repr, listed.columns.header))}. Name one with --label-column."
        )
    return _reading(path, listed, place, root).source()


def _found(
    path: Path, table: Table, options: ReadingOptions, progress: Progress | None
) -> tuple[ImageTable, Place | None]:
    """The images that the table lists, and the place where they are.

    The place is None if the paths count from the table's own folder. Otherwise the images are below that folder, or in
    an archive beside the table.
    """
    root = path.parent
    first_error = None
    try:
        listed = read_image_table(table, finder_on_disk(root), options, required=True)
        assert listed is not None
        if len(listed.missing) <= 0.1 * (len(listed.rows) + len(listed.missing)):
            beside = Place.from_listing(str(path), Folder(root), _documents_of(root))
            names = _class_names(beside, listed)
            return (read_image_table(table, finder_on_disk(root), options, required=True, names=names) or listed), None
        best: tuple[ImageTable, Place | None] | None = (listed, None)
    except SkipwiseError as error:  # without the images, even their column may be unknown
        first_error, best = error, None
    for place in _places(path, progress):
        try:
            found = read_image_table(table, place.index.find, options, required=True)
        except SkipwiseError as error:
            first_error = first_error or error
            continue
        assert found is not None
        if best is None or len(found.missing) < len(best[0].missing):
            names = _class_names(place, found)
            best = (read_image_table(table, place.index.find, options, required=True, names=names) or found), place
            if not best[0].missing:
                break
    if best is None:
        assert first_error is not None
        raise first_error
    return best


def _places(path: Path, progress: Progress | None) -> Iterator[Place]:
    """The places where the images of a table may be, the likeliest first."""
    root = path.parent
    archives = [file for file in sorted(root.iterdir()) if file.is_file() and file.name.lower().endswith(ARCHIVES)]
    same = [file for file in archives if without_archive_suffix(file.name) == stem(path.name)]
    for each in (*same, root, *([] if same else archives[:1])):
        container = open_container(each)
        yield Place.from_listing(str(each), container, container.listing(progress))


def _class_names(place: Place, listed: ImageTable) -> ClassNames | None:
    return find_class_names(place, {row.label for row in listed.rows}) if listed.columns.label is not None else None


def _documents_of(root: Path) -> Listing:
    """The files beside the table, not in sub-folders."""
    entries = []
    for file in sorted(root.iterdir()):
        if file.is_file():
            status = file.stat()
            entries.append(Entry(file.name, status.st_size, status.st_mtime_ns))
    return Listing(Entries.of(entries[:1000]), ())


def _reading(path: Path, listed: ImageTable, place: Place | None, root: Path) -> Reading:
    container: Container = Folder(root)
    if place is not None and not isinstance(place.container, Folder):
        container = place.container
        entries: Mapping[str, Entry] | Entries = place.pictures
    else:
        entries = found = dict[str, Entry]()
        for row in listed.rows:
            try:
                status = os.stat(os.path.join(root, row.file))  # noqa: PTH116, PTH118 - called for every row
                found[row.file] = Entry(row.file, status.st_size, status.st_mtime_ns)
            except OSError:  # a broken link, which is reported when it is read
                found[row.file] = Entry(row.file, 0, 0)
    classes = {row.label for row in listed.rows}
    where = "" if container.path in (path.parent, cells_folder()) else f" in {printable(container.path.name)}"
    return Reading(
        name=stem(path.name),
        container=container,
        rows=listed.rows,
        description=(
            f"the table {printable(path.name)} ({count(len(listed.rows), 'image')}{where}, "
            f"{count(len(classes), 'class')}), {listed.described()}"
        ),
        alternative=listed.proposal(),
        entries=entries,
        left_out=listed.unlabelled,
        where=str(path),
        notes=listed.notes,
    )

"""A name, folder, archive or table -> labelled images that have not been read yet."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.data.containers import Container, Entry, Folder, open_container
from skipwise.data.layout import Row, absent_classes, arrange, check_labels
from skipwise.data.named import NAMED, Arrays
from skipwise.data.tables import Table, read_table
from skipwise.errors import SkipwiseError, unknown_name


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Labelled images that have not been read yet.

    `ids` name the images for people, without characters that can't be printed; `files` name them in the container, and
    `archive` is the container's `stamp` when it was listed. `labels` [N] number the classes; `splits` and `groups` say
    which split an image came in and which images belong together ("" belongs with nothing), or are None. `mirrors` says
    whether a mirrored image is still of its class. `ignored` files are left out, `reading` says in a line what was
    understood of the input, `notes` are worth saying, `faults` have to be mended before training. Images of a data set
    that is held in memory are in `pixels` [N, H, W, C] instead of a container.
    """

    name: str
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    splits: tuple[str, ...] | None
    groups: tuple[str, ...] | None = None
    container: Container | None = None
    files: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    archive: tuple[int, ...] = ()
    pixels: NDArray[np.uint8] | None = None
    mirrors: bool = True
    ignored: tuple[str, ...] = ()
    reading: str = ""
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises SkipwiseError where nothing can be trained on these images as they are."""
        if self.faults:
            raise SkipwiseError(self.faults[0])


def open_source(data: str | os.PathLike[str], *, group: str | None = None, group_regex: str | None = None) -> Source:
    """The images behind a data set's name, a folder, an archive or a table; no image is read yet.

    Args:
        group: the column of a table that says which images belong together (one patient, one video).
        group_regex: the same from the images' paths: what the pattern's first group matches, or all that it matches.
            What is empty belongs with nothing.

    Raises:
        SkipwiseError: no such thing, or one without two classes of images.
    """
    path, exists = _path(data)
    if isinstance(data, str) and data in NAMED and not path.is_dir():
        source = _from_arrays(NAMED[data]())
    elif not exists:
        if path.name == str(data):
            raise unknown_name("folder or data set", str(data), NAMED)
        raise SkipwiseError(f"There is no file or folder {path}; give the path of your images.")
    elif path.suffix.lower() in (".csv", ".tsv"):
        source = _from_table(path, read_table(path, group=group))
    else:
        source = _from_container(open_container(path))
    if group is not None and source.groups is None:
        raise SkipwiseError(f"--group names a column of a table, and {source.name} is none; use --group-regex.")
    return source if group_regex is None else _grouped(source, group_regex)


def _path(data: str | os.PathLike[str]) -> tuple[Path, bool]:
    if not str(data):
        raise SkipwiseError("The path of the images is empty; name a folder, an archive, a table or a data set.")
    try:
        path = Path(data).expanduser()
        return path, path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a home nobody has, a null byte
        raise SkipwiseError(f"{str(data)[:80]!r} is no path to images ({error}).") from error


def _from_arrays(arrays: Arrays) -> Source:
    digits = len(str(len(arrays.labels) - 1))
    where = arrays.splits or (arrays.name,) * len(arrays.labels)
    return Source(
        name=arrays.name,
        classes=arrays.classes,
        ids=tuple(f"{split}/{index:0{digits}d}" for index, split in enumerate(where)),
        labels=arrays.labels,
        splits=arrays.splits,
        pixels=arrays.pixels,
        mirrors=arrays.mirrors,
    )


def stamp(path: Path) -> tuple[int, ...]:
    """Changes when the file at `path` does; () for a folder, whose files are watched one by one."""
    if path.is_dir():
        return ()
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _from_container(container: Container) -> Source:
    archive = stamp(container.path)
    listing = container.listing()
    layout = arrange(listing, str(container.path))
    return _from_rows(
        container,
        layout.rows,
        top=layout.top,
        archive=archive,
        entries={entry.name: entry for entry in listing.entries},
        ignored=layout.ignored,
        notes=layout.notes,
        faults=layout.faults,
    )


def _from_table(path: Path, table: Table) -> Source:
    """Paths in a table count from the folder that the table lies in."""
    root = path.parent
    entries: dict[str, Entry] = {}
    missing = []
    for name, line in zip(table.paths, table.lines, strict=True):
        try:
            status = (root / name).stat()
            entries[name] = Entry(name, status.st_size, status.st_mtime_ns)
        except (OSError, ValueError):
            missing.append(f"{printable(name)} (line {line})")
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise SkipwiseError(
            f"{path} lists {len(missing)} image{'s' * (len(missing) != 1)} that are not there: "
            f"{', '.join(missing[:10])}{more}. Paths count from the table's folder, {root.resolve()}."
        )
    check_labels(table.labels, str(path))
    splits = table.splits or ("",) * len(table.paths)
    rows = [Row(*row) for row in zip(table.paths, table.labels, splits, strict=True)]
    return _from_rows(
        Folder(root),
        rows,
        entries=entries,
        name=path.stem,
        lines=table.lines,
        groups=table.groups,
        faults=tuple(absent_classes(table.labels, splits, str(path))),
    )


def _from_rows(
    container: Container,
    rows: Sequence[Row],
    *,
    entries: dict[str, Entry],
    name: str = "",
    top: str = "",
    archive: tuple[int, ...] = (),
    lines: Sequence[int] = (),
    groups: Sequence[str] | None = None,
    ignored: Sequence[str] = (),
    notes: Sequence[str] = (),
    faults: Sequence[str] = (),
) -> Source:
    classes = sorted({row.label for row in rows})
    numbers = {label: number for number, label in enumerate(classes)}
    order = sorted(range(len(rows)), key=lambda index: (rows[index].file, index))
    ids: list[str] = []
    for position, index in enumerate(order):
        # Without what is around everything, so that a folder and an archive of it have the same ids.
        shown = printable(rows[index].file.removeprefix(top))
        again = position > 0 and rows[order[position - 1]].file == rows[index].file
        ids.append(f"{shown} (line {lines[index]})" if again else shown)  # only a table lists a file twice
    return Source(
        name=printable(name or _stem(container.path)),
        classes=tuple(printable(label) for label in classes),
        ids=tuple(ids),
        labels=np.array([numbers[rows[index].label] for index in order], dtype=np.int64),
        splits=None if not rows[0].split else tuple(rows[index].split for index in order),
        groups=None if groups is None else tuple(groups[index] for index in order),
        container=container,
        files=tuple(rows[index].file for index in order),
        entries=tuple(entries[rows[index].file] for index in order),
        archive=archive,
        ignored=tuple(printable(file) for file in ignored),
        notes=tuple(notes),
        faults=tuple(faults),
    )


def _grouped(source: Source, pattern: str) -> Source:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SkipwiseError(f"--group-regex {pattern!r} is no regular expression ({error}).") from error
    found = [compiled.search(name) for name in source.ids]
    unmatched = [name for name, match in zip(source.ids, found, strict=True) if match is None]
    if unmatched:
        raise SkipwiseError(
            f"--group-regex {pattern!r} matches nothing in {unmatched[0]} and {len(unmatched) - 1} other paths; every "
            "image needs a group."
        )
    groups = tuple((match[1] if compiled.groups else match[0]) or "" for match in found if match is not None)
    return Source(**{**{field: getattr(source, field) for field in source.__dataclass_fields__}, "groups": groups})


def _stem(path: Path) -> str:
    name = path.resolve().name
    for suffix in (".zip", ".gz", ".bz2", ".xz", ".tgz", ".tar"):
        name = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    return name or "images"


def printable(name: str) -> str:
    """A name that any table, page or terminal can hold: bytes that are no UTF-8 and control characters as escapes."""
    if name.isprintable():
        return name
    escaped = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)

"""The layout of Parquet files with images, as on Hugging Face: one file, or shards for each split."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.containers import Entry, Folder
from skipwise.data.containers.parquet import Parquet, opened, texts_of, values_of
from skipwise.data.containers.shards import size_and_stamp
from skipwise.data.names import printable, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.columns.column_names import plain
from skipwise.data.sources.labelled import LabelledWriter
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading
from skipwise.data.sources.split_names import split_of

_LABELS = ("label", "labels", "class", "target", "category", "y")


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The columns of a Parquet file that are used.

    Args:
        image: the column of images.
        label: the column of labels.
        names: the names of numbered classes; () if the labels are names.
        group: the column of groups, or None.
    """

    image: str
    label: str
    names: tuple[str, ...]
    group: str | None


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises Parquet files on disk with a column of images.

    Raises:
        SkipwiseError: there are several columns of images or of labels, an image has several labels, or pyarrow is
            not installed.
    """
    files = [name for name in place.others.names if suffix(name) == ".parquet"]
    if not files or not isinstance(place.container, Folder):
        return None
    return recognise_files(place.name, place.container.path, files, options)


def recognise_files(
    name: str, root: Path, files: Sequence[str], options: ReadingOptions
) -> Callable[[], Reading] | None:
    """The same for files given by their names relative to `root`; "" is `root` itself."""
    with opened(root, files[0]) as first:
        schema = _schema(first.schema_arrow, options, printable(files[0] or root.name))
    return None if schema is None else lambda: _reading(name, root, files, schema)


def _schema(arrow: Any, options: ReadingOptions, where: str) -> Schema | None:
    import pyarrow

    images = [
        field.name
        for field in arrow
        if (pyarrow.types.is_struct(field.type) and {"bytes"} <= {part.name for part in field.type})
        or (
            _is_bytes(field.type)
            and plain(field.name) in ("image", "img", "images", "bytes", "content", "data", "jpg", "png")
        )
    ]
    if not images:
        return None
    classes = {name: names for name, feature in _features(arrow).items() if (names := _names(feature))}
    image = _one(where, images, options.image_column, "--image-column", "of images")
    columns = [field.name for field in arrow if field.name not in images]
    known = [name for name in columns if name in classes] or [name for name in columns if plain(name) in _LABELS]
    if not known and not options.label_column:
        raise SkipwiseError(
            f"{where} holds images, but no column is called like a label (its columns are {quoted_list(columns, 8)}); "
            "name it with --label-column."
        )
    label = _one(where, known, options.label_column, "--label-column", "of labels", columns)
    for name in (image, label, options.group):
        if arrow.names.count(name) > 1:
            raise SkipwiseError(f"{where} has several columns called {name!r}; give each a name of its own.")
    field = arrow.field(label)
    if pyarrow.types.is_list(field.type) or pyarrow.types.is_struct(field.type):
        raise SkipwiseError(
            f"The column {label!r} of {where} has several labels for an image; Skipwise needs exactly one class per "
            "image."
        )
    group = options.group
    if group is not None and group not in columns:
        raise SkipwiseError(f"{where} has no column {group!r} for --group; its columns are {quoted_list(columns, 8)}.")
    return Schema(image=image, label=label, names=classes.get(label, ()), group=group)


def _is_bytes(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def _features(arrow: Any) -> Mapping[str, Any]:
    """The description of the columns that Hugging Face's library writes, or {}."""
    try:
        features = json.loads((arrow.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _names(feature: Any) -> tuple[str, ...]:
    names = feature.get("names") if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _one(where: str, known: Sequence[str], asked: str | None, flag: str, what: str, columns: Sequence[str] = ()) -> str:
    if asked is not None:
        if asked not in (columns or known):
            raise SkipwiseError(
                f"{where} has no column {asked!r} for {flag}; it has {quoted_list(columns or known, 8)}."
            )
        return asked
    if len(known) > 1:
        raise SkipwiseError(f"{where} has several columns {what}, {quoted_list(known)}; say which with {flag}.")
    return known[0]


def _reading(name: str, root: Path, files: Sequence[str], schema: Schema) -> Reading:
    container = Parquet(root, tuple(files), schema.image)
    writer = LabelledWriter()
    unlabelled: Counter[str] = Counter()
    for file in files:
        split = split_of_shard(file or root.name)
        wanted = [schema.label, *([schema.group] if schema.group else [])]
        with opened(root, file) as table:
            _check(root, file, table, (schema.image, *wanted))
            texts = [name for name in dict.fromkeys(wanted) if name in texts_of(table)]
        with opened(root, file, texts=texts) as table:
            number = 0
            for batch in table.iter_batches(batch_size=65_536, columns=wanted):
                labels = values_of(batch.column(schema.label))
                groups = values_of(batch.column(schema.group)) if schema.group else [""] * len(labels)
                for label, group in zip(labels, groups, strict=True):
                    shown = _label(label, schema.names)
                    if shown is None:
                        unlabelled[split] += 1
                    else:
                        writer.add(container.name(file, number), shown, split, "" if group is None else str(group))
                    number += 1
    rows = writer.finish()
    classes = sorted(rows.labels.words)
    description = (
        f"{count(len(files), 'Parquet file')} ({count(len(rows), 'image')} by {schema.image!r}, "
        f"{count(len(classes), 'class')} by {schema.label!r}: {quoted_list(classes, 4)})"
    )
    if unlabelled:
        description += f"; {count(sum(unlabelled.values()), 'image')} without a label are left out"
    return Reading(
        name=name,
        container=container,
        rows=rows,
        description=description,
        entries=Rows(container),
    )


class Rows(Mapping[str, Entry]):
    """The entries of all rows, which say nothing but when their file was changed."""

    def __init__(self, container: Parquet) -> None:
        self.container = container
        self.stamps = {file: size_and_stamp(container.path, file)[1] for file in container.files}

    def __getitem__(self, name: str) -> Entry:
        return Entry(name, 0, self.stamps[name.rpartition("/")[0]])

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in self.container.listing().entries)

    def __len__(self) -> int:
        return len(self.container.listing().entries)


def _check(root: Path, shard: str, table: Any, columns: Sequence[str]) -> None:
    """Raises SkipwiseError if a column is missing, or if there are more rows than bytes in the file."""
    file = root / shard
    for name in columns:
        if table.schema_arrow.names.count(name) != 1:
            raise SkipwiseError(
                f"{file} has no column {name!r}, which another Parquet file beside it has; give one of them, or make "
                "them alike."
            )
    rows, size = table.metadata.num_rows, size_and_stamp(root, shard)[0]
    if not 0 <= rows <= size:
        raise SkipwiseError(
            f"{file} claims {rows:,} images in {size:,} bytes, which is impossible; download or create it again."
        )


def _label(value: Any, names: Sequence[str]) -> str | None:
    if value is None or value == -1 or value == "" or value != value:  # NaN, which pandas writes for none
        return None
    if names and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else str(value)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def split_of_shard(file: str) -> str:
    """The split of a shard from its name ("train-00000-of-00002.parquet") or folder ("train/0000.parquet"); or ""."""
    *folders, last = file.split("/")
    head = re.split(r"[-_.]\d", last.partition(".")[0])[0]
    for part in (head, *reversed(folders)):
        if (split := split_of(part)) is not None:
            return split
    return ""

"""The layout of webdataset: tar files with `000012.jpg` beside its label in `000012.cls` or `000012.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.text import count
from skipwise.data.containers import Container, Folder, TarShards
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.names import printable, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.columns.column_names import plain
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.layouts.parquet import split_of_shard
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import LabelledImage, Reading

_TEXT = (".cls", ".class", ".label", ".cls.txt")


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises a tar file of samples, or a folder of such shards.

    Raises:
        SkipwiseError: a shard is damaged or compressed, or a label cannot be read.
    """
    place = sharded(place)
    pictures = {_key(entry.name) for entry in place.pictures[:200]}
    labels = [entry.name for entry in place.others if suffix(entry.name) in (*_TEXT, ".json")]
    if not pictures or not labels or not pictures & {_key(name) for name in labels}:
        return None
    kind = next((each for each in _TEXT if any(suffix(name) == each for name in labels)), ".json")
    wanted = [name for name in labels if suffix(name) == kind]
    if kind == ".json" and not _any_label(place.container, wanted[:3], options):
        return None  # the JSON says something else, such as where a picture was taken
    return lambda: _reading(place, options, wanted, kind)


def _any_label(container: Container, names: Sequence[str], options: ReadingOptions) -> bool:
    for name, content in _contents(container, names):
        try:
            if _from_json(content, name, options)[0]:
                return True
        except SkipwiseError:
            return True  # the error is raised again when all labels are read
    return False


def sharded(place: Place) -> Place:
    """The place; if it is a folder of tar files without pictures, the files in these."""
    if not isinstance(place.container, Folder) or place.pictures:
        return place
    tars = [entry.name for entry in place.others if suffix(entry.name) == ".tar"]
    if not tars:
        return place
    shards = TarShards(place.container.path)
    return Place.from_listing(place.name, shards, shards.listing())


def _key(name: str) -> str:
    """Returns the path up to the first dot of the file's name, which the files of a sample share."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.partition('.')[0]}"


def _reading(place: Place, options: ReadingOptions, labels: Iterable[str], kind: str) -> Reading:
    found: dict[str, tuple[str, str]] = {}
    for name, content in _contents(place.container, labels):
        where = printable(name)
        found[_key(name)] = (
            (content.decode("utf-8", "replace").strip(), "") if kind != ".json" else _from_json(content, where, options)
        )
    rows, left = [], []
    for picture in place.names:
        label, group = found.get(_key(picture), ("", ""))
        if label:
            rows.append(
                LabelledImage(
                    picture,
                    label,
                    split_of_shard(re.sub(r"\.tar/.*", "", picture)) if ".tar/" in picture else "",
                    group,
                )
            )
        else:
            left.append(picture)
    classes = sorted({row.label for row in rows})
    description = (
        f"webdataset samples ({count(len(rows), 'image')}, {count(len(classes), 'class')} by the label in {kind}: "
        f"{quoted_list(classes, 4)})"
    )
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows,
        description=description,
        entries={entry.name: entry for entry in place.pictures},
        left_out=left,
    )


def _contents(container: Container, names: Iterable[str]) -> Iterable[tuple[str, bytes]]:
    for name, content in container.stream(names):
        if isinstance(content, UnreadableImage):
            raise SkipwiseError(f"{printable(name)} can't be read: {content}.")
        yield name, content


def _from_json(content: bytes, where: str, options: ReadingOptions) -> tuple[str, str]:
    try:
        record: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SkipwiseError(f"{where} is not valid JSON ({reason_of(error)}); create the shard again.") from error
    if isinstance(record, str | int):
        return str(record), ""
    if not isinstance(record, dict):
        return "", ""
    group = "" if options.group is None else str(record.get(options.group, ""))
    if options.label_column is not None:
        value = record.get(options.label_column)
        return "" if value is None else str(value), group
    by_name = {plain(str(key)): value for key, value in record.items()}
    names = [key for key in ("classname", "labelname", "label", "class", "target", "category", "cls") if key in by_name]
    value = by_name[names[0]] if names else ""
    if isinstance(value, list):
        if len(value) > 1:
            raise SkipwiseError(f"{where} has several labels; Skipwise needs exactly one class per image.")
        value = value[0] if value else ""
    return str(value) if isinstance(value, str | int | float) else "", group

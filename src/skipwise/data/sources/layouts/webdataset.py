"""The layout of webdataset: tar files with `000012.jpg` beside its label in `000012.cls` or `000012.json`."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.text import count
from skipwise.data.columns.names import Names
from skipwise.data.containers import Container, Folder, TarShards
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.names import printable, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.columns.column_names import plain
from skipwise.data.sources.labelled import LabelledWriter
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.layouts.parquet import split_of_shard
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading

_TEXT = (".cls", ".class", ".label", ".cls.txt")


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises a tar file of samples, or a folder of such shards.

    Raises:
        SkipwiseError: a shard is damaged or compressed, or a label cannot be read.
    """
    place = sharded(place)
    pictures = {_key(name) for name in itertools.islice(place.names, 200)}
    kinds = {kind for name in place.others.names if (kind := suffix(name)) in (*_TEXT, ".json")}
    if not pictures or not kinds or pictures.isdisjoint(map(_key, _ending_in(place, kinds))):
        return None
    kind = next((each for each in _TEXT if each in kinds), ".json")
    wanted = Names.of(_ending_in(place, {kind}))
    if kind == ".json" and not _any_label(place.container, list(itertools.islice(wanted, 3)), options):
        return None  # the JSON says something else, such as where a picture was taken
    return lambda: _reading(place, options, wanted, kind)


def _ending_in(place: Place, kinds: set[str]) -> Iterator[str]:
    return (name for name in place.others.names if suffix(name) in kinds)


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
    if not any(suffix(name) == ".tar" for name in place.others.names):
        return place
    shards = TarShards(place.container.path)
    return Place.from_listing(place.name, shards, shards.listing())


def _key(name: str) -> str:
    """Returns the path up to the first dot of the file's name, which the files of a sample share."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.partition('.')[0]}"


def _reading(place: Place, options: ReadingOptions, labels: Iterable[str], kind: str) -> Reading:
    found: dict[str, tuple[str, str]] = {}
    same: dict[tuple[str, str], tuple[str, str]] = {}
    for name, content in _contents(place.container, labels):
        where = printable(name)
        meant = (
            (content.decode("utf-8", "replace").strip(), "") if kind != ".json" else _from_json(content, where, options)
        )
        found[_key(name)] = same.setdefault(meant, meant)
    writer, left = LabelledWriter(), list[str]()
    for picture in place.names:
        label, group = found.get(_key(picture), ("", ""))
        if label:
            split = split_of_shard(re.sub(r"\.tar/.*", "", picture)) if ".tar/" in picture else ""
            writer.add(picture, label, split, group)
        else:
            left.append(picture)
    rows = writer.finish()
    classes = sorted(rows.labels.words)
    description = (
        f"webdataset samples ({count(len(rows), 'image')}, {count(len(classes), 'class')} by the label in {kind}: "
        f"{quoted_list(classes, 4)})"
    )
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows,
        description=description,
        entries=place.pictures,
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

"""The layout of COCO's JSON: one category for each image, or each box as an image of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.text import count
from skipwise.data.containers import Crops, Entries, Entry, Shareable
from skipwise.data.names import printable, stem, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.columns.column_names import is_group_column, plain
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading
from skipwise.data.sources.split_names import split_of
from skipwise.data.sources.table_files.text import decoded
from skipwise.data.sources.unpacking import check_text


@dataclass(frozen=True)
class Annotated:
    """The images of one JSON file.

    Args:
        name: the name of the file.
        split: the split that the file or its folder names, or "".
        found: the categories and boxes of each picture.
        missing: names of images that do not exist.
        fields: other fields of each picture.
    """

    name: str
    split: str
    found: dict[str, list[tuple[str, tuple[float, float, float, float] | None]]]
    missing: list[str]
    fields: dict[str, dict[str, str]]


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises JSON files with images, annotations and categories whose images exist."""
    if not place.names:
        return None
    files = []
    for name in place.documents:
        if suffix(name) == ".json" and (data := place.read(name)) is not None and b'"annotations"' in data:
            annotated = _annotated(place, name, data)
            if annotated is not None:
                files.append(annotated)
    return (lambda: _reading(place, options, files)) if files else None


def _annotated(place: Place, name: str, data: bytes) -> Annotated | None:
    text = decoded(name, data)
    check_text(name, text)
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SkipwiseError(f"{name} is not valid JSON ({reason_of(error)}); create it again.") from error
    try:
        if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= content.keys():
            return None
        categories = {category["id"]: str(category["name"]) for category in content["categories"]}
        images = {image["id"]: str(image["file_name"]) for image in content["images"]}
        boxes: dict[Any, list[tuple[str, tuple[float, float, float, float] | None]]] = {each: [] for each in images}
        for annotation in content["annotations"]:
            box = annotation.get("bbox")
            shape = tuple(map(float, box)) if isinstance(box, list) and len(box) == 4 else None
            if not all(map(math.isfinite, shape or ())):
                raise ValueError("a box is not finite")
            if annotation["image_id"] in boxes:
                boxes[annotation["image_id"]].append((categories[annotation["category_id"]], shape))  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise SkipwiseError(
            f"{name} looks like COCO's JSON, but a field of its images, annotations or categories is missing or "
            "invalid; create it again."
        ) from error
    folder, _, file = name.rpartition("/")
    split = split_of(stem(file).removeprefix("instances_").removeprefix("_annotations.coco")) or next(
        (each for part in reversed(folder.split("/")) if part and (each := split_of(part))), ""
    )
    prefer = next(
        (top for top in {n.split("/")[0] for n in place.names if "/" in n} if split and split_of(top) == split), ""
    )
    found: dict[str, Any] = {}
    fields: dict[str, dict[str, str]] = {}
    missing = []
    details = {image["id"]: image for image in content["images"]}
    for image, file_name in images.items():
        picture = place.index.find(file_name, folder, prefer=prefer)
        if picture is None:
            missing.append(file_name)
        else:
            found[picture] = boxes[image]
            fields[picture] = {key: str(value) for key, value in details[image].items() if isinstance(value, str | int)}
    if not found:
        return None
    return Annotated(name, split or "", found, missing, fields)


def _reading(place: Place, options: ReadingOptions, files: list[Annotated]) -> Reading:
    missing = [name for each in files for name in each.missing]
    if missing:
        raise SkipwiseError(
            f"{files[0].name} lists {count(len(missing), 'image')} that {'is' if len(missing) == 1 else 'are'} not "
            f"there, such as {printable(missing[0])}; add the files, or remove them from the list."
        )
    if options.crop_boxes:
        return _crops(place, files)
    rows, several = [], []
    for each in files:
        for picture, drawn in each.found.items():
            names = sorted({label for label, _ in drawn})
            if len(names) > 1:
                several.append((picture, names))
            elif names:
                group = "" if options.group is None else _field(each, picture, options.group)
                rows.append(LabelledImage(picture, names[0], each.split, group))
    if several:
        picture, names = several[0]
        raise SkipwiseError(
            f"{count(len(several), 'image')} of {files[0].name} {'has' if len(several) == 1 else 'have'} several "
            f"categories ({printable(picture)}: {quoted_list(names, 3)}); Skipwise needs exactly one class per image. "
            "With --crop-boxes each box becomes an image of its own."
        )
    return _made(place, files, rows, "one category for each image", place.container, place.pictures)


def _field(annotated: Annotated, picture: str, name: str) -> str:
    fields = annotated.fields[picture]
    if name not in fields:
        raise SkipwiseError(
            f"The images of {annotated.name} have no field {name!r} for --group; they have {quoted_list(fields, 8)}."
        )
    return fields[name]


def _proposal(files: list[Annotated]) -> str:
    """A sentence that proposes a field for --group, or ""."""
    fields = [fields for each in files for fields in each.fields.values()]
    for name in fields[0] if fields else ():
        values = {each.get(name) for each in fields}
        if (is_group_column(name) or plain(name) in ("location", "seqid")) and 1 < len(values) < len(fields):
            return (
                f"The field {name!r} may say which images belong together; --group {name} keeps those on one side of "
                "the split."
            )
    return ""


def _crops(place: Place, files: list[Annotated]) -> Reading:
    if not isinstance(place.container, Shareable):
        raise SkipwiseError(f"{place.name} is compressed, so boxes cannot be cropped from its images; unpack it first.")
    sizes = {entry.name: entry for entry in place.pictures}
    rows, boxes, entries = [], {}, {}
    for each in files:
        for picture, drawn in each.found.items():
            for number, (label, box) in enumerate(drawn):
                if box is None:
                    continue
                name = f"{picture}#{number + 1}"
                boxes[name] = (picture, box)
                # The size stands for the box, so that a box that is moved counts as another image.
                entries[name] = Entry(name, hash(box) & 0xFFFFFFFF, sizes[picture].stamp)
                rows.append(LabelledImage(name, label, each.split, picture))
    return _made(
        place,
        files,
        rows,
        "each box an image, with the boxes of one picture in one split",
        Crops(place.container, boxes),
        entries,
    )


def _made(
    place: Place,
    files: list[Annotated],
    rows: list[LabelledImage],
    how: str,
    container: Any,
    entries: Mapping[str, Entry] | Entries,
) -> Reading:
    classes = sorted({row.label for row in rows})
    empty = sum(not drawn for each in files for drawn in each.found.values())
    names = ", ".join(printable(each.name) for each in files[:3])
    description = (
        f"COCO annotations in {names} ({count(len(rows), 'image')}, {count(len(classes), 'class')}: "
        f"{quoted_list(classes, 4)}), {how}"
    )
    if empty:
        description += f"; {count(empty, 'picture')} without annotations {'is' if empty == 1 else 'are'} left out"
    used = {row.file.partition("#")[0] if row.group == row.file.partition("#")[0] else row.file for row in rows}
    left = [name for name in place.names if name not in used]
    return Reading(
        name=place.name,
        container=container,
        rows=rows,
        description=description,
        alternative="" if any(row.group for row in rows) else _proposal(files),
        entries=entries,
        left_out=[*left, *place.unread, *place.hidden],
    )

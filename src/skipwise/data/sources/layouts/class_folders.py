"""The layout of class folders: `<class>/...`, or `train/<class>/...` beside `val/` and `test/`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.names import printable, stem
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.folders.folders import Folders, read_folders
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.refused.unread_pictures import check_unread
from skipwise.data.sources.source import LabelledImage, Reading
from skipwise.data.sources.tables.class_names import find_class_names

_SHOWN_AGAIN = re.compile(
    r"(?:mask|seg|gt)[ _-](?P<a>.+)|"
    r"(?P<b>.*)[ _-](?:mask|seg|segmentation|gt|groundtruth|thumb|thumbnail)(?:[ _-]?\d+)?",
    re.IGNORECASE,
)
"""Names of masks and thumbnails of other pictures."""


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises class folders, with or without split folders around them.

    Raises:
        Ambiguous: two readings are equally likely.
        SkipwiseError: there are two folders for one split, none for training, or no folders as deep as asked for.
    """
    found = read_folders(place, options)
    if found is None or not found.parts:
        return None
    splits = {part.split for part in found.parts}
    if splits.isdisjoint({"", "train"}):
        if any(part.split == "train" for part in found.unlabelled):
            return None  # class folders in the test split alone cannot be learnt from
        raise SkipwiseError(
            f"{place.name} has class folders for {' and '.join(sorted(splits))}, but none for training; put the "
            "training images into one folder per class, or give a table (.csv) with the columns path and label."
        )
    return lambda: _reading(place, options, found)


def _reading(place: Place, options: ReadingOptions, found: Folders) -> Reading:
    rows, left = found.rows(place.names)
    rows, masks = _without_masks(rows)
    left += masks
    check_unread(place, set(found.labels), options)
    if options.group is not None and options.group != "folder":
        raise SkipwiseError(
            f"--group {options.group} names a column of a table, but {place.name} is read by its folders; use "
            "--group-regex, or --group folder for sub-folders of the classes."
        )
    if options.group == "folder" and found.level.groups is None:
        raise SkipwiseError(
            f"{place.name} has no sub-folders in its class folders, so --group folder finds no groups; leave it out."
        )
    if options.group is None:
        rows = [row._replace(group="") for row in rows]
    classes = sorted({row.label for row in rows})
    names = find_class_names(place, classes)
    if names is not None and (known := names.for_labels(classes)):
        rows = [row._replace(label=known[row.label]) for row in rows]
        classes = sorted(known.values())
        found.notes.append(f"The class names come from {printable(names.where)}.")
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows,
        description=_described(found, rows, classes)
        + ("; masks or thumbnails beside them are left out" if masks else ""),
        describes_split=bool(found.parts[0].split),
        alternative=found.level.other,
        top=f"{found.top.path}/" if found.top.path else "",
        entries={entry.name: entry for entry in place.pictures},
        left_out=[*left, *place.unread, *place.hidden, *(entry.name for entry in place.others)],
        notes=found.notes,
        faults=found.faults,
    )


def _without_masks(rows: list[LabelledImage]) -> tuple[list[LabelledImage], list[str]]:
    """Separates masks and thumbnails of other pictures: `benign (1)_mask.png` beside `benign (1).png`."""
    there = {stem(row.file) for row in rows}
    masks = set()
    for row in rows:
        folder, _, file = row.file.rpartition("/")
        if (
            match := _SHOWN_AGAIN.fullmatch(stem(file))
        ) is not None and f"{folder}/{match['a'] or match['b']}" in there:
            masks.add(row.file)
    return [row for row in rows if row.file not in masks], sorted(masks)


def _described(found: Folders, rows: Sequence[LabelledImage], classes: Sequence[str]) -> str:
    """Describes the folders: "folders train/ (9,469 images, 10 classes) and val/ (3,925)"."""
    if found.parts and found.parts[0].split:
        counts: dict[str, int] = {}
        for row in rows:
            counts[row.split] = counts.get(row.split, 0) + 1
        names = {part.split: printable(part.folder.name) + "/" for part in found.parts}
        # A folder named in another language, or "holdout", is shown with the split that it is taken for.
        plain = {split: name if split in name.lower() else f"{name} as {split}" for split, name in names.items()}
        shown = [f"{plain['train']} ({count(counts.get('train', 0), 'image')}, {count(len(classes), 'class')})"]
        shown += [f"{plain[split]} ({counts.get(split, 0):,})" for split in ("val", "test") if split in names]
        description = f"folders {', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else f"the folder {shown[0]}"
        if "val" in names and "test" not in names:
            description += f": {names['val']} is the test set, validation is cut from {names['train']}"
        elif "test" in names and "val" not in names:
            description += f"; validation is cut from {names['train']}"
        elif len(names) == 1:
            description += "; validation and test are cut from it"
    else:
        where = f" in {printable(found.top.path)}/" if found.top.path else ""
        description = f"{count(len(classes), 'class folder')}{where} ({count(len(rows), 'image')}): {_some(classes)}"
    if found.level.groups is not None:
        groups = sorted({group for _, _, group in found.labels.values() if group})
        description += (
            f"; the folders {quoted_list(groups, 2)} may be groups: --group folder keeps each group on one side of the "
            "split"
        )
    return description


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(map(printable, names[:most])) + (f", ... {printable(names[-1])}" if len(names) > most else "")

"""The layout of class folders: `<class>/...`, or `train/<class>/...` beside `val/` and `test/`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.names import printable, stem
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.folders.folders import Folders, read_folders
from skipwise.data.sources.labelled import Labelled, LabelledImage
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.refused.unread_pictures import check_unread
from skipwise.data.sources.source import Reading
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
    masks = _masks(found, place.names)
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
    counts = _counted(found, place.names, masks)
    known = {label: label for label, _ in counts}
    names = find_class_names(place, sorted(known))
    if names is not None and (better := names.for_labels(sorted(known))):
        known = better
        found.notes.append(f"The class names come from {printable(names.where)}.")
    rows = Labelled.of(
        LabelledImage(row.file, known[row.label], row.split, row.group if options.group else "")
        for row in found.rows(place.names)
        if row.file not in masks
    )
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows,
        description=_described(found, counts, sorted(known.values()))
        + ("; masks or thumbnails beside them are left out" if masks else ""),
        describes_split=bool(found.parts[0].split),
        alternative=found.level.other,
        top=f"{found.top.path}/" if found.top.path else "",
        entries=place.pictures,
        left_out=[
            *found.without_class(place.names),
            *sorted(masks),
            *place.unread,
            *place.hidden,
            *place.others.names,
        ],
        notes=found.notes,
        faults=found.faults,
    )


def _masks(found: Folders, names: Iterable[str]) -> set[str]:
    """Masks and thumbnails of other pictures: `benign (1)_mask.png` beside `benign (1).png`."""
    shown: dict[str, str] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder in found.labels and (match := _SHOWN_AGAIN.fullmatch(stem(file))) is not None:
            shown[name] = f"{folder}/{match['a'] or match['b']}"
    if not shown:
        return set()
    wanted = set(shown.values())
    there = {stem(name) for name in names if name.rpartition("/")[0] in found.labels and stem(name) in wanted}
    return {name for name, other in shown.items() if other in there}


def _counted(found: Folders, names: Iterable[str], masks: Iterable[str]) -> Counter[tuple[str, str]]:
    """The number of images in each class and split."""
    folders = Counter(name.rpartition("/")[0] for name in names)
    folders.subtract(name.rpartition("/")[0] for name in masks)
    counts: Counter[tuple[str, str]] = Counter()
    for folder, (label, split, _) in found.labels.items():
        counts[label, split] += folders[folder]
    return +counts


def _described(found: Folders, images: Counter[tuple[str, str]], classes: Sequence[str]) -> str:
    """Describes the folders: "folders train/ (9,469 images, 10 classes) and val/ (3,925)".

    Args:
        found: what they mean.
        images: the number of images in each class and split.
        classes: the names of the classes.
    """
    if found.parts and found.parts[0].split:
        counts: Counter[str] = Counter()
        for (_, split), number in images.items():
            counts[split] += number
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
        description = (
            f"{count(len(classes), 'class folder')}{where} ({count(images.total(), 'image')}): {_some(classes)}"
        )
    if found.level.groups is not None:
        groups = sorted({group for _, _, group in found.labels.values() if group})
        description += (
            f"; the folders {quoted_list(groups, 2)} may be groups: --group folder keeps each group on one side of the "
            "split"
        )
    return description


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(map(printable, names[:most])) + (f", ... {printable(names[-1])}" if len(names) > most else "")

"""The layout of file names that hold the class: "cat.0.jpg" with --label-regex."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from skipwise.core.errors import SkipwiseError, Unlabelled
from skipwise.core.text import count, quoted
from skipwise.data.names import printable
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.folders.folders import read_folders
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.refused.detection import check_no_detection
from skipwise.data.sources.source import Reading, compiled_pattern
from skipwise.data.sources.split_names import splits_of

_PATTERNS = (
    r"^(.+?)[ ._-]*\(?\d+\)?\.\w+$",  # cat.0.jpg, Abyssinian_100.jpg, cat (1).jpg
    r"^([A-Za-z]+)",  # cat0-left.jpg
    r"[ ._-]([A-Za-z]+)\.\w+$",  # 0001_cat.jpg
    r"^([^_]+)_",  # 3_0001.png
    r"_([^_.]+)\.\w+$",  # img0001_3.png
)
"""Patterns to propose, the likeliest first."""


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises pictures in any folders, if the user gave a pattern for their names."""
    if options.label_regex is None or not place.names:
        return None
    pattern = compiled_pattern(options.label_regex, "--label-regex")
    return lambda: _reading(place, options, pattern)


def _reading(place: Place, options: ReadingOptions, pattern: re.Pattern[str]) -> Reading:
    folders = read_folders(place, ReadingOptions())
    split_of = (
        {part.folder.path: part.split for part in (*folders.parts, *folders.unlabelled) if part.split}
        if folders
        else {}
    )
    rows, left = [], []
    for name in place.names:
        label = label_in(pattern, name.rpartition("/")[2])
        split = next((each for path, each in split_of.items() if name.startswith(path + "/")), "")
        if label is None:
            left.append(name)
        else:
            rows.append(LabelledImage(name, label, split))
    if not rows:
        raise SkipwiseError(
            f"--label-regex {options.label_regex!r} matches none of the file names of {place.name}, such as "
            f"{printable(place.names[0].rpartition('/')[2])}."
        )
    classes = sorted({row.label for row in rows})
    description = (
        f"{count(len(rows), 'image')} of {count(len(classes), 'class')} by their file names ({quoted_list(classes, 4)})"
    )
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows if len({row.split for row in rows} - {""}) > 1 else [row._replace(split="") for row in rows],
        description=description,
        entries=place.pictures,
        left_out=[*left, *place.unread, *place.hidden, *place.others.names],
    )


def label_in(pattern: re.Pattern[str], file: str) -> str | None:
    """The class that a pattern finds in the name of a file, or None."""
    match = pattern.search(file)
    return None if match is None else (match[1] if pattern.groups else match[0]) or None


def proposed_pattern(names: Sequence[str]) -> tuple[str, list[str]] | None:
    """A pattern that finds classes in the names of files, and the classes; None if no pattern does."""
    files = [name.rpartition("/")[2] for name in names[:5000]]
    for text in _PATTERNS:
        labels = [label_in(re.compile(text), file) for file in files]
        known = Counter(label for label in labels if label is not None)
        if sum(known.values()) < 0.9 * len(files) or not 2 <= len(known) <= len(files) // 2:
            continue
        if min(known.values()) * 20 < len(files) / len(known) and len(known) > 20:
            continue
        return text, sorted(known)
    return None


def refusal(place: Place) -> SkipwiseError:
    """The error for pictures without classes. It proposes a pattern if the file names seem to hold them."""
    check_no_detection(place)
    split_of = splits_of({name.split("/")[-2] for name in place.names if "/" in name})
    train = [name for name in place.names if "/" in name and split_of.get(name.split("/")[-2]) == "train"]
    proposal = proposed_pattern(train or place.names)
    if proposal is not None:
        pattern, classes = proposal
        return SkipwiseError(
            f"{place.name} has no class folders and no table, but the file names of its "
            f"{count(len(place.names), 'image')} seem to hold {count(len(classes), 'class')} "
            f"({quoted_list(classes, 4)}); if so, add --label-regex {quoted(pattern)}."
        )
    unlabelled = f"those in {train[0].rpartition('/')[0]}/" if train else "they"
    return Unlabelled(
        f"{place.name} holds {count(len(place.names), 'image')}, but nothing says which class {unlabelled} are of; put "
        "them into one sub-folder per class, or give a table (.csv) with the columns path and label."
    )

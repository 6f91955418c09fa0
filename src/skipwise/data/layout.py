"""File names -> classes and splits. Pure: the same for a folder, an archive and whatever else has names."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import splitext

from skipwise.data.containers import CLUTTER, Listing
from skipwise.data.formats import IMAGE_SUFFIXES
from skipwise.errors import SkipwiseError

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_RESULTS = {"plan.json", "run.json", "audit.json", "artifact.json"}
"""What Skipwise writes into the folders of its results."""


@dataclass(frozen=True)
class Row:
    """A labelled file. `split` is "" where the images are not split."""

    file: str
    label: str
    split: str


@dataclass(frozen=True)
class Layout:
    """What the names say.

    `top` is what all files lie below ("birds-v2/"), or "". `ignored` files are no images or belong to no class; `notes`
    are sentences worth saying, and `faults` sentences about what has to be mended before anything can be trained.
    """

    rows: tuple[Row, ...]
    top: str
    ignored: tuple[str, ...]
    notes: tuple[str, ...]
    faults: tuple[str, ...]


def arrange(listing: Listing, where: str) -> Layout:
    """Classes from folders: `<class>/...`, or `train/<class>/...` beside `test/` (and `val/`), at the top or below
    folders that hold nothing else.

    Args:
        where: the data set as the user calls it, for sentences.

    Raises:
        SkipwiseError: no images, one class, half of the splits, class names that are too alike.
    """
    results = _results(listing)
    images, ignored = [], []
    for entry in listing.entries:
        *folders, name = entry.name.split("/")
        if _below(entry.name, results) or any(part.startswith(".") or part in CLUTTER for part in folders):
            continue
        hidden = name.startswith(".") or name in CLUTTER
        is_image = splitext(name)[1].lower() in IMAGE_SUFFIXES
        if is_image and not hidden:
            images.append(entry.name)
        elif is_image or not hidden:
            ignored.append(entry.name)
    top = _wrapping(images)
    inner = [name for name in images if name.startswith(top)]
    split_of = _splits(inner, top, where)
    depth = top.count("/") + (split_of is not None)

    rows, deep = [], Counter[str]()
    for name in images:
        parts = name.split("/")
        if not name.startswith(top) or len(parts) < depth + 2:
            ignored.append(name)
            continue
        label = unicodedata.normalize("NFC", parts[depth])  # macOS writes accents in two code points
        rows.append(Row(name, label, "" if split_of is None else split_of[parts[depth - 1]]))
        deep[label] += len(parts) > depth + 2
    check_labels([row.label for row in rows], where)
    faults = [
        *absent_classes([row.label for row in rows], [row.split for row in rows], where),
        *_empty_classes(listing, images, top, depth, results, where),
    ]
    notes = []
    if nested := [label for label, count in deep.items() if count]:
        notes.append(
            f"Images in sub-folders of {nested[0]!r}{' and other classes' * (len(nested) > 1)} count for that class."
        )
    return Layout(tuple(rows), top, tuple(sorted(ignored)), tuple(notes), tuple(faults))


def _results(listing: Listing) -> set[str]:
    """The folders that Skipwise wrote: one of its records is in there, and no image beside it."""
    marked = {entry.name.rpartition("/")[0] for entry in listing.entries if entry.name.rpartition("/")[2] in _RESULTS}
    for entry in listing.entries if marked else ():
        if splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
            marked.discard(entry.name.rpartition("/")[0])
    return marked - {""}


def _below(name: str, folders: set[str]) -> bool:
    """Whether a file lies in one of the folders, or further down."""
    while folders and (name := name.rpartition("/")[0]):
        if name in folders:
            return True
    return False


def _wrapping(images: Sequence[str]) -> str:
    """The folders around everything ("birds-v2/" of an archive), as a prefix; "" if the top holds the classes."""
    top = ""
    while True:
        rest = [name[len(top) :].split("/") for name in images]
        heads = {parts[0] for parts in rest if len(parts) > 1}
        # One folder, and in it folders: not the one class of a data set that lacks others.
        if len(heads) != 1 or any(len(parts) < 3 for parts in rest):
            return top
        head = next(iter(heads))
        if head.lower() in SPLIT_NAMES or len({parts[1] for parts in rest}) < 2:
            return top
        top += head + "/"


def _splits(images: Sequence[str], top: str, where: str) -> dict[str, str] | None:
    """The split of each top folder, or None where the top folders are classes."""
    heads = sorted({parts[0] for name in images if len(parts := name[len(top) :].split("/")) > 1})
    names = [head for head in heads if head.lower() in SPLIT_NAMES]
    split_of = {head: SPLIT_NAMES[head.lower()] for head in names}
    # Classes may be called `test`; with `train` beside it, or nothing else, they are splits.
    if not names or ("train" not in split_of.values() and len(names) < len(heads)):
        return None
    if len(set(split_of.values())) < len(names):
        raise SkipwiseError(f"{where} has two folders for one split ({', '.join(names)}); keep one of them.")
    others = [head for head in heads if head not in names]
    if others:
        raise SkipwiseError(f"{where} has {others[0]!r} beside {' and '.join(names)}; move it elsewhere.")
    missing = [split for split in ("train", "test") if split not in split_of.values()]
    if missing:
        raise SkipwiseError(
            f"{where} has the split folders {', '.join(names)} but no '{missing[0]}'; add it, or give one folder with "
            "a sub-folder per class and let Skipwise split it."
        )
    return split_of


def absent_classes(labels: Sequence[str], splits: Sequence[str], where: str) -> list[str]:
    """A sentence for every class without images in a split that has images of others."""
    there = set(zip(labels, splits, strict=True))
    return [
        f"The class {label!r} has no images in the {split} split of {where}; add some."
        for split in sorted(set(splits))
        for label in sorted(set(labels))
        if (label, split) not in there
    ]


def check_labels(labels: Sequence[str], where: str) -> None:
    """Raises SkipwiseError unless there are two classes or more with names that can't be taken for each other."""
    classes = sorted(set(labels))
    if not classes:
        raise SkipwiseError(
            f"{where} holds no images in sub-folders; it needs one sub-folder per class, with "
            f"{', '.join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))} files in it."
        )
    if len(classes) == 1:
        raise SkipwiseError(
            f"{where} has only one class with images, {classes[0]!r}; telling classes apart needs at least two."
        )
    by_case: dict[str, str] = {}
    for name in classes:
        other = by_case.setdefault(name.strip().casefold(), name)
        if other != name:
            raise SkipwiseError(
                f"The classes {other!r} and {name!r} of {where} differ only in capital letters or spaces; if they are "
                "one class, give them one name, else tell them apart."
            )


def _empty_classes(
    listing: Listing, images: Sequence[str], top: str, depth: int, results: set[str], where: str
) -> list[str]:
    """A class folder without images is a class somebody meant to have."""
    full = {"/".join(name.split("/")[: depth + 1]) for name in images}
    empty = []
    for folder in listing.folders:
        parts = folder.split("/")
        if len(parts) != depth + 1 or not folder.startswith(top) or _below(folder + "/x", results):
            continue
        hidden = any(part.startswith(".") or part in CLUTTER for part in parts)
        leads_to_results = any(result.startswith(folder + "/") for result in results)
        if folder not in full and not hidden and not leads_to_results:
            empty.append(f"The class folder {folder} of {where} holds no images; add some or remove it.")
    return empty

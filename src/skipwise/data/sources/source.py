"""Labelled images that have not been read yet (`Source`), and what a layout understood of them (`Reading`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, shortened
from skipwise.data.containers import Container, Entries, Entry
from skipwise.data.image.formats import is_picture, is_readable
from skipwise.data.names import ARCHIVES, printable, suffix, without_archive_suffix
from skipwise.data.sources.labelled import Labelled, LabelledImage, shown_names
from skipwise.data.sources.labels import check_labels, doubtful_sentence, missing_classes, quoted_list

Versions = Mapping[str, Callable[[NDArray[np.int64]], NDArray[np.uint8]]]
"""Other versions of images by name: functions from numbers of images to their pixels, uint8 [B, H, W, C]."""

_LONGEST_READING = 3000
"""Characters of the line that says what was understood, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Labelled images that have not been read yet. Its `repr` is the line that says how they were understood.

    Args:
        name: the name of the data set.
        reading: a line that says what was understood.
        classes: the class names, sorted.
        ids: the images' names for people, without characters that cannot be printed.
        labels: the class number of each image, int64 [N].
        splits: "train", "val" or "test" for each image, or None if the set is not split.
        groups: for each image the group that it belongs to, or "" for none; None if there are no groups. Images of one
            group (one patient, one video) stay in one split.
        container: what the images are read from; None for images in memory.
        files: the images' names in the container.
        entries: the images' sizes and stamps in the container.
        archive: the container's `stamp` when it was listed.
        pixels: uint8 [N, H, W, C] for images in memory; None for images in a container.
        mirrors: whether the mirror image of an image still belongs to its class.
        ignored: names of files that are left out.
        faults: sentences about what has to be fixed before training.
        versions: other versions of each image that the set brings, by name; {} for most sets.

    Example:
        >>> import skipwise
        >>> source = skipwise.open_images("digits")
        >>> len(source), source.classes[:3], source.ids[0], source.splits
        (1797, ('0', '1', '2'), 'digits/0000', None)
    """

    name: str
    reading: str
    classes: tuple[str, ...]
    ids: Sequence[str]
    labels: NDArray[np.int64]
    splits: Sequence[str] | None
    groups: Sequence[str] | None = None
    container: Container | None = None
    files: Sequence[str] = ()
    entries: Sequence[Entry] = ()
    archive: tuple[int, ...] = ()
    pixels: NDArray[np.uint8] | None = None
    mirrors: bool = True
    ignored: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    versions: Versions = field(default_factory=dict)

    def check(self) -> None:
        """Raises SkipwiseError with the first fault, if there is one."""
        if self.faults:
            raise SkipwiseError(self.faults[0])

    def __repr__(self) -> str:
        return self.reading

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A data set as a layout understood it, before it becomes a `Source`.

    Args:
        name: the name of the data set.
        container: what the images are read from.
        rows: the images with their labels.
        description: what was understood, without a full stop: "class folders".
        entries: the images' sizes and stamps, and perhaps those of other files.
        describes_split: whether the description names the split already; otherwise it is added.
        alternative: a sentence with another possible reading and its flag, or "".
        top: the folder that all files are in ("birds-v2/"), which is left out of the images' ids.
        left_out: names of pictures and files that are not part of the set.
        notes: more sentences for the user.
        faults: sentences about what has to be fixed before training.
        used_tables: names of the tables that were used.
        where: the path for error messages; "" is that of the container.
    """

    name: str
    container: Container
    rows: Sequence[LabelledImage] | Labelled
    description: str
    entries: Mapping[str, Entry] | Entries
    describes_split: bool = False
    alternative: str = ""
    top: str = ""
    left_out: Sequence[str] = ()
    notes: Sequence[str] = ()
    faults: Sequence[str] = ()
    used_tables: frozenset[str] = frozenset()
    where: str = ""

    def source(self) -> Source:
        """The labelled images as a source.

        Raises:
            SkipwiseError: there are fewer than two classes, or class names that can be confused.
        """
        where = self.where or str(self.container.path)
        found = Labelled.of(self.rows)
        counts = found.labels.counts()
        check_labels(counts, where)
        given = found.splits.renamed(_assigned(found.splits.words))
        meant = resolved_splits(set(given.words))
        splits = given.renamed(meant[split] for split in given.words)
        together = np.unique(found.labels.codes.astype(np.int64) * len(splits.words) + splits.codes).tolist()
        pairs = [divmod(pair, len(splits.words)) for pair in together]
        faults, absent = missing_classes(
            [found.labels.words[label] for label, _ in pairs], [splits.words[split] for _, split in pairs], where
        )
        classes = sorted(counts)
        numbers = {label: number for number, label in enumerate(classes)}
        description = self.description
        if not self.describes_split:
            description += split_words(given.counts())
        sentences = [
            f"Read as {description}.",
            self.alternative,
            doubtful_sentence(counts),
            left_out_sentence(self.left_out, self.top),
            *self.notes,
            *absent,
        ]
        entries = Entries.named(found.files, self.entries)
        return Source(
            name=printable(self.name),
            reading=shortened(printable(" ".join(sentence for sentence in sentences if sentence)), _LONGEST_READING),
            classes=tuple(printable(label) for label in classes),
            ids=shown_names(entries.names, found.lines, self.top),
            labels=np.array([numbers[label] for label in found.labels.words], dtype=np.int64)[found.labels.codes],
            splits=None if splits.words == ("",) else splits,
            groups=found.groups.renamed(map(printable, found.groups.words)) if any(found.groups.words) else None,
            container=self.container,
            files=entries.names,
            entries=entries,
            archive=self.container.stamp(),
            ignored=tuple(printable(file) for file in sorted(self.left_out)),
            faults=tuple(map(printable, (*self.faults, *faults))),
        )


def assigned(rows: Sequence[LabelledImage]) -> list[LabelledImage]:
    """The same images; if some have a split, those without one are for training."""
    split = any(row.split for row in rows)
    return [row._replace(split="train") if split and not row.split else row for row in rows]


def _assigned(splits: Iterable[str]) -> list[str]:
    """The same for each of the splits that occur."""
    given = list(splits)
    return [split or "train" for split in given] if any(given) else given


def resolved_splits(there: set[str]) -> dict[str, str]:
    """The splits that are used, for each of those that occur.

    With training and validation images only, the validation images become the test set. With training images only, the
    set counts as not split.

    Raises:
        SkipwiseError: there are no training images.
    """
    if there == {"train", "val"}:
        return {"train": "train", "val": "test"}
    if "train" not in there and there != {""}:
        raise SkipwiseError(
            f"The images have the split{'s' * (len(there) > 1)} {' and '.join(sorted(there - {''}))}, but none for "
            "training; add it, or give one folder with a sub-folder per class and let Skipwise split it."
        )
    if len(there) == 1:
        return dict.fromkeys(there, "")
    return {split: split for split in there}


def split_words(splits: Iterable[str] | Mapping[str, int]) -> str:
    """The given split as the end of a sentence: "; split as train 9, val 4; val is the test set"; or "".

    Args:
        splits: the split of each image, or the number of images in each split.
    """
    counts = Counter(splits)
    if len(counts) > 1 and "" in counts:
        counts["train"] += counts.pop("")
    if len(counts) < 2:
        return ""
    shown = ", ".join(f"{split} {counts[split]:,}" for split in ("train", "val", "test") if counts[split])
    if not counts["test"]:
        return f"; split as {shown}; val is the test set, validation is cut from train"
    return f"; split as {shown}" + ("" if counts["val"] else "; validation is cut from train")


def left_out_sentence(names: Sequence[str], top: str) -> str:
    """Sentences about pictures and archives that are not part of the set; "" if there are none."""
    inside = [name.removeprefix(top) for name in names]
    pictures = [name for name in inside if is_readable(suffix(name))]
    unread = [name for name in inside if is_picture(suffix(name)) and not is_readable(suffix(name))]
    sentences = []
    if pictures:
        sentences.append(f"Left out: {count(len(pictures), 'picture')} ({_where(pictures)}).")
    if unread:
        kinds = ", ".join(sorted({suffix(name) for name in unread}))
        sentences.append(
            f"Left out, in formats that are not read ({kinds}): {count(len(unread), 'picture')} ({_where(unread)})."
        )
    if archives := [name for name in inside if name.lower().endswith(ARCHIVES)]:
        sentences.append(f"Archives beside the images are not opened ({quoted_list(archives, 3)}).")
    return " ".join(sentences)


def _where(names: Sequence[str]) -> str:
    """Counts files by folder; deep folders are summed up."""
    places = Counter(name.rpartition("/")[0] for name in names)
    while len(places) > 4 and max(place.count("/") for place in places) > 0:
        deepest = max(place.count("/") for place in places)
        shallower: Counter[str] = Counter()
        for place, number in places.items():
            shallower[place if place.count("/") < deepest else place.rpartition("/")[0]] += number
        places = shallower
    shown = [f"{number:,} in {place + '/' if place else 'the top folder'}" for place, number in places.most_common(4)]
    shown += ["others elsewhere"] if len(places) > 4 else []
    return shown[0].partition(" ")[2] if len(places) == 1 else ", ".join(shown)


def stem_of(path: Path) -> str:
    """The name of a data set from its path."""
    return without_archive_suffix(path.resolve().name) or "images"


def grouped(source: Source, pattern: str) -> Source:
    """The source with groups from the images' paths: the match of a pattern's first group, or of the whole pattern.

    Raises:
        SkipwiseError: the pattern is not a regular expression, or it does not match every path.
    """
    compiled = compiled_pattern(pattern, "--group-regex")
    found = [compiled.search(name) for name in source.ids]
    unmatched = [name for name, match in zip(source.ids, found, strict=True) if match is None]
    if unmatched:
        also = f" and {count(len(unmatched) - 1, 'other path')}" if len(unmatched) > 1 else ""
        raise SkipwiseError(
            f"--group-regex {pattern!r} matches nothing in {unmatched[0]}{also}; every image needs a group."
        )
    groups = tuple((match[1] if compiled.groups else match[0]) or "" for match in found if match is not None)
    return replace(source, groups=groups)


def compiled_pattern(pattern: str, flag: str) -> re.Pattern[str]:
    """Compiles a regular expression that the user gave. Raises SkipwiseError if it is invalid."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise SkipwiseError(f"{flag} {pattern!r} is not a regular expression ({error}).") from error

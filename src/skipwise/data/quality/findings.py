"""The audit of a set of images: what is wrong with it. It changes nothing.

Every finding lists the flagged files, and those of them that `--exclude` leaves out. The thresholds flag hardly any
sound image, since nobody reads an audit full of false alarms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skipwise.core.reporting import Progress
from skipwise.core.text import count, listed
from skipwise.data.quality.duplicate_groups import duplicate_pairs, group_numbers, restricted_to
from skipwise.data.scan.scan import Scan
from skipwise.data.sources import Source
from skipwise.data.splits import SPLITS

Kind = Literal[
    "unreadable",
    "leakage",
    "two_labels",
    "exact_duplicates",
    "near_duplicates",
    "nearly_blank",
    "tiny",
    "extreme_shape",
    "ignored",
    "small_class",
    "imbalance",
    "layout",
    "looks_mislabelled",
]

BLANK_DEVIATION = 2.0
"""Standard deviation of a thumbnail's grey levels (0 to 255). A lens cap has less, a faint drawing more."""
TINY_SIDE = 8
"""Pixels of the shorter side, below which an image is tiny."""
EXTREME_ASPECT = 8.0
"""Ratio of the sides, above which an image is a strip."""
FEW_IMAGES = 10
"""A class with fewer images to train on can hardly be learnt or tested."""
IMBALANCE = 10.0
"""Ratio of the largest class to the smallest, above which the classes are unbalanced."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault of the images.

    Args:
        kind: the kind of fault.
        files: the names of the images that are flagged.
        detail: a sentence for the user.
        exclude: those of the files that `--exclude` leaves out.
    """

    kind: Kind
    files: tuple[str, ...]
    detail: str
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Numbers of images and findings, and the sizes of the images.

    Args:
        images: the number of images.
        classes, splits, kinds: the number of images by class, split and kind of file ("JPEG RGB").
        findings: the number of findings by kind.
        shorter_side: minimum, median and maximum of the shorter side in pixels; None without images.
        aspect: minimum, median and maximum of the longer side divided by the shorter one; None without images.
    """

    images: int
    classes: dict[str, int]
    splits: dict[str, int]
    kinds: dict[str, int]
    findings: dict[str, int]
    shorter_side: tuple[float, float, float] | None
    aspect: tuple[float, float, float] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """The result of an audit.

    Args:
        findings: the faults.
        counts: numbers of images.
        pairs: (near-)duplicates [M, 2], by the numbers of the images.
    """

    findings: tuple[Finding, ...]
    counts: Counts
    pairs: NDArray[np.int64]

    def of_kind(self, *kinds: Kind) -> list[Finding]:
        """The findings of these kinds."""
        return [finding for finding in self.findings if finding.kind in kinds]

    def leaks(self) -> str:
        """A sentence about images that are in several splits of the given split; "" if there are none."""
        leaks = self.of_kind("leakage")
        if not leaks:
            return ""
        kept = next(name for name in leaks[0].files if name not in leaks[0].exclude)
        return (
            f"{count(len(leaks), 'image')} {'are' if len(leaks) != 1 else 'is'} in more than one split, exactly or "
            f"nearly; for example {leaks[0].exclude[0]} and {kept}."
        )

    def warnings(self) -> list[str]:
        """Sentences that the user should read before training."""
        sentences = [self.leaks()]
        two = self.of_kind("two_labels")
        if two:
            sentences.append(
                f"{count(len(two), 'image')} {'have' if len(two) != 1 else 'has'} more than one label; for example "
                f"{' and '.join(two[0].files[:2])}."
            )
        same = self.of_kind("exact_duplicates", "near_duplicates")
        if same:
            copies = sum(len(finding.files) - 1 for finding in same)
            sentences.append(
                f"{count(copies, 'image')} {'are copies' if copies != 1 else 'is a copy'}, exactly or nearly, of "
                f"another in the same split; for example {' and '.join(same[0].files[:2])}."
            )
        sentences += [finding.detail for finding in self.of_kind("small_class", "imbalance")]
        found = [sentence for sentence in sentences if sentence]
        if found:
            found.append("Run 'skipwise audit' on the same images to see them.")
        return found


def examine(source: Source, scan: Scan, used: NDArray[np.bool_], progress: Progress | None = None) -> Audit:
    """Audits images without training anything.

    Args:
        source: the images and their labels.
        scan: what is known about each of them.
        used: the images to audit, bool [N].
        progress: called as progress(what, done, total).
    """
    there = used & scan.readable
    pairs = restricted_to(duplicate_pairs(scan, progress), there)
    findings = [
        *_unreadable(source, scan, used),
        *_duplicates(source, scan, pairs),
        *_by_pixels(source, scan, there),
        *_classes(source, there),
    ]
    if source.ignored:
        detail = "Not named like an image, or not in the folder of a class."
        findings.append(Finding(kind="ignored", files=source.ignored, detail=detail))
    sides, longer = scan.sides[there], np.maximum(scan.widths, scan.heights)[there]
    splits = [split for split, is_used in zip(source.splits or (), used, strict=False) if split and is_used]
    counts = Counts(
        images=int(used.sum()),
        classes=_by_class(source, used),
        splits=_tally(splits),
        kinds=_tally(scan.kinds[there].tolist()),
        findings=_tally(finding.kind for finding in findings),
        shorter_side=_range(sides),
        aspect=_range(longer / np.maximum(sides, 1)),
    )
    return Audit(findings=tuple(findings), counts=counts, pairs=pairs)


def _unreadable(source: Source, scan: Scan, used: NDArray[np.bool_]) -> list[Finding]:
    return [
        Finding(kind="unreadable", files=(source.ids[index],), detail=reason, exclude=(source.ids[index],))
        for index, reason in sorted(scan.unreadable.items())
        if used[index]
    ]


def _duplicates(source: Source, scan: Scan, pairs: NDArray[np.int64]) -> list[Finding]:
    """One finding for each group of duplicates: it is in two splits, has two labels, or is there more than once."""
    component = group_numbers(len(source.ids), pairs)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in np.unique(pairs).tolist():
        groups[int(component[index])].append(index)
    findings = []
    for members in groups.values():
        files = tuple(source.ids[index] for index in members)
        exactly = len({scan.digests[index] for index in members}) == 1
        how = "Identical files" if exactly else "Nearly identical images"
        labels = {source.classes[source.labels[index]] for index in members}
        splits = [source.splits[index] if source.splits else "" for index in members]
        if len(labels) > 1:
            detail = f"{how}, labelled {listed(sorted(labels), 3)}."
            findings.append(Finding(kind="two_labels", files=files, detail=detail, exclude=files))
        if len(set(splits)) > 1:
            # The test images stay as they are, so that accuracies can be compared with published ones.
            last = max(splits, key=SPLITS.index)
            exclude = tuple(name for name, split in zip(files, splits, strict=True) if split != last)
            detail = f"{how}, in {' and '.join(sorted(set(splits), key=SPLITS.index))}."
            findings.append(Finding(kind="leakage", files=files, detail=detail, exclude=exclude))
        if len(labels) == 1 and len(set(splits)) == 1:
            kind: Kind = "exact_duplicates" if exactly else "near_duplicates"
            where = f"labelled {labels.pop()}" + (f", in {splits[0]}" if splits[0] else "")
            findings.append(Finding(kind=kind, files=files, detail=f"{how}, {where}.", exclude=files[1:]))
    return findings


def _by_pixels(source: Source, scan: Scan, there: NDArray[np.bool_]) -> list[Finding]:
    findings = []
    indices = np.flatnonzero(there)
    spread = np.zeros(len(source.ids), np.float32)
    for start in range(0, len(indices), 4096):
        part = indices[start : start + 4096]
        spread[part] = scan.thumbnails[part].astype(np.float32).std(axis=(1, 2))
    sides, widths, heights = scan.sides, scan.widths, scan.heights
    longer = np.maximum(widths, heights)
    tiny = there & (sides < TINY_SIDE) & bool(np.median(sides[there]) >= TINY_SIDE)
    blank = there & ~tiny & (spread < BLANK_DEVIATION)
    strip = there & (longer > EXTREME_ASPECT * np.maximum(sides, 1))
    for index in np.flatnonzero(tiny | blank | strip).tolist():
        name, size = source.ids[index], f"{widths[index]} x {heights[index]} pixels"
        if tiny[index]:
            findings.append(Finding(kind="tiny", files=(name,), detail=f"{size}.", exclude=(name,)))
        if blank[index]:
            detail = "Almost a single colour."
            findings.append(Finding(kind="nearly_blank", files=(name,), detail=detail, exclude=(name,)))
        if strip[index]:
            detail = f"{size}; a network sees only the middle square of it."
            findings.append(Finding(kind="extreme_shape", files=(name,), detail=detail, exclude=(name,)))
    return findings


def _classes(source: Source, there: NDArray[np.bool_]) -> list[Finding]:
    findings = []
    # If the source brings a split, only its training images can be learnt from.
    learnt = there if source.splits is None else there & np.isin(np.asarray(source.splits), ["train", ""])
    totals = np.bincount(source.labels[learnt], minlength=len(source.classes)).tolist()
    sizes = dict(zip(source.classes, totals, strict=True))
    for name, size in sizes.items():
        if size < FEW_IMAGES:
            detail = f"The class {name!r} has only {count(size, 'image')} to train on."
            findings.append(Finding(kind="small_class", files=(), detail=detail))
    most, fewest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    if sizes[most] > IMBALANCE * sizes[fewest]:
        detail = (
            f"The class {most!r} has {sizes[most]:,} images to train on and {fewest!r} has {sizes[fewest]:,}; accuracy "
            "weighs every image alike, so it says little about rare classes (--outcome balanced-accuracy weighs every "
            "class alike)."
        )
        findings.append(Finding(kind="imbalance", files=(), detail=detail))
    return findings


def _by_class(source: Source, used: NDArray[np.bool_]) -> dict[str, int]:
    totals = np.bincount(source.labels[used], minlength=len(source.classes)).tolist()
    return {name: total for name, total in sorted(zip(source.classes, totals, strict=True)) if total}


def _tally(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _range(values: NDArray[Any]) -> tuple[float, float, float] | None:
    """Minimum, median and maximum."""
    if not len(values):
        return None
    least, middle, most = (round(float(value), 2) for value in (values.min(), np.median(values), values.max()))
    return least, middle, most

"""Finds and describes what is wrong with a set of images. It changes nothing.

Every finding lists the flagged files, and those of them that `--exclude` leaves out. Thresholds are set so that hardly
a sound image is flagged: nobody reads an audit full of false alarms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.checksums import check_record
from skipwise.core.files.json_limits import check_json
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.regular import read_regular
from skipwise.data.quality.duplicate_groups import among, same_images
from skipwise.data.quality.duplicates import linked
from skipwise.data.scan.scan import Progress, Survey
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
"""In grey levels of the thumbnail, 0 to 255: a sheet of paper, a lens cap; faint drawings have more."""
TINY_SIDE = 8
EXTREME_ASPECT = 8.0
FEW_IMAGES = 10
"""A class with fewer training images than this, or images at all, can hardly be learnt or tested."""
IMBALANCE = 10.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`files` are flagged; `exclude` are those of them that `--exclude` leaves out; `detail` is a sentence."""

    kind: Kind
    files: tuple[str, ...]
    detail: str
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many images there are, altogether and by class, split and kind of file, and their sizes in pixels."""

    images: int
    classes: dict[str, int]
    splits: dict[str, int]
    kinds: dict[str, int]
    findings: dict[str, int]
    shorter_side: tuple[float, float, float] | None
    aspect: tuple[float, float, float] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """What was found. `pairs` [M, 2] are images that are (nearly) the same: linked by them, all that are."""

    findings: tuple[Finding, ...]
    counts: Counts
    pairs: NDArray[np.int64]

    def of(self, *kinds: Kind) -> list[Finding]:
        """The findings of these kinds."""
        return [finding for finding in self.findings if finding.kind in kinds]

    def leaks(self) -> str:
        """A sentence about images on two sides of a given split; "" if there are none."""
        leaks = self.of("leakage")
        if not leaks:
            return ""
        kept = next(name for name in leaks[0].files if name not in leaks[0].exclude)
        return (
            f"{_count(len(leaks), 'image')} {'are' if len(leaks) != 1 else 'is'} in more than one split, exactly or "
            f"nearly; for example {leaks[0].exclude[0]} and {kept}."
        )

    def warnings(self) -> list[str]:
        """What a comparison says before it starts, in sentences."""
        sentences = [self.leaks()]
        two = self.of("two_labels")
        if two:
            sentences.append(
                f"{_count(len(two), 'image')} {'have' if len(two) != 1 else 'has'} more than one label; for example "
                f"{' and '.join(two[0].files[:2])}."
            )
        same = self.of("exact_duplicates", "near_duplicates")
        if same:
            copies = sum(len(finding.files) - 1 for finding in same)
            sentences.append(
                f"{_count(copies, 'image')} {'are copies' if copies != 1 else 'is a copy'}, exactly or nearly, of "
                f"another in the same split; for example {' and '.join(same[0].files[:2])}."
            )
        sentences += [finding.detail for finding in self.of("small_class", "imbalance")]
        found = [sentence for sentence in sentences if sentence]
        if found:
            found.append("Run 'skipwise audit' on the same images to see them.")
        return found


def examine(source: Source, seen: Survey, used: NDArray[np.bool_], progress: Progress | None = None) -> Audit:
    """Everything that can be said of the images without training anything.

    Args:
        used: the images that count, bool [N]; the others are as if they were not there.
    """
    there = used & seen.readable
    pairs = among(same_images(seen, progress), there)
    findings = [
        *_unreadable(source, seen, used),
        *_duplicates(source, seen, pairs),
        *_by_pixels(source, seen, there),
        *_classes(source, there),
    ]
    if source.ignored:
        detail = "Not images by their names, or not in the folder of a class."
        findings.append(Finding(kind="ignored", files=source.ignored, detail=detail))
    sides, longer = seen.sides[there], np.maximum(seen.widths, seen.heights)[there]
    splits = [split for split, counts in zip(source.splits or (), used, strict=False) if split and counts]
    counts = Counts(
        images=int(used.sum()),
        classes=_tally(source.classes[label] for label in source.labels[used].tolist()),
        splits=_tally(splits),
        kinds=_tally(seen.kinds[there].tolist()),
        findings=_tally(finding.kind for finding in findings),
        shorter_side=_range(sides),
        aspect=_range(longer / np.maximum(sides, 1)),
    )
    return Audit(findings=tuple(findings), counts=counts, pairs=pairs)


def read_exclusions(path: Path, source: Source) -> NDArray[np.bool_]:
    """The images that an audit.json would leave out: bool [N].

    Raises:
        SkipwiseError: no such file, or one about other images.
    """

    @dataclass
    class Excluding:
        findings: tuple[Finding, ...]

    try:
        content = read_regular(path, LARGEST_RECORD)
        check_json(content)
        found = msgspec.json.decode(content, type=Excluding).findings
    except OSError as error:
        raise SkipwiseError(
            f"Can't read {path}: {reason_of(error)}; --exclude takes what 'skipwise audit' wrote."
        ) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SkipwiseError(
            f"{path} is no audit.json ({error}); --exclude takes what 'skipwise audit' wrote."
        ) from error
    check_record(path, mend="audit these images again (or, if you edited it, take out its 'files')")
    excluded = {name for finding in found for name in finding.exclude}
    strangers = excluded - set(source.ids)
    if strangers:
        raise SkipwiseError(
            f"{path} is about other images: it names {sorted(strangers)[0]!r}, which {source.name} does not have; "
            "audit these images again."
        )
    return np.array([name in excluded for name in source.ids])


def _unreadable(source: Source, seen: Survey, used: NDArray[np.bool_]) -> list[Finding]:
    return [
        Finding(kind="unreadable", files=(source.ids[index],), detail=reason, exclude=(source.ids[index],))
        for index, reason in sorted(seen.unreadable.items())
        if used[index]
    ]


def _duplicates(source: Source, seen: Survey, pairs: NDArray[np.int64]) -> list[Finding]:
    """One finding per set of images that are the same and what is wrong with it: two sides, two labels, or once too
    often."""
    component = linked(len(source.ids), pairs)
    sets: dict[int, list[int]] = defaultdict(list)
    for index in np.unique(pairs).tolist():
        sets[int(component[index])].append(index)
    findings = []
    for members in sets.values():
        files = tuple(source.ids[index] for index in members)
        exactly = len({seen.digests[index].tobytes() for index in members}) == 1
        how = "Identical files" if exactly else "Nearly identical images"
        labels = {source.classes[source.labels[index]] for index in members}
        splits = [source.splits[index] if source.splits else "" for index in members]
        if len(labels) > 1:
            detail = f"{how}, labelled {_listing(sorted(labels))}."
            findings.append(Finding(kind="two_labels", files=files, detail=detail, exclude=files))
        if len(set(splits)) > 1:
            # What is tested on stays as it is, so that accuracies can be compared with those of others.
            last = max(splits, key=SPLITS.index)
            exclude = tuple(name for name, split in zip(files, splits, strict=True) if split != last)
            detail = f"{how}, in {' and '.join(sorted(set(splits), key=SPLITS.index))}."
            findings.append(Finding(kind="leakage", files=files, detail=detail, exclude=exclude))
        if len(labels) == 1 and len(set(splits)) == 1:
            kind: Kind = "exact_duplicates" if exactly else "near_duplicates"
            where = f"labelled {labels.pop()}" + (f", in {splits[0]}" if splits[0] else "")
            findings.append(Finding(kind=kind, files=files, detail=f"{how}, {where}.", exclude=files[1:]))
    return findings


def _by_pixels(source: Source, seen: Survey, there: NDArray[np.bool_]) -> list[Finding]:
    findings = []
    indices = np.flatnonzero(there)
    spread = np.zeros(len(source.ids), np.float32)
    for start in range(0, len(indices), 4096):
        part = indices[start : start + 4096]
        spread[part] = seen.thumbnails[part].astype(np.float32).std(axis=(1, 2))
    sides, longer = seen.sides, np.maximum(seen.widths, seen.heights)
    tiny = there & (sides < TINY_SIDE) & bool(np.median(sides[there]) >= TINY_SIDE)
    blank = there & ~tiny & (spread < BLANK_DEVIATION)
    strip = there & (longer > EXTREME_ASPECT * np.maximum(sides, 1))
    for index in np.flatnonzero(tiny | blank | strip).tolist():
        name, size = source.ids[index], f"{seen.widths[index]} x {seen.heights[index]} pixels"
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
    # With a split of its own, what can be learnt from is the training part.
    learnt = there & np.isin(np.array(source.splits or ("",) * len(source.ids)), ["train", ""])
    totals = np.bincount(source.labels[learnt], minlength=len(source.classes)).tolist()
    sizes = dict(zip(source.classes, totals, strict=True))
    for name, size in sizes.items():
        if size < FEW_IMAGES:
            detail = f"The class {name!r} has only {_count(size, 'image')} to train on."
            findings.append(Finding(kind="small_class", files=(), detail=detail))
    most, fewest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    if sizes[most] > IMBALANCE * sizes[fewest]:
        detail = (
            f"The class {most!r} has {sizes[most]:,} images to train on and {fewest!r} has {sizes[fewest]:,}; accuracy "
            "counts every image alike, so it says little about rare classes (--outcome balanced-accuracy counts every "
            "class alike)."
        )
        findings.append(Finding(kind="imbalance", files=(), detail=detail))
    return findings


def _tally(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _range(values: NDArray[Any]) -> tuple[float, float, float] | None:
    """Least, median and most."""
    if not len(values):
        return None
    least, middle, most = (round(float(value), 2) for value in (values.min(), np.median(values), values.max()))
    return least, middle, most


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _listing(names: Sequence[str], most: int = 3) -> str:
    """Names in a sentence, of which there may be too many."""
    shown = [*names[:most], *([f"{len(names) - most:,} others"] if len(names) > most else [])]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)

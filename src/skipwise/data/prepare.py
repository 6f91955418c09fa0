"""From what a user names to images that are looked at, complained about, split and decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.faults import faults, layout_faults
from skipwise.data.images import Images, Pixels
from skipwise.data.quality.duplicate_groups import find_twins
from skipwise.data.quality.findings import Audit, examine, read_exclusions
from skipwise.data.quality.near_duplicates import linked
from skipwise.data.scan.inspection import Square
from skipwise.data.scan.scan import Progress, Survey, guess_square, is_surveyed, survey, team_for
from skipwise.data.sources import ReadingOptions, Source, open_source
from skipwise.data.splits import SPLIT_SEED, SPLITS, TEST_SHARE, make_folds, make_splits, read_split
from skipwise.data.store.packed import pack
from skipwise.data.store.streamed import Streamed

VAL_SHARE = 0.15
VAL_SHARE_OF_GIVEN = 0.10


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user says of the images.

    Args:
        data: a data set's name, a folder, an archive or a table.
        reading: how they are to be read.
        split: a split.csv to be used again.
        exclude: an audit.json whose flagged images are left out.
        val_share: of all images where nothing is split, of the training images where only validation is missing;
            None for the usual 15% and 10%.
        strict: whether an image that is on two sides of a given split is an error.
        img_size: pixels a side, or None for the images' own.
        folds: for cross-validation, how many; then there is no split, and every image is a test image.
    """

    data: str
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    split: str | None = None
    exclude: str | None = None
    val_share: float | None = None
    strict: bool = False
    img_size: int | None = None
    folds: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Images that can be trained on, not decoded yet. `twins` are as in `Images`; shares are None for a split that came
    with the images; `together` has a group number for each of `members`, the same for images that belong together."""

    source: Source
    seen: Survey
    audit: Audit
    together: NDArray[np.int64]
    split: NDArray[np.str_]
    twins: NDArray[np.str_]
    val_share: float | None
    test_share: float | None
    fingerprint: str
    channels: int
    auto_size: int

    @property
    def members(self) -> NDArray[np.int64]:
        """The images that are used."""
        return np.flatnonzero(self.split != "")

    @property
    def counts(self) -> dict[str, int]:
        """How many images each split has."""
        return {split: int((self.split == split).sum()) for split in SPLITS}

    def images(self, square: Square, *, packed: bool, progress: Progress | None = None) -> Images:
        """The decoded images, from a file that is made once, or decoded whenever they are asked for.

        Raises:
            SkipwiseError: the disk is full or will be, or the images changed.
        """
        source, seen = self.source, self.seen
        pixels: Pixels = pack(source, seen, square, progress) if packed else Streamed(source, seen, square)
        return Images(
            name=self.source.name,
            classes=self.source.classes,
            ids=np.array(self.source.ids),
            labels=self.source.labels,
            split=self.split,
            twins=self.twins,
            pixels=pixels,
            fingerprint=self.fingerprint,
        )


def prepare(
    request: Request,
    *,
    seed: int,
    packed: bool = True,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Prepared:
    """Looks at the images and splits them.

    Args:
        seed: of the split.
        packed: whether the pixels will be packed; then they are in the same pass, if their size can be guessed.
        notice: is told what a person should know, a sentence at a time.

    Raises:
        SkipwiseError: anything about the images that has to be mended first.
    """
    share = request.val_share
    if share is not None and not 0 <= share < 1:
        raise SkipwiseError(f"--val-share must be at least 0 and below 1, not {share:g}.")
    source = open_source(request.data, request.reading, progress)
    for sentence in (source.reading, *files_left_out(source)):
        notice(sentence)
    source.check()
    used = np.ones(len(source.ids), dtype=bool)
    if request.split is not None:
        given = read_split(Path(request.split), source.ids)
        source = replace(source, splits=tuple(given.tolist()))
        used &= given != ""
    if request.exclude is not None:
        used &= ~read_exclusions(Path(request.exclude), source)
    if not used.all():
        notice(f"{(~used).sum():,} of {len(used):,} images are left out, as you asked.")
    with team_for(source) as team:
        guess = guess_square(source, request.img_size, None, team) if packed and not is_surveyed(source) else None
        seen = survey(source, progress, guess=guess, team=team).of(used)
    for sentence in seen.notes:
        notice(sentence)
    for fault in faults(source, seen, used):
        raise SkipwiseError(fault)
    members = np.flatnonzero(used)
    audit = examine(source, seen, used, progress)
    for sentence in audit.warnings():
        notice(sentence)
    if missing := _without_group(source, members):
        notice(missing)
    torn = _torn(source, members)
    if torn:
        notice(torn)
    if request.strict and (leak := audit.leaks() or torn):
        raise SkipwiseError(f"{leak} Leave them out with --exclude, or leave out --strict.")
    together = _together(source, audit, members)
    if request.folds is not None:
        _check_folds(source, request)
        # Whether they can be made is a matter of the classes, not of the seed.
        make_folds(source.labels[members], source.classes, together, folds=request.folds, seed=seed)
        split, val_share, test_share = np.where(used, "test", ""), None, None
    else:
        split, val_share, test_share = _split(source, together, members, share, seed)
    return Prepared(
        source=source,
        seen=seen,
        audit=audit,
        together=together,
        split=split,
        twins=find_twins(audit.pairs, split),
        val_share=val_share,
        test_share=test_share,
        fingerprint=_fingerprint(
            seen.fingerprint(source, members), split[members], together if request.folds is not None else None
        ),
        channels=seen.channels(members),
        auto_size=seen.auto_size(members),
    )


def _fingerprint(images: str, split: NDArray[np.str_], together: NDArray[np.int64] | None) -> str:
    """Names the images and what each is used for: runs on another split are other runs.

    Args:
        split: of each image that is used.
        together: which belong together, where folds are made of them.
    """
    said = [images, *split.tolist(), *([] if together is None else map(str, together.tolist()))]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def files_left_out(source: Source) -> list[str]:
    """A sentence about files that are taken for no images of the data set, if there are any."""
    if not source.ignored:
        return []
    kinds: dict[str, str] = {}
    for name in source.ignored:
        kinds.setdefault(Path(name).suffix.lower() or "no suffix", name)
    count = len(source.ignored)
    shown = ", ".join(f"{name} ({kind})" for kind, name in list(kinds.items())[:5])
    return [
        f"{count:,} file{'s' * (count != 1)} of {source.name} {'are' if count != 1 else 'is'} left out: not images by "
        f"their names, or not in the folder of a class; for example {shown}."
    ]


def obstacles(source: Source, seen: Survey, audit: Audit, used: NDArray[np.bool_]) -> list[str]:
    """Every sentence with which `prepare` would refuse these images, unless it is asked for another split."""
    found = faults(source, seen, used)
    if not layout_faults(source, used):
        members = np.flatnonzero(used)
        try:
            _split(source, _together(source, audit, members), members, None, SPLIT_SEED)
        except SkipwiseError as error:
            found.append(str(error))
    return found


def _without_group(source: Source, members: NDArray[np.int64]) -> str:
    """A sentence about images of which no group is said, where one is said of others; "" if there are none."""
    lacking = [] if source.groups is None else [index for index in members.tolist() if not source.groups[index]]
    if not lacking or len(lacking) == len(members):
        return ""
    return (
        f"{len(lacking):,} of {len(members):,} images have no group, such as {source.ids[lacking[0]]}; each is taken "
        "for one that belongs with no other."
    )


def _torn(source: Source, members: NDArray[np.int64]) -> str:
    """A sentence about groups that a given split has torn apart; "" if there are none."""
    if source.splits is None or source.groups is None:
        return ""
    sides: dict[str, set[str]] = {}
    for index in members.tolist():
        sides.setdefault(source.groups[index], set()).add(source.splits[index])
    torn = sorted(group for group, splits in sides.items() if group and len(splits) > 1)
    if not torn:
        return ""
    return (
        f"{len(torn):,} group{'s' * (len(torn) != 1)} of {source.name} {'are' if len(torn) != 1 else 'is'} in more "
        f"than one split; such as {torn[0]!r}."
    )


def _check_folds(source: Source, request: Request) -> None:
    if source.splits is not None:
        raise SkipwiseError(f"{source.name} is split already, so it needs no cross-validation; leave --folds out.")
    if request.val_share:
        raise SkipwiseError("Cross-validation has no validation images; leave --val-share or --folds out.")


def _split(
    source: Source, together: NDArray[np.int64], members: NDArray[np.int64], share: float | None, seed: int
) -> tuple[NDArray[np.str_], float | None, float | None]:
    """The split of every image, and the shares that were used."""
    split = np.full(len(source.ids), "", dtype="<U5")
    if source.splits is None:
        val_share = VAL_SHARE if share is None else share
        if val_share + TEST_SHARE >= 1:
            raise SkipwiseError(
                f"--val-share {val_share:g} leaves nothing to train on beside {TEST_SHARE:g} for testing; make it "
                "smaller."
            )
        split[members] = make_splits(
            source.labels[members],
            source.classes,
            val_share=val_share,
            test_share=TEST_SHARE,
            seed=seed,
            groups=together,
        )
        return split, val_share, TEST_SHARE
    split[members] = np.array(source.splits)[members]
    if "val" in split:
        if share is not None:
            raise SkipwiseError(
                f"{source.name} brings its own validation images, so --val-share has nothing to do; leave it out."
            )
        return split, None, None
    val_share = VAL_SHARE_OF_GIVEN if share is None else share
    if val_share:
        train = np.flatnonzero(split[members] == "train")
        split[members[train]] = make_splits(
            source.labels[members[train]],
            source.classes,
            val_share=val_share,
            test_share=0.0,
            seed=seed,
            groups=np.unique(together[train], return_inverse=True)[1],
        )
    return split, val_share, None


def _together(source: Source, audit: Audit, members: NDArray[np.int64]) -> NDArray[np.int64]:
    """A group number for each of `members`: twins are together, and so is what the user says belongs together."""
    pairs = audit.pairs
    if source.groups is not None:
        first: dict[str, int] = {}
        said = [(first.setdefault(group, index), index) for index, group in enumerate(source.groups) if group]
        pairs = np.concatenate([pairs, np.array(said, dtype=np.int64).reshape(-1, 2)])
    joined = linked(len(source.ids), pairs)
    return np.unique(joined[members], return_inverse=True)[1]

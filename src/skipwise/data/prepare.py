"""Preparing images for training: open the source, scan it, audit it, split it and decode it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.copies import local_path
from skipwise.core.reporting import Progress
from skipwise.core.text import count
from skipwise.data.assign_splits import assign_splits, check_folds, divided_groups, groups_of, images_without_group
from skipwise.data.columns.names import Names
from skipwise.data.faults import faults, layout_faults
from skipwise.data.images import Images, Pixels
from skipwise.data.options import DataOptions, ReadingOptions
from skipwise.data.quality.duplicate_groups import splits_with_duplicates
from skipwise.data.quality.exclusions import read_exclusions
from skipwise.data.quality.findings import Audit, examine
from skipwise.data.scan.guess import guess_pixel_format
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.scan import Scan, decoder_pool_for, is_scanned, scan_images
from skipwise.data.sources import Source, open_source
from skipwise.data.splits import SPLIT_SEED, SPLITS, make_folds, read_split
from skipwise.data.store.packed import pack
from skipwise.data.store.streamed import Streamed


@dataclass(frozen=True, kw_only=True)
class Request(DataOptions):
    """The user's request for images. It is written down with a run, so that they are found again.

    Args:
        data: a data set's name, a folder, an archive or a table.
        reading: how they are to be read.
    """

    data: str
    reading: ReadingOptions = field(default_factory=ReadingOptions)

    @classmethod
    def of(cls, data: str | os.PathLike[str], images: DataOptions, reading: ReadingOptions) -> Request:
        """The request for these images with these options."""
        return cls(data=os.fspath(data), reading=reading, **vars(images))


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Images that can be trained on, not decoded yet.

    Args:
        source: where the images are, and their labels.
        scan: what is known about each of them.
        audit: what is wrong with them.
        groups: a number for each of `members`; images that belong together have the same.
        split: "train", "val" or "test" for each image [N], or "" for an image that is left out.
        duplicated_in: for each image [N] the split, before its own, that has a (near-)duplicate of it, or "".
        val_share, test_share: the shares that were cut off; None for a split that came with the images.
        fingerprint: a hash of the images and their splits.
        channels: 1 if all images are grey, else 3.
        auto_size: the image size that is chosen automatically, in pixels.
    """

    source: Source
    scan: Scan
    audit: Audit
    groups: NDArray[np.int64]
    split: NDArray[np.str_]
    duplicated_in: NDArray[np.str_]
    val_share: float | None
    test_share: float | None
    fingerprint: str
    channels: int
    auto_size: int

    @property
    def members(self) -> NDArray[np.int64]:
        """The indices of the images that are used, ascending."""
        return np.flatnonzero(self.split != "")

    @property
    def counts(self) -> dict[str, int]:
        """The number of images in each split."""
        return {split: int((self.split == split).sum()) for split in SPLITS}

    def images(self, pixel_format: PixelFormat, *, packed: bool, progress: Progress | None = None) -> Images:
        """The images in a pixel format.

        Args:
            pixel_format: size, channels and so on.
            packed: whether all pixels are decoded once into a file in the cache; else they are decoded on demand.
            progress: called as progress(what, done, total).

        Raises:
            SkipwiseError: the disk has no room, or an image has changed since the scan.
        """
        source, scan = self.source, self.scan
        pixels: Pixels = pack(source, scan, pixel_format, progress) if packed else Streamed(source, scan, pixel_format)
        return Images(
            name=self.source.name,
            classes=self.source.classes,
            ids=Names.of(self.source.ids),
            labels=self.source.labels,
            split=self.split,
            duplicated_in=self.duplicated_in,
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
    """Opens, scans, audits and splits images.

    Args:
        request: the images, and how they are to be read and split.
        seed: seed of the split.
        packed: whether the pixels will be stored in the cache. Then they are decoded during the scan, if their size can
            be guessed.
        progress: called as progress(what, done, total).
        notice: called with each sentence that the user should read.

    Returns:
        Images that can be trained on.

    Raises:
        SkipwiseError: the images have a fault that has to be fixed before training, or they cannot be split.
    """
    share = request.val_share
    if share is not None and not 0 <= share < 1:
        raise SkipwiseError(f"--val-share must be at least 0 and below 1, not {share:g}.")
    source, used = _open(request, progress, notice)
    with decoder_pool_for(source) as pool:
        guess = guess_pixel_format(source, request.img_size, None, pool) if packed and not is_scanned(source) else None
        scan = scan_images(source, progress, guess=guess, pool=pool).for_images(used)
    for sentence in scan.notes:
        notice(sentence)
    if found := faults(source, scan, used):
        raise SkipwiseError(found[0])
    members = np.flatnonzero(used)
    audit = examine(source, scan, used, progress)
    for sentence in audit.warnings():
        notice(sentence)
    if missing := images_without_group(source, members):
        notice(missing)
    divided = divided_groups(source, members)
    if divided:
        notice(divided)
    if request.strict and (leak := audit.leaks() or divided):
        raise SkipwiseError(f"{leak} Leave them out with --exclude, or leave out --strict.")
    groups = groups_of(source, audit, members)
    if request.folds is not None:
        check_folds(source, request.val_share)
        # They are made here only to see that they can be; that depends on the classes, not on the seed.
        make_folds(source.labels[members], source.classes, groups, folds=request.folds, seed=seed)
        split, val_share, test_share = np.where(used, "test", ""), None, None
    else:
        split, val_share, test_share = assign_splits(source, groups, members, share, seed)
    return Prepared(
        source=source,
        scan=scan,
        audit=audit,
        groups=groups,
        split=split,
        duplicated_in=splits_with_duplicates(audit.pairs, split),
        val_share=val_share,
        test_share=test_share,
        fingerprint=_fingerprint(
            scan.fingerprint(source, members), split[members], groups if request.folds is not None else None
        ),
        channels=scan.channels(members),
        auto_size=scan.auto_size(members),
    )


def _open(
    request: Request, progress: Progress | None, notice: Callable[[str], None]
) -> tuple[Source, NDArray[np.bool_]]:
    """The source with the split that the user gave, and which of its images are used, bool [N]."""
    source = open_source(request.data, request.reading, progress)
    for sentence in (source.reading, *files_left_out(source)):
        notice(sentence)
    source.check()
    used = np.ones(len(source.ids), dtype=bool)
    if request.split is not None:
        given = read_split(local_path(request.split), source.ids)
        source = replace(source, splits=tuple(given.tolist()))
        used &= given != ""
    if request.exclude is not None:
        used &= ~read_exclusions(local_path(request.exclude), source)
    if not used.all():
        notice(f"{(~used).sum():,} of {len(used):,} images are left out, as you asked.")
    return source, used


def _fingerprint(images: str, split: NDArray[np.str_], groups: NDArray[np.int64] | None) -> str:
    """A hash of the images and what each of them is used for.

    Args:
        images: a hash of the images.
        split: the split of each image that is used.
        groups: the group of each image that is used, if folds are made of them.
    """
    parts = [images, *split.tolist(), *([] if groups is None else map(str, groups.tolist()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def files_left_out(source: Source) -> list[str]:
    """A sentence about files that are not images of the data set, in a list; [] if there are none."""
    if not source.ignored:
        return []
    kinds: dict[str, str] = {}
    for name in source.ignored:
        kinds.setdefault(Path(name).suffix.lower() or "no suffix", name)
    number = len(source.ignored)
    shown = ", ".join(f"{name} ({kind})" for kind, name in list(kinds.items())[:5])
    why = "is left out: it is not named like an image, or not in the folder of a class"
    if number != 1:
        why = "are left out: they are not named like images, or not in the folders of classes"
    return [f"{count(number, 'file')} of {source.name} {why}; for example {shown}."]


def obstacles(source: Source, scan: Scan, audit: Audit, used: NDArray[np.bool_]) -> list[str]:
    """Every sentence with which `prepare` would refuse these images, with the default split."""
    found = faults(source, scan, used)
    if not layout_faults(source, used):
        members = np.flatnonzero(used)
        try:
            assign_splits(source, groups_of(source, audit, members), members, None, SPLIT_SEED)
        except SkipwiseError as error:
            found.append(str(error))
    return found

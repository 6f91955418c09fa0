"""Images and labels that a program holds -> a `Source`, and from there to what a run trains on.

All of them are for training, but for a share for validation; none are for testing, which is scikit-learn's part.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.regular import is_regular
from skipwise.core.text import count, printable
from skipwise.data.assign_splits import groups_of
from skipwise.data.containers import Entry, Folder
from skipwise.data.faults import unreadable_images
from skipwise.data.images import Images
from skipwise.data.prepare import Prepared
from skipwise.data.quality.findings import examine
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources import Source
from skipwise.data.splits import SPLIT_SEED, make_splits

NAME = "X"
AT_ONCE = 256
"""Images that are decoded at a time."""


def class_names(classes: NDArray[Any]) -> tuple[str, ...]:
    """Names for classes, each another one, whatever they are."""
    names = [printable(str(each)) for each in classes.tolist()]
    return tuple(names if len(set(names)) == len(names) else (f"{n} ({i})" for i, n in enumerate(names)))


def source_of_pixels(pixels: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...]) -> Source:
    """Images in memory, uint8 [N, H, W, C]."""
    return Source(pixels=pixels, **_described(labels, classes))


def source_of_paths(paths: Sequence[str], labels: NDArray[np.int64], classes: tuple[str, ...]) -> Source:
    """Image files, wherever they are.

    Raises:
        ValueError: a file is not there, or they are on different drives.
    """
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - links stay as they are
    root = os.path.commonpath([os.path.dirname(path) for path in absolute])  # noqa: PTH120 - called for every image
    files = [os.path.relpath(path, root).replace(os.sep, "/") for path in absolute]
    entries = []
    for path, name in zip(absolute, files, strict=True):
        try:
            status = Path(path).stat()
        except OSError as error:
            raise ValueError(f"Can't read the image {printable(path)}: {error.strerror or error}.") from error
        if not is_regular(status):
            raise ValueError(f"{printable(path)} is no file; give the paths of image files, one for each image.")
        entries.append(Entry(name, status.st_size, status.st_mtime_ns))
    described, times = _described(labels, classes), Counter(files)
    described["ids"] = tuple(
        f"{printable(name)} ({place})" if times[name] > 1 else printable(name) for place, name in enumerate(files)
    )
    return Source(container=Folder(Path(root)), files=tuple(files), entries=tuple(entries), **described)


def _described(labels: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": NAME,
        "reading": f"Read as {count(len(labels), 'image')} of a program.",
        "classes": classes,
        "ids": tuple(f"{NAME}/{place}" for place in range(len(labels))),
        "labels": labels,
        "splits": None,
    }


def prepared_for_training(source: Source, *, validation_fraction: float) -> Prepared:
    """The images, looked at and split.

    Args:
        source: the images.
        validation_fraction: the share that is kept for validation, cut class by class; near-duplicates stay together.

    Raises:
        ValueError: a class has too few images for that.
        SkipwiseError: images can't be read.
    """
    used = np.ones(len(source.ids), dtype=bool)
    scan = scan_images(source).for_images(used)
    if unreadable := unreadable_images(source, scan, used):
        raise SkipwiseError(unreadable[0])
    members, audit = np.flatnonzero(used), examine(source, scan, used)
    groups = groups_of(source, audit, members)
    split = np.full(len(used), "train", dtype="<U5")
    if validation_fraction:
        try:
            split = make_splits(
                source.labels,
                source.classes,
                val_share=validation_fraction,
                test_share=0.0,
                seed=SPLIT_SEED,
                groups=groups,
            )
        except SkipwiseError as error:
            said = str(error).replace("--val-share", "validation_fraction")
            raise ValueError(f"Of these images, validation_fraction can't be cut: {said}") from error
    return Prepared(
        source=source,
        scan=scan,
        audit=audit,
        groups=groups,
        split=split,
        duplicated_in=np.full(len(used), "", dtype="<U5"),
        val_share=validation_fraction,
        test_share=0.0,
        fingerprint=scan.fingerprint(source, members),
        channels=scan.channels(members),
        auto_size=scan.auto_size(members),
    )


@contextlib.contextmanager
def decoded_images(prepared: Prepared, pixel_format: PixelFormat, folder: Path) -> Iterator[Images]:
    """The images, each decoded once, in a file in `folder` that is removed afterwards.

    They are not packed into the cache, as those of `skipwise.train` are: each part of a cross-validation would stay.
    """
    path = folder / "pixels"
    streamed = prepared.images(pixel_format, packed=False)
    pixels: Any = np.memmap(path, np.uint8, "w+", shape=streamed.pixels.shape)
    try:
        for start in range(0, len(pixels), AT_ONCE):
            numbers = np.arange(start, min(start + AT_ONCE, len(pixels)))
            pixels[numbers] = streamed.pixels[numbers]
        yield replace(streamed, pixels=pixels)
    finally:
        streamed.pixels.close()  # type: ignore[attr-defined]
        del pixels
        with contextlib.suppress(OSError):  # Windows keeps a file that is mapped still; it goes with its folder
            path.unlink()

"""Labelled images for export, verify and evaluate: those of the run, and others that a user names."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.download.asked_for import nothing_downloaded
from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.copies import local_path
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.data.image.preprocess import Preprocessing, fit_square
from skipwise.data.location import check_tables, recall
from skipwise.data.prepare import Request
from skipwise.data.sources import ReadingOptions, Source, open_source
from skipwise.data.splits import read_split
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.training.folder.dropped import weights_hash


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledImages:
    """M images of a source, with their labels. Their bytes are read when they are needed.

    Args:
        where: the source, as the user named it.
        source: the source.
        rows: the images' positions in the source [M].
        labels: their classes [M], as positions among the network's classes.
        split: the split of each [M]: "train", "val", "test", or "" where it is not known.
    """

    where: str
    source: Source
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    split: NDArray[np.str_]

    @property
    def name(self) -> str:
        """The source's name, for people."""
        return self.source.name

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, position: int) -> str:
        """An image's name."""
        return self.source.ids[int(self.rows[position])]

    def groups(self) -> NDArray[np.int64] | None:
        """A number for each image [M], the same for images of one group; None where the source has no groups."""
        names = self.source.groups
        if names is None:
            return None
        # An image without a group is a group of its own.
        own = [names[row] or f"\0{row}" for row in self.rows.tolist()]
        return np.unique(own, return_inverse=True)[1].astype(np.int64)

    def some(self, positions: NDArray[np.int64]) -> LabelledImages:
        """The images at these positions."""
        return replace(self, rows=self.rows[positions], labels=self.labels[positions], split=self.split[positions])

    def of(self, *splits: str) -> LabelledImages:
        """The images of these splits."""
        return self.some(np.flatnonzero(np.isin(self.split, splits)))

    def drawn(self, count: int, *, seed: int = 0) -> LabelledImages:
        """At most `count` images, drawn at random, with equal numbers from each class as far as they last.

        The same images are drawn every time.
        """
        shuffled = np.random.default_rng(seed).permutation(len(self))
        nth = np.zeros(len(self), dtype=np.int64)
        seen: dict[int, int] = {}
        for position in shuffled.tolist():
            label = int(self.labels[position])
            nth[position] = seen[label] = seen.get(label, -1) + 1
        order = shuffled[np.argsort(nth[shuffled], kind="stable")]
        return self.some(np.sort(order[:count]))

    def encoded(self) -> Iterator[bytes]:
        """The encoded bytes of the images, in order. Images of a data set that is held in memory become PNG.

        Raises:
            SkipwiseError: an image can't be read.
        """
        source = self.source
        if source.container is None:
            assert source.pixels is not None
            for row in self.rows.tolist():
                yield _as_png(source.pixels[row])
            return
        files = [source.files[row] for row in self.rows.tolist()]
        found: dict[str, bytes] = {}
        waiting = list(reversed(files))
        for name, data in source.container.stream(dict.fromkeys(files)):
            if isinstance(data, UnreadableImage):
                raise _unreadable(name, data)
            found[name] = data
            while waiting and waiting[-1] in found:
                yield found[waiting[-1]]
                last = waiting.pop()
                if last not in waiting[-1:]:
                    found.pop(last)

    def resized(self, preprocessing: Preprocessing) -> Iterator[NDArray[np.uint8]]:
        """The pixels of the images [size, size, C], resized as in training.

        Raises:
            SkipwiseError: an image can't be read.
        """
        for position, data in enumerate(self.encoded()):
            try:
                yield fit(data, preprocessing)
            except UnreadableImage as error:
                raise _unreadable(self.id(position), error) from error


def fit(data: bytes, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The pixels of an encoded image [size, size, C], resized as in training. Raises UnreadableImage."""
    return square(decode(data, channels=preprocessing.channels, levels=preprocessing.levels), preprocessing)


def square(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Pixels [H, W, C] resized as in training: [size, size, C]."""
    return fit_square(pixels, preprocessing.size, crop=preprocessing.crop, interpolation=preprocessing.interpolation)


def run_of(artifact: Artifact) -> Path | None:
    """The folder of the run that an artifact was exported from, if it is there and has, or had, the same weights."""
    try:
        with nothing_downloaded():
            folder = local_path(artifact.provenance.run)
    except SkipwiseError:  # it came from an address of which there is no copy here
        return None
    return folder if weights_hash(folder) == artifact.provenance.weights else None


def remembered_reading(folder: Path | None) -> ReadingOptions | None:
    """Returns how a run, or its comparison, read its images; None if that is not recorded."""
    request = None if folder is None else _remembered(folder.absolute())
    return None if request is None else request.reading


def remembered_data(folder: Path) -> str | None:
    """Returns the place of the images of the run in a folder, or of its comparison; None if that is not recorded."""
    request = _remembered(folder.absolute())
    return None if request is None else request.data


def _remembered(folder: Path) -> Request | None:
    return next(filter(None, map(recall, (folder, folder.parent.parent))), None)


def own_images(
    folder: Path,
    classes: tuple[str, ...],
    data: str | os.PathLike[str] | None,
    reading: ReadingOptions | None = None,
) -> LabelledImages | None:
    """The images that a run was trained and tested on, with their splits; None if it is not recorded where they are.

    Args:
        folder: the run's.
        classes: the network's.
        data: where the images are now; None is where they were.
        reading: how to read them; None is how the run read them.

    Raises:
        SkipwiseError: they are not there, or they are not the run's.
    """
    folder = folder.absolute()
    home = next((each for each in (folder, folder.parent.parent) if (each / "split.csv").exists()), None)
    request = _remembered(folder)
    if home is not None and (home / "folds.csv").exists():
        raise SkipwiseError(f"{folder} is of a cross-validation, so its images have no validation or test split.")
    if home is None or (data is None and request is None):
        return None
    named = os.fspath(data) if data is not None else request.data if request is not None else ""
    with nothing_downloaded() if data is None else contextlib.nullcontext():
        source = open_source(named, reading or (None if request is None else request.reading))
    if data is not None:
        source.check()
    check_tables(home, "split.csv")
    split = read_split(home / "split.csv", source.ids)
    rows = np.flatnonzero(split != "")
    labels = _labels(source, rows, classes)
    return LabelledImages(where=named, source=source, rows=rows, labels=labels, split=split[rows])


def other_images(
    data: str | os.PathLike[str], classes: tuple[str, ...], reading: ReadingOptions | None = None
) -> LabelledImages:
    """Labelled images that are not the run's own, as far as is known.

    Raises:
        SkipwiseError: there are none, or one of their classes is none of the network's.
    """
    source = open_others(data, reading)
    source.check()
    rows = np.arange(len(source.ids))
    split = np.array(source.splits if source.splits is not None else [""] * len(rows), dtype="<U5")
    labels = _labels(source, rows, classes)
    return LabelledImages(where=os.fspath(data), source=source, rows=rows, labels=labels, split=split)


def open_others(data: str | os.PathLike[str], reading: ReadingOptions | None) -> Source:
    """Images as the run read its own, but for groups where these images don't say which they belong to.

    The run may have been trained on a table with a column of groups, and these may be a folder.
    """
    try:
        return open_source(data, reading)
    except SkipwiseError:
        if reading is None or (reading.group is None and reading.group_regex is None):
            raise
        return open_source(data, replace(reading, group=None, group_regex=None))


def _labels(source: Source, rows: NDArray[np.int64], classes: tuple[str, ...]) -> NDArray[np.int64]:
    strangers = [name for name in source.classes if name not in classes]
    if strangers:
        shown = ", ".join(classes[:8]) + (", ..." if len(classes) > 8 else "")
        raise SkipwiseError(f"{source.name} has a class {strangers[0]!r}, which is none of the network's: {shown}.")
    numbers = np.array([classes.index(name) for name in source.classes], dtype=np.int64)
    return numbers[source.labels[rows]]


def batches(pixels: Iterable[NDArray[np.uint8]], size: int) -> Iterator[NDArray[np.uint8]]:
    """Arrays [N, ...] of at most `size` images each."""
    waiting: list[NDArray[np.uint8]] = []
    for each in pixels:
        waiting.append(each)
        if len(waiting) == size:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)


def _as_png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _unreadable(name: str, error: Exception) -> SkipwiseError:
    return SkipwiseError(f"{name} can't be read ({error}); repair or remove it.")

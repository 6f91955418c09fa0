"""Images with their labels, as a layout reads them: one (`LabelledImage`), and all of them in columns (`Labelled`)."""

from __future__ import annotations

import array
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skipwise.data.columns.names import Names, NameWriter
from skipwise.data.columns.repeated import Repeated, RepeatedWriter
from skipwise.data.names import printable


class LabelledImage(NamedTuple):
    """An image file of a container with its label.

    Args:
        file: the name in the container.
        label: the class name.
        split: "train", "val" or "test"; "" if the images are not split.
        group: the group that the image belongs to, or "".
        line: the line of the table that lists it; 0 outside of tables.
    """

    file: str
    label: str
    split: str = ""
    group: str = ""
    line: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """The same of many images, in the order of files and lines.

    Args:
        files, labels, splits, groups: as in `LabelledImage`.
        lines: likewise; None outside of tables.
    """

    files: Names
    labels: Repeated
    splits: Repeated
    groups: Repeated
    lines: NDArray[np.int64] | None

    @classmethod
    def of(cls, rows: Iterable[LabelledImage]) -> Labelled:
        """These images, in whatever order they come."""
        if isinstance(rows, Labelled):
            return rows
        writer = LabelledWriter()
        for row in rows:
            writer.add(*row)
        return writer.finish()

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[LabelledImage]:
        lines = itertools.repeat(0) if self.lines is None else self.lines.tolist()
        return map(LabelledImage, self.files, self.labels, self.splits, self.groups, lines)

    def in_order(self) -> Labelled:
        """The same in the order of files and lines."""
        names, lines = self.files.tolist(), itertools.repeat(0) if self.lines is None else self.lines.tolist()
        keys = list(zip(names, lines, strict=False))
        order = sorted(range(len(names)), key=keys.__getitem__)
        places = np.array(order, np.int64)
        return Labelled(
            files=Names.of(names[number] for number in order),
            labels=self.labels.taken(places),
            splits=self.splits.taken(places),
            groups=self.groups.taken(places),
            lines=None if self.lines is None else self.lines[places],
        )


class LabelledWriter:
    """Images that are added one after the other, in any order."""

    def __init__(self) -> None:
        self._files, self._lines = NameWriter(), array.array("q")
        self._labels, self._splits, self._groups = RepeatedWriter(), RepeatedWriter(), RepeatedWriter()
        self._last, self._ascending = ("", 0), True

    def add(self, file: str, label: str, split: str = "", group: str = "", line: int = 0) -> None:
        """Adds an image; the arguments are those of `LabelledImage`."""
        self._files.add(file)
        self._labels.add(label)
        self._splits.add(split)
        self._groups.add(group)
        self._lines.append(line)
        self._ascending = self._ascending and self._last <= (file, line)
        self._last = file, line

    def finish(self) -> Labelled:
        """The images in the order of files and lines."""
        found = Labelled(
            files=self._files.finish(),
            labels=self._labels.finish(),
            splits=self._splits.finish(),
            groups=self._groups.finish(),
            lines=np.array(self._lines, np.int64) if any(self._lines) else None,
        )
        return found if self._ascending else found.in_order()


def shown_names(files: Names, lines: NDArray[np.int64] | None, top: str) -> Names:
    """The images' names for people, each another.

    Args:
        files: their names in the container, ascending.
        lines: the lines of the table that lists them; None outside of tables.
        top: the folder around everything, which is left out, so that a folder and an archive of it have the same names.
    """
    distinct = all(one < other for one, other in itertools.pairwise(files))
    if distinct and all(map(str.isprintable, files)):
        return Names.of(name.removeprefix(top) for name in files) if top else files
    shown: dict[str, None] = {}
    for position, (file, line) in enumerate(zip(files, [0] * len(files) if lines is None else lines, strict=True)):
        name = printable(file.removeprefix(top))
        if name in shown and line:  # only a table can list a file twice
            name = f"{name} (line {line})"
        while name in shown:  # names may differ only in characters that cannot be printed
            name = f"{name} ({position})"
        shown[name] = None
    return Names.of(shown)

"""Finds the images in what a user names, always in the same order, however many there are."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from skipwise.core.addresses import is_address
from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.copies import known, local_path
from skipwise.core.reporting import Progress
from skipwise.core.text import count
from skipwise.data.containers import (
    LARGEST_FILE,
    Container,
    Folder,
    Listing,
    Shareable,
    file_stamp,
    open_container,
)
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.image.formats import IMAGE_SUFFIXES, is_readable
from skipwise.data.names import ARCHIVES, printable, suffix
from skipwise.deploy.predict.decoding import InputImage
from skipwise.deploy.predict.walk import Walk, is_clutter

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Named:
    """A file, folder or archive that the user named.

    Args:
        name: as it was named.
        path: its absolute path.
        stamp: changes when its content does, as far as that is known without reading it.
    """

    name: str
    path: str
    stamp: str


class Inputs:
    """The images in everything that the user named. Folders are listed anew for each iteration.

    Args:
        given: image files, folders, archives, or "-" for one image on standard input.
        progress: is told how many files were found.

    Attributes:
        named: what was named.
        count: number of images.
        left_out: number of files that are not images by their names.
        notes: what else is left out, a sentence each.

    Raises:
        SkipwiseError: something does not exist or holds no images, a folder can't be read, or an archive is damaged.
    """

    def __init__(self, given: Sequence[str | os.PathLike[str]], progress: Progress | None = None) -> None:
        texts = [os.fspath(each) for each in given]
        if not texts:
            raise SkipwiseError("No images were named; give files, folders, archives, or - for standard input.")
        if texts.count(STANDARD_INPUT) > 1:
            raise SkipwiseError("- stands for one image on standard input, and can be named only once.")
        self._parts = [_part(text, progress) for text in texts]
        self.named = tuple(part.named for part in self._parts)
        self.count = self.left_out = 0
        self.notes: list[str] = []
        for part in self._parts:
            before = self.count
            for file, fault in part.files():
                if fault or _is_image(file) or isinstance(part, _Single):
                    self.count += 1
                else:
                    self.left_out += 1
                if progress is not None and (self.count + self.left_out) % 10_000 == 0:
                    progress("Looking for images", self.count, self.count)
            self.notes += part.notes()
            if self.count == before:
                raise SkipwiseError(
                    f"{part.named.name} holds no images; give a folder or an archive of files that end in "
                    f"{', '.join(sorted(each[1:] for each in IMAGE_SUFFIXES))}."
                )

    def images(self) -> Iterator[InputImage]:
        """The images in order; those of a .tar with their bytes, because a .tar can only be read from its beginning."""
        for part in self._parts:
            yield from part.images()


@dataclass(frozen=True)
class _Single:
    """One image: a file, or standard input."""

    named: Named
    image: InputImage

    def files(self) -> Iterator[tuple[str, str]]:
        yield self.named.name, ""

    def notes(self) -> list[str]:
        return []

    def images(self) -> Iterator[InputImage]:
        yield self.image


@dataclass(frozen=True)
class _Many:
    """The images of a folder or an archive."""

    named: Named
    container: Container

    @cached_property
    def _listing(self) -> Listing:
        return self.container.listing()

    @cached_property
    def _walk(self) -> Walk | None:
        return Walk(self.container.path) if isinstance(self.container, Folder) else None

    def files(self) -> Iterator[tuple[str, str]]:
        """The names of the files, each with what is wrong with it or ""."""
        if self._walk is not None:
            return iter(self._walk)
        return ((name, "") for name in self._listing.entries.names if not any(map(is_clutter, name.split("/"))))

    def notes(self) -> list[str]:
        """Notes on what is left out, once all files were listed."""
        golden = {} if self._walk is None else self._walk.golden
        return [
            f"{self._name(folder)} is an artifact that Skipwise exported; its {count(number, 'golden image')} "
            f"{'is' if number == 1 else 'are'} left out."
            for folder, number in golden.items()
        ]

    def images(self) -> Iterator[InputImage]:
        found = ((name, fault) for name, fault in self.files() if fault or _is_image(name))
        if isinstance(self.container, Shareable):
            for name, fault in found:
                if fault:
                    yield InputImage(self._name(name), content=UnreadableImage(fault))
                else:
                    yield InputImage(self._name(name), self.container, self.container.address(name))
        else:
            for name, content in self.container.stream(name for name, _ in found):
                yield InputImage(self._name(name), content=content)

    def _name(self, name: str) -> str:
        return printable(os.path.join(self.named.name, name))  # noqa: PTH118 - called for every image


def _part(given: str, progress: Progress | None) -> _Single | _Many:
    if given == STANDARD_INPUT:
        return _standard_input()
    if not given:
        raise SkipwiseError("The path of the images is empty; name a file, a folder, an archive, or -.")
    if is_address(given):
        return _at_address(given, progress)
    try:
        path = Path(given).expanduser()
        if not path.exists():
            raise SkipwiseError(f"There is no file or folder {path}; give the path of your images.")
        is_folder = path.is_dir()
        named = Named(
            printable(str(path)),
            printable(str(path.absolute())),
            ":".join(map(str, () if path.is_dir() else file_stamp(path))),
        )
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a home nobody has, a null byte
        raise SkipwiseError(f"{given[:80]!r} is not a path to images ({error}).") from error
    if is_folder or path.name.lower().endswith(ARCHIVES):
        return _Many(named, open_container(path))
    return _Single(named, InputImage(named.name, Folder(path.parent), path.name))


def _at_address(given: str, progress: Progress | None) -> _Single | _Many:
    path, address = local_path(given, progress), known(given)
    named = Named(printable(address), printable(address), ":".join(map(str, () if path.is_dir() else file_stamp(path))))
    if path.is_dir() or path.name.lower().endswith(ARCHIVES):
        return _Many(named, open_container(path))
    return _Single(named, InputImage(named.name, Folder(path.parent), path.name))


def _standard_input() -> _Single:
    if sys.stdin.isatty():
        raise SkipwiseError(
            "- reads an image from standard input, and nothing is piped into it; name a file, or add '< FILE'."
        )
    data = sys.stdin.buffer.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise SkipwiseError(f"Standard input has more than {LARGEST_FILE // 2**20} MiB; - takes one image.")
    named = Named(STANDARD_INPUT, STANDARD_INPUT, hashlib.sha256(data).hexdigest())
    return _Single(named, InputImage(STANDARD_INPUT, content=data or UnreadableImage("it is empty")))


def _is_image(file: str) -> bool:
    return is_readable(suffix(file))

"""A name or a folder -> labelled images that have not been read yet."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.data.decode import Header, UnreadableImage, decode, read_header
from skipwise.errors import SkipwiseError, missing_extra, unknown_name

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jfif", ".pgm", ".ppm"}
_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


class ImageSource(Protocol):
    """Labelled images, read one at a time.

    `ids` name the images, `labels` [N] number their classes, `splits` says which split each image came in, or is
    None where the source has none. `mirrors` says whether a mirrored image is still of its class, and `ignored`
    names files that are no images by their names.
    """

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def ids(self) -> tuple[str, ...]: ...
    @property
    def labels(self) -> NDArray[np.int64]: ...
    @property
    def splits(self) -> tuple[str, ...] | None: ...
    @property
    def mirrors(self) -> bool: ...
    @property
    def ignored(self) -> tuple[str, ...]: ...

    def digest(self, index: int) -> str:
        """A hash of the image's content."""

    def header(self, index: int) -> Header:
        """Size and colour. Raises UnreadableImage."""

    def pixels(self, index: int, *, channels: int) -> NDArray[np.uint8]:
        """uint8 [H, W, channels]. Raises UnreadableImage."""


@dataclass(frozen=True, eq=False)
class FolderSource:
    """A folder with one sub-folder per class, or with `train/` and `test/` (and `val/`) of such."""

    name: str
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    splits: tuple[str, ...] | None
    root: Path
    ignored: tuple[str, ...] = ()
    mirrors: bool = True

    def digest(self, index: int) -> str:
        return hashlib.sha256(self._bytes(index)).hexdigest()

    def header(self, index: int) -> Header:
        return read_header(self._bytes(index))

    def pixels(self, index: int, *, channels: int) -> NDArray[np.uint8]:
        return decode(self._bytes(index), channels=channels)

    def _bytes(self, index: int) -> bytes:
        path = self.root / self.ids[index]
        try:
            # A pipe or a device under an image's name would be waited for, or read, for ever.
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableImage("it is not a file")
            return path.read_bytes()
        except OSError as error:
            raise UnreadableImage(str(error.strerror or error).lower()) from error


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Images that are in memory already: uint8 [N, H, W, C]."""

    name: str
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    splits: tuple[str, ...] | None
    array: NDArray[np.uint8]
    mirrors: bool
    ignored: tuple[str, ...] = ()

    def digest(self, index: int) -> str:
        return hashlib.sha256(self.array[index].tobytes()).hexdigest()

    def header(self, index: int) -> Header:  # noqa: ARG002 - all are alike
        _, height, width, channels = self.array.shape
        return Header(width, height, channels == 1)

    def pixels(self, index: int, *, channels: int) -> NDArray[np.uint8]:
        image = self.array[index]
        return image if image.shape[-1] == channels else np.repeat(image, channels, axis=-1)


def digits() -> ArraySource:
    """1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships (Alpaydin and Kaynak 1998, UCI)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing_extra("train", "scikit-learn") from error
    bunch = load_digits()
    # Stored as counts from 0 to 16.
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return ArraySource(
        name="digits",
        classes=tuple(str(digit) for digit in range(10)),
        ids=tuple(f"digits/{index:04d}" for index in range(len(pixels))),
        labels=bunch.target.astype(np.int64),
        splits=None,
        array=pixels,
        mirrors=False,
    )


NAMED: dict[str, Callable[[], ImageSource]] = {"digits": digits}


def open_source(data: str | os.PathLike[str]) -> ImageSource:
    """The images behind a data set's name or a folder; no image is read yet.

    Raises:
        SkipwiseError: no such name or folder, or a folder without two classes of images.
    """
    try:
        path = Path(data).expanduser()
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a home nobody has, a null byte
        raise SkipwiseError(f"{str(data)[:80]!r} is no path to a folder of images ({error}).") from error
    if isinstance(data, str) and data in NAMED and not is_folder:
        return NAMED[data]()
    if is_folder:
        return _folder(path)
    if exists:
        raise SkipwiseError(f"{path} is a file; give a folder with one sub-folder of images per class.")
    if path.name == str(data):
        raise unknown_name("folder or data set", str(data), NAMED)
    raise SkipwiseError(f"There is no folder {path}; give a folder with one sub-folder of images per class.")


def _folder(root: Path) -> FolderSource:
    found: list[tuple[str, str, str]] = []  # class, id, split
    ignored: list[str] = []
    empty: list[Path] = []
    by_split = _split_folders(root)
    for split, folder in by_split.items():
        for class_folder in _subfolders(folder):
            images, others = _files(class_folder)
            found += [(class_folder.name, file.relative_to(root).as_posix(), split) for file in images]
            ignored += [file.relative_to(root).as_posix() for file in others]
            if not images:
                empty.append(class_folder)
    classes = sorted({name for name, _, _ in found})
    if not classes:
        raise SkipwiseError(
            f"{root} holds no images in sub-folders; it needs one sub-folder per class, with "
            f"{', '.join(sorted(s[1:] for s in IMAGE_SUFFIXES))} files in it."
        )
    if empty:
        raise SkipwiseError(f"The class folder {empty[0]} holds no images; add some or remove it.")
    if len(classes) == 1:
        raise SkipwiseError(
            f"{root} has only one class with images, {classes[0]!r}; telling classes apart needs at least two."
        )
    for split, folder in by_split.items():
        absent = sorted(set(classes) - {name for name, _, where in found if where == split})
        if absent:
            raise SkipwiseError(f"The class {absent[0]!r} has no images in {folder}; add some.")
    for name in (root.resolve().name, *classes, *(name for _, name, _ in found)):
        _check_name(name)
    found.sort(key=lambda entry: entry[1])
    numbers = {name: number for number, name in enumerate(classes)}
    return FolderSource(
        name=root.resolve().name or "images",
        classes=tuple(classes),
        ids=tuple(name for _, name, _ in found),
        labels=np.array([numbers[name] for name, _, _ in found], dtype=np.int64),
        splits=None if "" in by_split else tuple(split for _, _, split in found),
        root=root,
        ignored=tuple(sorted(ignored)),
    )


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of the splits by split, or the root itself under "" where the images are not split."""
    folders = _subfolders(root)
    splits = [folder for folder in folders if folder.name.lower() in _SPLIT_FOLDERS]
    names = [folder.name for folder in splits]
    by_split = {_SPLIT_FOLDERS[folder.name.lower()]: folder for folder in splits}
    # Classes may be called `test`; with `train` beside it, or nothing else, they are splits.
    if not splits or ("train" not in by_split and len(splits) < len(folders)):
        return {"": root}
    if len(by_split) < len(splits):
        raise SkipwiseError(f"{root} has two folders for one split ({', '.join(names)}); keep one of them.")
    others = [folder.name for folder in folders if folder not in splits]
    if others:
        raise SkipwiseError(f"{root} has {others[0]!r} beside {' and '.join(names)}; move it elsewhere.")
    missing = [split for split in ("train", "test") if split not in by_split]
    if missing:
        raise SkipwiseError(
            f"{root} has the split folders {', '.join(names)} but no '{missing[0]}'; add it, or give one folder with a "
            "sub-folder per class and let Skipwise split it."
        )
    return by_split


def _check_name(name: str) -> None:
    """Raises SkipwiseError for names that can't be written down: not UTF-8, or with a line break in them."""
    if "\r" in name or "\n" in name or not _encodes(name):
        raise SkipwiseError(f"The name {name!r} can't be written into a table; rename that file or folder.")


def _encodes(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _subfolders(folder: Path) -> Sequence[Path]:
    try:
        return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
    except OSError as error:
        raise SkipwiseError(f"Can't read the folder {folder}: {error.strerror}.") from error


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images below a folder, by their names, and the other files; hidden ones are neither."""

    def fail(error: OSError) -> None:
        raise SkipwiseError(f"Can't read the folder {error.filename}: {error.strerror}.") from error

    images: list[Path] = []
    others: list[Path] = []
    seen: set[Path] = set()
    for where, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        real = Path(where).resolve()
        if real in seen:  # a link back up
            folders.clear()
            continue
        seen.add(real)
        for name in names:
            if not name.startswith("."):
                is_image = Path(name).suffix.lower() in IMAGE_SUFFIXES
                (images if is_image else others).append(Path(where) / name)
    return images, others

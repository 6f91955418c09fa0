"""The table of layouts, and opening a path or a name by the first layout that recognises it."""

from __future__ import annotations

import contextlib
import gc
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from skipwise.core.addresses import is_address
from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.machine.allocator import give_back
from skipwise.core.reporting import Progress
from skipwise.core.signatures import takes
from skipwise.data.containers import Container, Entries, Entry, Folder, Listing, open_container
from skipwise.data.containers.fetched import FetchedTars
from skipwise.data.containers.shards import is_elsewhere, read_shards
from skipwise.data.names import ARCHIVES, printable, stem, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.addressed import open_address
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.layouts import (
    arrays,
    class_folders,
    coco,
    file_names,
    image_tables,
    parquet,
    pixel_tables,
    published,
    webdataset,
)
from skipwise.data.sources.named.backgrounds import NAME, make_backgrounds, photographs_of_source
from skipwise.data.sources.named.in_memory import NAMED, fashion_mnist
from skipwise.data.sources.named.remote import open_remote
from skipwise.data.sources.place import DOCUMENTS, Place, shown
from skipwise.data.sources.refused.foreign_formats import foreign_sentence
from skipwise.data.sources.refused.unread_pictures import no_pictures_sentence
from skipwise.data.sources.source import Source, grouped, stem_of
from skipwise.data.sources.tables.single_table import open_table

MANY = 20_000
"""From so many images on, what was needed to list them is worth giving back."""
ARRAYS = (".npz", ".npy", ".mat")
"""Suffixes of array files."""


class Readable(Protocol):
    """A recognised layout: labelled images in a container or in memory."""

    def source(self) -> Source:
        """The labelled images. Raises SkipwiseError if there are fewer than two classes."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout in which people keep labelled images.

    Args:
        title: its name.
        example: what it looks like.
        recognise: takes the place and the options, and returns a function that reads the images, or None if the
            place has another layout. It looks only at names and first rows, so that it is fast.
    """

    title: str
    example: str
    recognise: Callable[[Place, ReadingOptions], Callable[[], Readable] | None]


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        title="array files",
        example="`.npz` or `.npy` (Keras, MedMNIST), IDX (MNIST), `.mat` (SVHN), the binary CIFAR-10 and STL-10",
        recognise=arrays.recognise,
    ),
    Layout(
        title="tables of pixels",
        example="CSV with a column for each pixel (Kaggle's digits), or all pixels in one cell (FER2013)",
        recognise=pixel_tables.recognise,
    ),
    Layout(
        title="Parquet with images",
        example="one file or a folder of shards as Hugging Face publishes them; `ClassLabel` names are used",
        recognise=parquet.recognise,
    ),
    Layout(
        title="webdataset",
        example="`.tar` shards with `000012.jpg` beside `000012.cls` or `000012.json`",
        recognise=webdataset.recognise,
    ),
    Layout(
        title="published sets",
        example="the index files of CUB-200-2011, Oxford Flowers and Pets, FGVC-Aircraft, ImageNet (Kaggle)",
        recognise=published.recognise,
    ),
    Layout(
        title="COCO JSON",
        example="one category for each image, or every box an image of its own with `--crop-boxes`",
        recognise=coco.recognise,
    ),
    Layout(
        title="file names",
        example="`cat.0.jpg` with `--label-regex '^([a-z]+)'`",
        recognise=file_names.recognise,
    ),
    Layout(
        title="tables",
        example="CSV, TSV, JSON, JSON lines, Excel, Parquet or a text list of the images (paths or ids) and classes",
        recognise=image_tables.recognise,
    ),
    Layout(
        title="class folders",
        example="`<class>/...`, or `train/<class>/...` beside `val/` and `test/`, in whatever wraps them",
        recognise=class_folders.recognise,
    ),
)


@takes(ReadingOptions)
def open_images(data: str | os.PathLike[str], *, options: ReadingOptions, progress: Progress | None = None) -> Source:
    """Opens labelled images in any layout that Skipwise recognises. No image is decoded yet.

    Args:
        data: path of a folder, an archive, a table or an array file; or the address of one ("s3://bucket/pets"); or the
            name of a data set ("digits", "torchvision:DTD", "huggingface:owner/name").
        progress: called as progress(what, done, total) while long lists are read; None by default.

    Returns:
        The images' names, labels, classes and splits. Its `repr` is the line that says how they were understood.

    Raises:
        Ambiguous: two readings are equally likely. The message names both, with their flags.
        SkipwiseError: the path does not exist, it holds no labelled images of two or more classes, or a file that is
            needed to understand them is damaged.

    Example:
        >>> import skipwise
        >>> skipwise.open_images("digits")
        Read as the 1,797 handwritten digits of scikit-learn (8 x 8 pixels, 10 classes).
    """
    level = options.class_level
    source = open_source(data, replace(options, class_level=None if level is None else str(level)), progress)
    source.check()
    return source


def open_source(
    data: str | os.PathLike[str], options: ReadingOptions | None = None, progress: Progress | None = None
) -> Source:
    """`open_images` with its options as a record. Faults that prevent training are in `Source.faults`, not raised."""
    options = options or ReadingOptions()
    options.check()
    with _without_collecting():
        source = _opened(data, options, progress)
    if len(source) > MANY:
        give_back()
    if options.group is not None and source.groups is None:
        raise SkipwiseError(
            f"--group {options.group} names a column, but {source.name} is not a table; use --group-regex."
        )
    return source if options.group_regex is None else grouped(source, options.group_regex)


def _opened(data: str | os.PathLike[str], options: ReadingOptions, progress: Progress | None) -> Source:
    if is_address(data):
        return open_address(data, progress, lambda path: _at(path, options, progress))
    path, exists = _path(data)
    if isinstance(data, str) and data in NAMED and not path.is_dir():
        return NAMED[data]().source()
    if isinstance(data, str) and not exists and data.startswith(f"{NAME}:"):
        photographs = _opened(data.removeprefix(f"{NAME}:"), ReadingOptions(), progress)
        return make_backgrounds(fashion_mnist(), photographs_of_source(photographs)).source()
    if isinstance(data, str) and not exists and (remote := open_remote(data, options, progress)) is not None:
        return remote
    if not exists:
        if os.sep == "/" and "\\" in str(data):
            said = printable(str(path))
            raise SkipwiseError(f"There is no file or folder {said}; here, a path has / between its folders, not \\.")
        if path.name == str(data):
            raise unknown_name("folder or data set", str(data), NAMED)
        raise SkipwiseError(f"There is no file or folder {path}; give the path of your images.")
    return _at(path, options, progress)


def _at(path: Path, options: ReadingOptions, progress: Progress | None) -> Source:
    """Opens what lies at a path that exists."""
    if is_elsewhere(path):
        if read_shards(path).kind == ".tar":
            return _from_container(FetchedTars(path), options, progress)
        files = tuple(shard.name for shard in read_shards(path).shards)
        if (found := parquet.recognise_files(path.name.removesuffix(".parquet"), path, files, options)) is not None:
            return found().source()
        raise SkipwiseError(f"{path} has no column of images; give a table of their paths and labels instead.")
    if path.is_dir():
        return _from_container(Folder(path), options, progress)
    if not path.is_file():
        raise SkipwiseError(f"{path} is neither a folder nor a file; give the path of your images.")
    if suffix(path.name) == ".parquet":
        name = stem_of(path).removesuffix(".parquet")
        if (read := parquet.recognise_files(name, path, ("",), options)) is not None:
            return read().source()
    if suffix(path.name) in DOCUMENTS and suffix(path.name) != ".mat":
        return open_table(path, options, progress)
    if suffix(path.name) in ARRAYS or re.search(r"idx\d-ubyte", path.name):
        return _from_arrays(path, options)
    if (sentence := foreign_sentence(str(path))) is not None:
        raise SkipwiseError(sentence)
    return _from_container(open_container(path), options, progress)


def _path(data: str | os.PathLike[str]) -> tuple[Path, bool]:
    if not str(data):
        raise SkipwiseError("The path of the images is empty; name a folder, an archive, a table or a data set.")
    try:
        path = Path(data).expanduser()
        return path, path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # a name that is too long, an unknown home, a null byte
        raise SkipwiseError(f"{str(data)[:80]!r} is not a path to images ({error}).") from error


def _from_arrays(path: Path, options: ReadingOptions) -> Source:
    """Opens a single array file."""
    folder = Folder(path.parent)
    alone = Listing(Entries.of([Entry(path.name, path.stat().st_size, path.stat().st_mtime_ns)]), ())
    read = arrays.recognise(Place.from_listing(stem(path.name), folder, alone), options)
    if read is None:
        raise SkipwiseError(f"{path} holds no arrays that can be understood as images and labels.")
    return read().source()


def _from_container(container: Container, options: ReadingOptions, progress: Progress | None) -> Source:
    place = Place.from_listing(stem_of(container.path), container, container.listing(progress))
    for layout in LAYOUTS:
        if (read := layout.recognise(place, options)) is not None:
            return read().source()
    raise _refusal(place)


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Turns Python's cyclic garbage collector off for a while.

    It would look at all objects again and again while millions of them are created, none of which are in a cycle.
    Without it, listing a million files takes half of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _refusal(place: Place) -> SkipwiseError:
    """The error for a place that no layout recognises, with what to do."""
    if place.names:
        return file_names.refusal(place)
    if place.unread:
        return SkipwiseError(no_pictures_sentence(place))
    archives = [name for name in place.others.names if name.lower().endswith(ARCHIVES)]
    if archives:
        path = place.container.path
        folder = path if isinstance(place.container, Folder) else None
        tables = [name for name in place.documents if folder is not None and suffix(name) in (".csv", ".tsv", ".xlsx")]
        if folder is None:
            mend = "unpack it"
        elif tables:
            mend = (
                f"give {printable(str(path / tables[0]))} if it is the table of their images, one of the archives, "
                "or unpack them"
            )
        else:
            mend = f"give one of them, such as {printable(str(path / archives[0]))}, or unpack them"
        return SkipwiseError(f"{place.name} holds archives instead of images ({shown(archives)}); {mend}.")
    kinds = sorted({suffix(name) or "no suffix" for name in place.others.names})
    holds = f"only files of other kinds ({quoted_list(kinds, 6)}), no images" if kinds else "no files"
    return SkipwiseError(
        f"{place.name} holds {holds}; give a folder with one sub-folder of images per class, an archive of "
        f"one ({', '.join(ARCHIVES[:4])}), or a table (.csv) with the columns path and label."
    )

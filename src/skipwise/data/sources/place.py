"""The files at the place that the user named, sorted by their names: pictures, documents and other files."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.data.columns.names import Names
from skipwise.data.containers import LARGEST_FILE, Container, Entries, Listing
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.image.formats import is_picture, is_readable
from skipwise.data.names import is_clutter, printable, suffix
from skipwise.data.results_folders import ARTIFACT, RECORDS, golden_images, is_record
from skipwise.data.sources.picture_index import PictureIndex
from skipwise.data.sources.unpacking import check_size, most_text

DOCUMENTS = frozenset(
    """
    .csv .tsv .txt .lst .list .tab .json .jsonl .ndjson .manifest .xlsx .xls .ods .parquet .mat .xml
""".split()
)
MOST_DOCUMENTS = 60
"""If there are more documents, there is probably one for each image, and only those nearest to the top are read."""
LARGEST_DOCUMENT = LARGEST_FILE
_NOT_LISTS = ("readme", "license", "licence", "requirements", "citation", "changelog", "notes")
_ANSWERS = ("submission", "samplesubmission", "prediction")
_ANSWERED = frozenset(["oof", "preds", "pred", "sub"])
"""Names of files with a network's predictions, or with the form that a competition asks for."""


@dataclass(frozen=True)
class Place:
    """The files at a place, by kind.

    Args:
        name: the name of the data set, as the user knows it.
        container: what the files are read from.
        pictures: files that are images by their names, in formats that can be read.
        unread: names of pictures in formats that cannot be read here.
        others: all other files.
        folders: all folders.
        hidden: names of pictures that do not belong to the set: hidden files, pipes and devices, and the golden images
            of artifacts.
    """

    name: str
    container: Container
    pictures: Entries
    unread: tuple[str, ...]
    others: Entries
    folders: tuple[str, ...]
    hidden: tuple[str, ...]
    _documents: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def from_listing(cls, title: str, container: Container, listing: Listing) -> Place:
        """Sorts the files of a listing. Clutter, and what Skipwise itself wrote, are left out.

        Args:
            title: the name of the data set.
            container: what the files are read from.
            listing: its files.
        """
        runs, shipped, golden = _results(container, listing)
        apart, results = golden.union(listing.special), runs | shipped
        pictures = np.zeros(len(listing.entries), np.bool_)
        others = np.zeros(len(listing.entries), np.bool_)
        unread: list[str] = []
        hidden: list[str] = []
        clutter: dict[str, bool] = {}
        written: dict[str, tuple[bool, bool]] = {}
        for number, name in enumerate(listing.entries.names):
            folder, _, file = name.rpartition("/")
            if folder not in clutter:
                clutter[folder] = any(map(is_clutter, folder.split("/")))
                written[folder] = _below(folder, runs), _below(folder, shipped)
            if clutter[folder]:
                continue
            kind, (of_run, of_artifact) = suffix(file), written[folder]
            if file.startswith(".") or is_clutter(file) or of_run:
                if is_picture(kind):
                    hidden.append(name)
            elif name in apart and is_picture(kind):
                hidden.append(name)
            elif is_readable(kind):
                pictures[number] = True
            elif is_picture(kind):
                unread.append(name)
            elif not of_artifact:
                others[number] = True
        readable = listing.entries.only(pictures)
        seen = itertools.chain(readable.names, unread) if results else ()
        holding = {part for each in seen for part in _parents(each)}
        leading = {part for each in results for part in _parents(each)} - holding
        folders = tuple(
            each
            for each in listing.folders
            if each not in leading
            and (each in holding or not _below(each, results))
            and not any(map(is_clutter, each.split("/")))
        )
        beside = listing.entries.only(others)
        return cls(title, container, readable, tuple(unread), beside, folders, tuple(hidden))

    @property
    def names(self) -> Names:
        """The names of the pictures, ascending."""
        return self.pictures.names

    @cached_property
    def documents(self) -> tuple[str, ...]:
        """Names of the files that may list the images, those nearest to the top first."""
        found = [
            entry.name
            for entry in self.others
            if suffix(entry.name) in DOCUMENTS
            and 0 < entry.size <= LARGEST_DOCUMENT
            and not _is_not_a_list(entry.name.rpartition("/")[2])
        ]
        depth = {name: name.count("/") for name in found}
        while len(found) > MOST_DOCUMENTS and len({depth[name] for name in found}) > 1:
            deepest = max(depth[name] for name in found)
            found = [name for name in found if depth[name] < deepest]
        return self._affordable(sorted(found, key=lambda name: (depth[name], name))[: 4 * MOST_DOCUMENTS])

    def _affordable(self, documents: Sequence[str]) -> tuple[str, ...]:
        """The same documents. Raises SkipwiseError if they expand to too much text, as in a decompression bomb."""
        if self.container.path.is_file():
            sizes = {entry.name: entry.size for entry in self.others}
            most = most_text(self.container.path.stat().st_size)
            check_size(f"The text in {self.container.path}", sum(sizes[name] for name in documents), most)
        return tuple(documents)

    def read(self, name: str) -> bytes | None:
        """The bytes of a document, or None if it cannot be read."""
        if name not in self._documents:
            wanted = dict.fromkeys([*self.documents, name])
            # A compressed archive is read once for all documents.
            several = [name] if hasattr(self.container, "address") else list(wanted)
            for each, content in self.container.stream(several):
                self._documents[each] = b"" if isinstance(content, UnreadableImage) else content
        return self._documents.get(name) or None

    def with_only(self, document: str) -> Place:
        """The same place with one document and no others."""
        return replace(self, others=Entries.of(entry for entry in self.others if entry.name == document))

    @cached_property
    def index(self) -> PictureIndex:
        """An index that finds pictures by the names that tables use."""
        return PictureIndex(self.names)


def _is_not_a_list(file: str) -> bool:
    """Returns whether a file's name is that of a readme or of predictions."""
    letters = re.sub(r"[^a-z]", "", file.lower())
    words = set(re.findall(r"[a-z]+", file.lower()))
    return letters.startswith(_NOT_LISTS) or any(word.startswith(_ANSWERS) for word in words) or bool(words & _ANSWERED)


def _results(container: Container, listing: Listing) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The folders of runs and audits that Skipwise wrote, those of artifacts, and the golden images of artifacts.

    A folder with a picture beside the record is not one of them.
    """
    records = {
        name: name.rpartition("/")[0]
        for number, name in enumerate(listing.entries.names)
        if name.rpartition("/")[2] in RECORDS and "/" in name and listing.entries.sizes[number] <= LARGEST_RECORD
    }
    if not records:
        return frozenset(), frozenset(), frozenset()
    beside = {name.rpartition("/")[0] for name in listing.entries.names if is_picture(suffix(name))}
    runs: set[str] = set()
    shipped: set[str] = set()
    golden: set[str] = set()
    for name, content in container.stream(records):
        folder, file = records[name], name.rpartition("/")[2]
        if isinstance(content, UnreadableImage) or not is_record(file, content):
            continue
        if folder not in beside:
            (shipped if file == ARTIFACT else runs).add(folder)
        if file == ARTIFACT:
            golden |= {f"{folder}/{each}" for each in golden_images(content)}
    return frozenset(runs), frozenset(shipped), frozenset(golden)


def _parents(name: str) -> Iterator[str]:
    """The folders above a file or folder, from the top."""
    return (name[:end] for end, character in enumerate(name) if character == "/")


def _below(folder: str, folders: frozenset[str]) -> bool:
    """Returns whether a folder is one of `folders`, or inside one of them."""
    while folders and folder:
        if folder in folders:
            return True
        folder = folder.rpartition("/")[0]
    return False


def shown(names: Iterable[str], most: int = 3) -> str:
    """Some names for a sentence: "a, b, c and 4 more"."""
    listed = [printable(name) for name in names]
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more

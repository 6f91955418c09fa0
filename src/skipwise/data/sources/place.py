"""The files at the place that the user named, sorted by their names: pictures, documents and other files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.data.containers import LARGEST_FILE, LONGEST_NAME, Container, Entry, Listing
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.image.formats import is_picture, is_readable
from skipwise.data.names import is_clutter, printable, stem, suffix
from skipwise.data.results_folders import ARTIFACT, RECORDS, golden_images, is_record
from skipwise.data.sources.split_names import split_in
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
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
"""What annotation tools put in front of the name of an uploaded file."""


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
    pictures: tuple[Entry, ...]
    unread: tuple[str, ...]
    others: tuple[Entry, ...]
    folders: tuple[str, ...]
    hidden: tuple[str, ...]
    _documents: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def from_listing(cls, name: str, container: Container, listing: Listing) -> Place:
        """Sorts the files of a listing. Clutter, and what Skipwise itself wrote, are left out."""
        runs, shipped, golden = _results(container, listing)
        apart, results = golden.union(listing.special), runs | shipped
        pictures: list[Entry] = []
        unread: list[str] = []
        others: list[Entry] = []
        hidden: list[str] = []
        clutter: dict[str, bool] = {}
        written: dict[str, tuple[bool, bool]] = {}
        for entry in listing.entries:
            folder, _, file = entry.name.rpartition("/")
            if folder not in clutter:
                clutter[folder] = any(map(is_clutter, folder.split("/")))
                written[folder] = _below(folder, runs), _below(folder, shipped)
            if clutter[folder]:
                continue
            kind, (of_run, of_artifact) = suffix(file), written[folder]
            if file.startswith(".") or is_clutter(file) or of_run:
                if is_picture(kind):
                    hidden.append(entry.name)
            elif entry.name in apart and is_picture(kind):
                hidden.append(entry.name)
            elif is_readable(kind):
                pictures.append(entry)
            elif is_picture(kind):
                unread.append(entry.name)
            elif not of_artifact:
                others.append(entry)
        seen = (*(entry.name for entry in pictures), *unread) if results else ()
        holding = {part for each in seen for part in _parents(each)}
        leading = {part for each in results for part in _parents(each)} - holding
        folders = tuple(
            each
            for each in listing.folders
            if each not in leading
            and (each in holding or not _below(each, results))
            and not any(map(is_clutter, each.split("/")))
        )
        return cls(name, container, tuple(pictures), tuple(unread), tuple(others), folders, tuple(hidden))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the pictures."""
        return tuple(entry.name for entry in self.pictures)

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
        return replace(self, others=tuple(entry for entry in self.others if entry.name == document))

    @cached_property
    def index(self) -> PictureIndex:
        """An index that finds pictures by the names that tables use."""
        return PictureIndex(self.names)


def _is_not_a_list(file: str) -> bool:
    """Whether a file's name is that of a readme or of predictions."""
    letters = re.sub(r"[^a-z]", "", file.lower())
    words = set(re.findall(r"[a-z]+", file.lower()))
    return letters.startswith(_NOT_LISTS) or any(word.startswith(_ANSWERS) for word in words) or bool(words & _ANSWERED)


class PictureIndex:
    """Finds pictures by the names that tables use: a path, a path on another computer, a file name, or an id."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)
        self._ordered = names
        self._by_file: dict[str, list[str]] | None = None
        self._by_stem: dict[str, list[str]] | None = None

    def ambiguous(self, value: str) -> list[str]:
        """The pictures that a file name without its folder could mean, if there are several; else []."""
        if len(value) > LONGEST_NAME:
            return []
        self.find(value)
        file = _normal(value.strip().replace("\\", "/"))
        found = (self._by_file or {}).get(file) or (self._by_stem or {}).get(file) or []
        return found if len(found) > 1 else []

    def find(self, value: str, folder: str = "", *, prefer: str = "") -> str | None:
        """The picture that a cell means, or None.

        Args:
            value: the text of the cell.
            folder: the folder of the table.
            prefer: the folder to choose if several folders have a picture of this name.
        """
        value = value.strip().replace("\\", "/")
        if not value or value.endswith("/") or len(value) > LONGEST_NAME:
            return None
        path = _normal(value)
        for root in dict.fromkeys((folder, folder.rpartition("/")[0], "")):
            if (name := f"{root}/{path}" if root else path) in self.names:
                return name
        if self._by_file is None:
            self._by_file, self._by_stem = {}, {}
            for name in self._ordered:
                file = name.rpartition("/")[2]
                self._by_file.setdefault(file, []).append(name)
                self._by_stem.setdefault(stem(file), []).append(name)
        assert self._by_stem is not None
        file = path.rpartition("/")[2]
        candidates = self._by_file.get(file)
        if candidates is None:
            # An id without a suffix, or with the suffix that the file had before it was converted.
            candidates = self._by_stem.get(file) or (
                self._by_stem.get(stem(file)) if is_picture(suffix(file)) else None
            )
        if not candidates and (uploaded := _UPLOADED.fullmatch(file)) is not None:
            candidates = self._by_file.get(uploaded[1])
        if not candidates:
            return None
        if len(candidates) == 1 and "/" not in path:
            return candidates[0]
        return _nearest(candidates, path, folder, prefer)


def _nearest(candidates: Sequence[str], path: str, folder: str, prefer: str) -> str | None:
    """The candidate whose folders match the path best; None if two match equally well."""
    # "train/1.jpg" never means "test/1.jpg".
    split = split_in(path.rpartition("/")[0])
    if split:
        candidates = [name for name in candidates if split_in(name.rpartition("/")[0]) in ("", split)]
        if not candidates:
            return None
    wanted = path.split("/")[:-1]

    def match(name: str) -> tuple[int, bool, bool]:
        have = name.split("/")[:-1]
        alike = 0
        while alike < min(len(have), len(wanted)) and have[-1 - alike] == wanted[-1 - alike]:
            alike += 1
        inside = bool(prefer) and f"/{name}".find(f"/{prefer}/") >= 0
        return alike, inside, not folder or name.startswith(folder + "/")

    ranked = sorted(candidates, key=match, reverse=True)
    if len(ranked) > 1 and match(ranked[0]) == match(ranked[1]):
        return None
    return ranked[0]


def _normal(value: str) -> str:
    """A path without "./", "a/../" and the scheme of a web address."""
    value = value.partition("://")[2] or value
    if "?" in value:  # the path may follow, as in "/files/?d=birds/1.jpg"
        path, _, query = value.partition("?")
        value = query.partition("=")[2] if path.endswith("/") else path
    parts: list[str] = []
    for part in value.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _results(container: Container, listing: Listing) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The folders of runs and audits that Skipwise wrote, those of artifacts, and the golden images of artifacts.

    A folder with a picture beside the record is not one of them.
    """
    records = {
        entry.name: entry.name.rpartition("/")[0]
        for entry in listing.entries
        if entry.name.rpartition("/")[2] in RECORDS and "/" in entry.name and entry.size <= LARGEST_RECORD
    }
    if not records:
        return frozenset(), frozenset(), frozenset()
    beside = {entry.name.rpartition("/")[0] for entry in listing.entries if is_picture(suffix(entry.name))}
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
    """Whether a folder is one of `folders`, or inside one of them."""
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


def kinds_of(names: Iterable[str]) -> Iterator[str]:
    """The suffixes of some names, each once, the most frequent first."""
    counts: dict[str, int] = {}
    for name in names:
        counts[suffix(name) or "no suffix"] = counts.get(suffix(name) or "no suffix", 0) + 1
    yield from sorted(counts, key=lambda kind: -counts[kind])

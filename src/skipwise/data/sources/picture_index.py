"""Finding pictures by the names that tables use."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skipwise.data.containers import LONGEST_NAME
from skipwise.data.image.formats import is_picture
from skipwise.data.names import stem, suffix
from skipwise.data.sources.split_names import split_in

_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
"""The prefix that annotation tools put before the name of an uploaded file."""


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

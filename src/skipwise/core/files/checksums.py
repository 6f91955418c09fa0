"""Records that carry checksums: of themselves, and of the files beside them that they are about.

A record is a JSON object with one more key, `files`: the SHA-256 of each file by its name, and that of the record
itself under the name "". So damage is noticed, wherever it is. It is no signature: whoever changes a file on purpose
can write new checksums, too.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.earlier_names import with_current_names
from skipwise.core.files.json_records import as_json, read_json, write_json
from skipwise.core.files.regular import open_regular

_T = TypeVar("_T")

KEY = "files"
AGAIN = "remove it to start that part again"


class UnsealedWarning(UserWarning):
    """A record was written by a version of Skipwise that wrote no checksums."""


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_of(plain: dict[str, Any]) -> str:
    """The SHA-256 of a record as JSON reads it, the checksums of other files included."""
    others = {name: value for name, value in plain[KEY].items() if name}
    content = {**plain, KEY: others}
    try:
        encoded = msgspec.json.encode(content, order="sorted")
    except UnicodeEncodeError:  # a path that is not UTF-8
        encoded = json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(encoded).hexdigest()


def write_sealed(path: Path, record: Any, files: Iterable[str] = ()) -> None:
    """Writes a dataclass as a sealed record, atomically.

    Args:
        files: names of files in the same folder that are whole now and belong to it.

    Raises:
        SkipwiseError: the disk is full, read-only, ...
    """
    # As JSON reads it back, where a whole number may have become a float.
    plain = json.loads(as_json(record))
    if KEY in plain:  # it would be lost
        raise TypeError(f"{type(record).__name__} is sealed, so that none of its fields can be called {KEY!r}")
    plain[KEY] = {name: sha256(path.parent / name) for name in files}
    plain[KEY][""] = seal_of(plain)
    write_json(path, plain)


def read_sealed(path: Path, kind: type[_T], *, mend: str = AGAIN) -> _T:
    """A record of the class `kind`, as `write_sealed` wrote it. One without checksums is read, with a warning.

    Args:
        mend: what to do about a file that is damaged.

    Raises:
        SkipwiseError: the file can't be read, is not such a record, or was changed after it was written.
    """
    plain = read_json(path, dict[str, Any], mend=mend)
    try:
        record = msgspec.convert(with_current_names(plain, kind), kind, str_keys=True)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Damaged(f"{path} is damaged, or of another version ({error}); {mend}.") from error
    if not _checksums(path, plain, mend):
        warnings.warn(
            "Some of these files were written by an earlier Skipwise and have no checksums, so damage to them may go "
            "unnoticed.",
            UnsealedWarning,
            stacklevel=1,
        )
    return record


def check_record(path: Path, *, mend: str) -> None:
    """Raises Damaged where a record at `path` has a checksum and was changed after it was written."""
    _checksums(path, read_json(path, dict[str, Any], mend=mend), mend)


def check_files(path: Path, *names: str, mend: str) -> None:
    """Holds files against the checksums in the sealed record at `path`; those it has no checksum of are left alone.

    Args:
        names: of files beside it.

    Raises:
        Damaged: one is not what it was, or the record is.
        SkipwiseError: one can't be read.
    """
    checksums = _checksums(path, read_json(path, dict[str, Any], mend=mend), mend)
    for name in names:
        if name not in checksums:
            continue
        file = path.parent / name
        try:
            found = sha256(file)
        except OSError as error:
            raise SkipwiseError(f"{file} can't be read ({error.strerror}); {mend}.") from error
        if found != checksums[name]:
            raise Damaged(f"{file} was damaged or changed after it was written; {mend}.")


def _checksums(path: Path, plain: dict[str, Any], mend: str) -> dict[str, str]:
    """Those of the record at `path`, its own held against it; {} where it was written without."""
    if KEY not in plain:
        return {}
    found = plain[KEY]
    if not isinstance(found, dict) or found.get("") != seal_of(plain):
        raise Damaged(f"{path} was damaged or changed after it was written; {mend}.")
    return found

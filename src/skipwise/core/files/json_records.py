"""Records as JSON: equal records give the same bytes, and a file that could fill the memory is not read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.atomic import write_text
from skipwise.core.files.json_limits import check_json
from skipwise.core.files.regular import read_regular

_T = TypeVar("_T")

LARGEST_RECORD = 2**28
"""Bytes of a record of ours."""


def write_json(path: Path, record: Any) -> None:
    """Writes a dataclass (or anything JSON can hold) atomically; equal records always give the same bytes."""
    write_text(path, as_json(record, indent=1) + "\n")


def as_json(record: Any, *, indent: int | None = None) -> str:
    """A record as JSON, on one line unless it is to be indented."""
    try:
        encoded = msgspec.json.encode(record, enc_hook=_plain)
        return (encoded if indent is None else msgspec.json.format(encoded, indent=indent)).decode()
    except UnicodeEncodeError:  # a path that is not UTF-8; of its escapes Python makes the same path again
        return json.dumps(msgspec.to_builtins(record, enc_hook=_plain), indent=indent)


def _plain(value: Any) -> Any:
    """Returns a sequence of a type that JSON does not know, such as the names of images, as a list."""
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def read_json(path: Path, kind: type[_T], *, mend: str = "remove it to start that part again") -> _T:
    """A record of the class `kind`, as `write_json` wrote it.

    Args:
        mend: what to do about a file that is damaged.

    Raises:
        Damaged: it is not such a record (cut off, edited, of another version).
        SkipwiseError: it can't be read.
    """
    try:
        content = read_regular(path, LARGEST_RECORD)
        check_json(content)
        if b"\\udc" in content:  # of a path that is not UTF-8, see `as_json`
            return msgspec.convert(json.loads(content), type=kind)
        return msgspec.json.decode(content, type=kind)
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {error.strerror}.") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Damaged(f"{path} is damaged, or of another version ({error}); {mend}.") from error

"""Headers of tar archives, checked more strictly than tarfile does, and read without its slow and greedy parts."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Iterator
from typing import Any, Self

_SPARSE = "a sparse file; create the archive without --sparse"
_LONGEST_HEADER = 2**16
"""Bytes of an extended header, which comes before a file and says more about it."""
_USED_RECORDS = (b"path", b"linkpath", b"size", b"mtime")
"""Records of extended headers that are used."""


class CheckedHeader(tarfile.TarInfo):
    """A header that raises ReadError if it is broken.

    tarfile takes a broken header for the end of the archive, and reads names of any length that a header claims.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        with _none_broken():
            return super().frombuf(buf, encoding, errors)

    @classmethod
    def _frombuf(cls, *arguments: Any, **options: Any) -> Any:
        """Reads a header where `frombuf` is not asked, as in Python 3.14."""
        with _none_broken():
            return super()._frombuf(*arguments, **options)  # type: ignore[misc]

    def _proc_member(self, archive: Any) -> tarfile.TarInfo:
        extended = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"X")
        if self.type in extended and not 0 <= self.size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found

    def _proc_pax(self, archive: Any) -> tarfile.TarInfo:
        """Reads an extended header. tarfile's own code takes hours for some headers before Python 3.11.10."""
        records = _records(archive.fileobj.read(self._block(self.size))[: self.size])  # type: ignore[attr-defined]
        if self.type == tarfile.XGLTYPE:
            archive.pax_headers.update(records)
        found: Any = self.fromtarfile(archive)
        if self.type != tarfile.XGLTYPE:
            found._apply_pax_info({**archive.pax_headers, **records}, archive.encoding, archive.errors)
            found.offset = self.offset
            if "size" in records:
                archive.offset = found.offset_data + (found._block(found.size) if found.isreg() else 0)
        return found

    def _sparse(self, *_: object) -> tarfile.TarInfo:
        raise tarfile.ReadError(_SPARSE)

    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _sparse


@contextlib.contextmanager
def _none_broken() -> Iterator[None]:
    """Raises ReadError for a broken header, which tarfile takes for the end of the archive."""
    try:
        yield
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
        raise
    except tarfile.HeaderError as error:
        raise tarfile.ReadError(f"a header is broken or missing: {error}") from error


def _records(data: bytes) -> dict[str, str]:
    """The records of a pax header. Each is its length, a space, its name, "=", its value and a line break."""
    found = {}
    position = 0
    while position < len(data) and data[position]:
        length, blank, _ = data[position : position + 20].partition(b" ")
        end = position + int(length) if blank and length.isdigit() else 0
        name, equals, value = data[position + len(length) + 1 : max(end - 1, 0)].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise tarfile.ReadError("a damaged record")
        if name.startswith(b"GNU.sparse."):
            raise tarfile.ReadError(_SPARSE)
        if name in _USED_RECORDS:
            found[name.decode()] = value.decode("utf-8", "surrogateescape")
        position = end
    return found

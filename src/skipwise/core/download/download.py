"""Files from the web: only by HTTPS, of a limited size, checked, gone on with where a connection broke.

What has arrived lies in a folder beside the file until all of it is there; a part is only gone on with while the server
says, by an ETag or a date, that it still has the same file.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from skipwise.core.download.asked_for import check_asked_for
from skipwise.core.download.https import BrokenConnection, check_scheme, open_url, range_of, reason_of, validator_of
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import despite_deletion, make_folder
from skipwise.core.files.json_records import read_json, write_json
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import APPENDING, open_own
from skipwise.core.reporting import Progress
from skipwise.core.text import byte_size

SLOWEST, WINDOW = 1024, 60.0
"""Bytes a second, over so many seconds: what goes slower than that has stopped."""
ATTEMPTS = 3
"""The number of times that a connection may break without any new bytes."""
_PIECE = 2**18


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """Facts about a file that has arrived in part: a validator is an ETag or a date."""

    url: str
    validator: str


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file of the web.

    Args:
        url: its address, which begins with https.
        sha256: its hash, or the first digits of it; "" where none is published. Then only its length can be checked.
        most: bytes at most.
        mend: how to have it written somewhere else.
    """

    url: str
    sha256: str
    most: int
    mend: str

    def is_whole(self, path: Path) -> bool:
        """Returns whether a file has the hash. True of any file where none is published."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest().startswith(self.sha256.lower())

    def fetch(self, path: Path, progress: Progress | None = None) -> None:
        """Downloads it to `path`, which is there when it is whole and not before.

        Raises:
            SkipwiseError: there is no connection, the server has no such file, or another one; the disk is full.
        """
        check_asked_for(self.url)
        check_scheme(self.url, self.url)
        folder = path.with_name(f".{path.name}.download")
        tell = progress or (lambda *_: None)
        with despite_deletion(lambda: self._held(folder, tell)):
            try:
                if not (path.exists() and self.is_whole(path)):  # else by another process, while we waited
                    self._fetch(folder, path, tell)
            finally:
                if not _size(folder / "part"):  # what has arrived is gone on with
                    shutil.rmtree(folder, ignore_errors=True)

    def _held(self, folder: Path, tell: Progress) -> contextlib.ExitStack:
        """The folder, for this process alone; whoever had it before may just be removing it."""
        make_folder(folder, mend=self.mend)
        with contextlib.ExitStack() as stack:
            stack.enter_context(
                locked(folder, waiting=lambda: tell("Waiting for another Skipwise that downloads it", 0, 1))
            )
            return stack.pop_all()

    def _fetch(self, folder: Path, path: Path, tell: Progress) -> None:
        part = folder / "part"
        went_on = _size(part) > 0
        if not (went_on and self.sha256 and self.is_whole(part)):
            self._complete(folder, tell)
        if went_on and not self.is_whole(part):  # what was there may have been damaged
            part.unlink()
            self._complete(folder, tell)
        if not self.is_whole(part):
            part.unlink()
            raise SkipwiseError(
                f"{self.url} is not the file that it should be: its SHA-256 does not begin with {self.sha256}; try "
                "again later, or from another network."
            )
        with explained(path, mend=self.mend):
            part.replace(path)

    def _complete(self, folder: Path, tell: Progress) -> None:
        """Goes on until all of it is there."""
        failures = 0
        while True:
            before = _size(folder / "part")
            try:
                self._go_on(folder, tell)
                return
            except BrokenConnection as error:
                failures = 0 if _size(folder / "part") > before else failures + 1
                if failures == ATTEMPTS:
                    raise SkipwiseError(
                        f"{self.url} can't be downloaded ({error}); check the connection and give the same command "
                        "again, which goes on from there."
                    ) from error
                time.sleep(min(2.0**failures / 4, 5.0))

    def _go_on(self, folder: Path, tell: Progress) -> None:
        part, record = folder / "part", folder / "begun.json"
        have, headers = _size(part), {}
        if have:
            begun = None
            with contextlib.suppress(SkipwiseError):
                begun = read_json(record, _Begun)
            if begun is not None and begun.url == self.url and begun.validator:
                headers = {"Range": f"bytes={have}-", "If-Range": begun.validator}
        try:
            response = open_url(self.url, headers)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and headers:  # there is no more than we have, or another file now
                part.unlink()
                raise BrokenConnection("the server has another file now") from error
            if error.code in (408, 429, 500, 502, 503, 504):
                raise BrokenConnection(f"HTTP Error {error.code}: {error.reason}") from error
            raise SkipwiseError(
                f"{self.url} can't be downloaded (HTTP Error {error.code}: {error.reason}); check the address."
            ) from error
        with contextlib.closing(response):
            start, total = range_of(response.status, response.headers, have)
            if start and headers["If-Range"] != validator_of(response.headers):  # what a 206 should never bring
                part.unlink()
                raise BrokenConnection("the server has another file now")
            if total > self.most:
                self._refuse(folder, f"it has {byte_size(total)}")
            with explained(part, mend=self.mend), os.fdopen(open_own(part, APPENDING), "ab") as file:
                file.truncate(start)
                write_json(record, _Begun(url=self.url, validator=validator_of(response.headers)))
                self._receive(response, file, start, total, folder, tell)
        if total and _size(part) < total:
            raise BrokenConnection(f"the connection broke after {byte_size(_size(part))} of {byte_size(total)}")

    def _receive(self, response: Any, file: IO[bytes], have: int, total: int, folder: Path, tell: Progress) -> None:
        since, then = time.monotonic(), have
        while True:
            try:
                piece = response.read1(_PIECE)
            except (OSError, http.client.HTTPException) as error:
                raise BrokenConnection(reason_of(error)) from error
            if not piece:
                return
            have += len(piece)
            if have > self.most:
                self._refuse(folder, "it does not end")
            file.write(piece)
            tell(f"Downloading {urlsplit(self.url).path.rpartition('/')[2]} (MB)", have // 10**6, total // 10**6)
            if time.monotonic() - since > WINDOW:
                if have - then < SLOWEST * WINDOW:
                    raise BrokenConnection("the server sends next to nothing")
                since, then = time.monotonic(), have

    def _refuse(self, folder: Path, why: str) -> None:
        (folder / "part").unlink(missing_ok=True)
        raise SkipwiseError(f"{self.url} is not downloaded: {why}, and it should have {byte_size(self.most)} at most.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

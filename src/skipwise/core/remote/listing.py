"""The files at an address, listed by several requests at a time."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.faults import insisting, missing
from skipwise.core.remote.kinds import kind_of, open_filesystem
from skipwise.core.reporting import Progress
from skipwise.core.text import printable, shortened

WIDE = 16
"""Folders that are listed at the same time; above them, levels are listed one by one until there are so many."""
LONGEST_PART, LONGEST = 255, 4096
"""Bytes of the name of a file, and of a path: no more fit on most disks."""
_VERSIONS = (
    "ETag", "etag", "md5Hash", "md5", "content_md5", "Content-MD5", "generation", "VersionId", "blob_id",
    "LastModified", "last_modified", "Last-Modified", "updated", "mtime",
)  # fmt: skip
"""What the libraries call that which changes when a file does."""
_TIMES = ("LastModified", "last_modified", "Last-Modified", "updated", "mtime")


class RemoteFile(NamedTuple):
    """A file at an address.

    Args:
        name: its path below the address, with `/` between folders; its own name if the address is a file.
        size: bytes; -1 if the server does not say.
        stamp: nanoseconds since 1970 when it was last changed, with digits that change with its content; see
            `stamp_of`.
        path: its path in the filesystem.
    """

    name: str
    size: int
    stamp: int
    path: str


@dataclass(frozen=True)
class Listed:
    """The files at an address.

    Args:
        address: without secrets.
        files: sorted by name.
        is_file: whether the address is that of one file.
    """

    address: str
    files: tuple[RemoteFile, ...]
    is_file: bool

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(max(0, file.size) for file in self.files)

    def digest(self) -> str:
        """A hash of names, sizes and stamps."""
        found = hashlib.sha256()
        for file in self.files:
            found.update(f"{file.name}\0{file.size}\0{file.stamp}\n".encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    def first_change(self, other: Listed) -> str:
        """The address of a file that is another one in the other listing; "" if none is."""
        before, after = ({file.name: file for file in each.files} for each in (self, other))
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                return f"{self.address.rstrip('/')}/{name}" if not self.is_file else self.address
        return ""


def list_files(address: str, progress: Progress | None = None) -> Listed:
    """The files at an address, and below it.

    Args:
        address: without secrets.

    Raises:
        SkipwiseError: nothing lies there, it can't be read, or a name can't be that of a file here.
    """
    kind, tell = kind_of(address), progress or (lambda *_: None)
    filesystem, root = insisting(lambda: open_filesystem(address), address)
    tell(f"Listing {address}", 0, 0)
    info = insisting(lambda: filesystem.info(root), address)
    if not kind.has_folders:
        if info.get("mimetype") == "text/html":
            raise SkipwiseError(
                f"{address} is a page of the web, and Skipwise reads files: an archive, a table, an image, a shard; "
                "give the address of the file itself."
            )
        return Listed(address, (_single(address, root, info),), True)
    is_file = info["type"] == "file" and not address.endswith("/")
    if is_file and info.get("size") == 0 and _any_below(filesystem, root, address):
        is_file = False  # an empty object that stands for a folder
    if is_file:
        return Listed(address, (_single(address, root, info),), True)
    found = _below(filesystem, root, address, kind.at_once, tell)
    if not found:
        raise missing(address, kind)
    return Listed(address, _checked(address, root, found), False)


def list_each(
    addresses: Iterable[str], at: str, progress: Progress | None = None
) -> dict[str, RemoteFile | SkipwiseError]:
    """Files at addresses of their own, such as those in a table; or why one can't be read.

    Args:
        addresses: without secrets, of one kind.
        at: an address of that kind.
    """
    kind, wanted, tell = kind_of(at), list(dict.fromkeys(addresses)), progress or (lambda *_: None)

    def look(address: str) -> RemoteFile | SkipwiseError:
        try:
            filesystem, path = insisting(lambda: open_filesystem(address), address)
            return _single(address, path, insisting(lambda: filesystem.info(path), address))
        except SkipwiseError as error:
            return error

    found = {}
    with ThreadPoolExecutor(kind.at_once) as pool:
        try:
            for number, (address, file) in enumerate(zip(wanted, pool.map(look, wanted), strict=True)):
                found[address] = file
                tell("Looking for the images at the addresses", number + 1, len(wanted))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return found


def _below(filesystem: Any, root: str, address: str, at_once: int, tell: Progress) -> list[dict[str, Any]]:
    """The filesystem's entries of every file below `root`."""
    files: list[dict[str, Any]] = []
    folders = [root]
    with ThreadPoolExecutor(min(at_once, WIDE)) as pool:
        try:
            # The levels at the top one after the other, until there are enough folders to list them side by side.
            for _ in range(3):
                if len(folders) >= WIDE or not folders:
                    break
                listed = list(pool.map(lambda each: _level(filesystem, each, address), folders))
                folders = [each["name"] for level in listed for each in level if each["type"] == "directory"]
                files += [each for level in listed for each in level if each["type"] != "directory"]
            running: set[Future[list[dict[str, Any]]]] = {
                pool.submit(_all, filesystem, each, address) for each in folders
            }
            while running:
                done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for each in done:
                    files += each.result()
                tell(f"Listing {address}", len(files), 0)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return files


def _level(filesystem: Any, folder: str, address: str) -> list[dict[str, Any]]:
    found = insisting(lambda: filesystem.ls(folder, detail=True), address)
    if any(each["name"] == folder.rstrip("/") + "/" and each["type"] == "directory" for each in found):
        return _all(filesystem, folder, address)  # a folder without a name is below it
    return [each for each in found if each["name"].rstrip("/") != folder.rstrip("/")]


def _all(filesystem: Any, folder: str, address: str) -> list[dict[str, Any]]:
    return list(insisting(lambda: filesystem.find(folder, detail=True), address).values())


def _any_below(filesystem: Any, root: str, address: str) -> bool:
    def look() -> bool:
        try:
            return any(each["name"].rstrip("/") != root.rstrip("/") for each in filesystem.ls(root + "/", detail=True))
        except FileNotFoundError:
            return False

    return insisting(look, address)


def _single(address: str, path: str, info: dict[str, Any]) -> RemoteFile:
    name = posixpath.basename(unquote(urlsplit(address).path) if not kind_of(address).has_folders else path.rstrip("/"))
    check_name(address, name or "file")
    size = info.get("size")
    return RemoteFile(name or "file", -1 if size is None else int(size), stamp_of(info), path)


def _checked(address: str, root: str, found: list[dict[str, Any]]) -> tuple[RemoteFile, ...]:
    """The files with names below the root, each of which can be a file here.

    Raises:
        SkipwiseError: a name leads elsewhere, is too long, or is that of a file and of a folder.
    """
    start = root.rstrip("/") + "/"
    files, folders = {}, set()
    for info in found:
        path = info["name"]
        if info["type"] != "file" or path.endswith("/") or not path.startswith(start):
            continue
        name = path.removeprefix(start)
        check_name(address, name)
        files[name] = RemoteFile(name, -1 if info.get("size") is None else int(info["size"]), stamp_of(info), path)
        folder = posixpath.dirname(name)
        while folder and folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    for both in folders & files.keys():
        if files[both].size > 0:
            raise SkipwiseError(
                f"{address} holds {printable(both)!r} as a file and as a folder, which no disk can; give one of them "
                "another name."
            )
        del files[both]  # an empty object that stands for the folder
    return tuple(sorted(files.values()))


def check_name(address: str, name: str) -> None:
    """Raises SkipwiseError for a name that no file below a folder of this machine can have."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or "." in parts or "" in parts or "\0" in name or "\\" in name:
        raise SkipwiseError(
            f"{address} holds {shortened(printable(name))!r}, a name that leads to another folder or to none; give "
            "that file another name."
        )
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > LONGEST or max(map(len, encoded.split(b"/"))) > LONGEST_PART:
        raise SkipwiseError(
            f"{address} holds {shortened(printable(name))!r}, a name that is too long for a disk ({LONGEST_PART} bytes "
            "for each part); give that file another name."
        )


def stamp_of(info: dict[str, Any]) -> int:
    """Nanoseconds since 1970, as the time of change of a copy.

    The second is that of the file's change, and the rest a hash of its version. So a copy that has this time is a
    copy of this version. 0 if the server does not say which version a file is.
    """
    versions = [f"{name}={info[name]}" for name in _VERSIONS if info.get(name) is not None]
    commit = info.get("last_commit")  # of the Hugging Face hub
    versions += [str(getattr(commit, "oid", commit))] if commit is not None else []
    if (large := info.get("lfs")) is not None:
        versions.append(str(getattr(large, "sha256", large)))
    if not versions:
        return 0
    seconds = max(0, min(_seconds(info), 2**32))
    digits = int.from_bytes(hashlib.sha256("\n".join(versions).encode()).digest()[:6]) % 10**7
    return seconds * 10**9 + digits * 100  # some disks keep steps of 100 nanoseconds


def _seconds(info: dict[str, Any]) -> int:
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, datetime):
            return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
        if isinstance(value, int | float):
            return int(value)
        if isinstance(value, str):
            for parse in (datetime.fromisoformat, parsedate_to_datetime):
                try:
                    return int(parse(value).timestamp())
                except ValueError:
                    continue
    return 10**9

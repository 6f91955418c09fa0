"""Copies of files that are named by addresses of their own, such as those in a column of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from skipwise.core.addresses import scheme_of
from skipwise.core.download.asked_for import check_asked_for, is_asked_for
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.folders import despite_deletion, make_folder
from skipwise.core.files.locks import locked
from skipwise.core.remote.copies import FOLDER, known
from skipwise.core.remote.copying import MEND, UNFINISHED, copy_files, is_copied
from skipwise.core.remote.faults import Changed
from skipwise.core.remote.kinds import kind_of
from skipwise.core.remote.listing import RemoteFile, check_name, list_each
from skipwise.core.remote.room import room_in
from skipwise.core.reporting import Progress
from skipwise.core.text import byte_size, count


def cells_folder() -> Path:
    """The folder in the cache of all such files, below the names of their buckets or servers."""
    return cache_folder() / FOLDER / "cells"


def copied_each(addresses: Iterable[str], progress: Progress | None = None) -> dict[str, str]:
    """Copies the file at each address. Returns their paths from `cells_folder()`, by the addresses as they were given.

    Raises:
        SkipwiseError: one can't be read, changed meanwhile, or there is no room.
    """
    tell = progress or (lambda *_: None)
    wanted = {given: known(given) for given in dict.fromkeys(addresses)}
    names = {given: _name(address) for given, address in wanted.items()}
    _check_apart({address: names[given] for given, address in wanted.items()})
    root = cells_folder()
    if not is_asked_for() and all((root / name).is_file() for name in names.values()):
        return names
    servers: dict[tuple[str, str], dict[str, str]] = {}
    for given, address in wanted.items():
        check_asked_for(address)
        servers.setdefault((scheme_of(address), urlsplit(address).netloc), {})[address] = names[given]
    despite_deletion(lambda: make_folder(root, mend=MEND))
    with locked(root, waiting=lambda: tell("Waiting for another Skipwise that copies images", 0, 1)):
        for (scheme, server), files in servers.items():
            _copy(root, f"{scheme}://{server}", files, tell)
    return names


def _check_apart(names: Mapping[str, str]) -> None:
    """Raises SkipwiseError where copies of different files would take each other's place."""
    taken: dict[str, str] = {}
    for address, name in names.items():
        there = taken.setdefault(name, address)
        if _of_one_server(there) != _of_one_server(address):
            raise SkipwiseError(f"{there} and {address} get the same name here; put one of them elsewhere.")
    for name, address in taken.items():
        for above in PurePosixPath(name).parents:
            if (file := taken.get(str(above))) is not None:
                raise SkipwiseError(
                    f"{file} is a file, and a folder of {address}, which no disk can; give one of them another name."
                )


def _of_one_server(address: str) -> tuple[str, str]:
    """An address without its scheme, and the kind of it, as some have two schemes."""
    return kind_of(address).title, address.partition("://")[2]


def _copy(root: Path, server: str, names: dict[str, str], tell: Progress) -> None:
    found = _listed(names, server, tell)
    missing = [(file, address) for address, file in found.items() if not is_copied(root, file)]
    if not missing:
        return
    needed, room = sum(max(0, file.size) for file, _ in missing), room_in(root, copied=0)
    if needed > room.bytes:
        raise SkipwiseError(
            f"The images at {server} that are to be copied have {byte_size(needed)}, and there is room for "
            f"{byte_size(room.bytes)} ({room.why}); {MEND}."
        )
    copy_files(server, missing, root, root / UNFINISHED, room.bytes, tell)
    again = _listed({address: names[address] for _, address in missing}, server, tell)
    for file, address in missing:
        if again[address] != file:
            raise Changed(f"{address} changed while it was copied; give the same command again.")


def _listed(names: dict[str, str], server: str, tell: Progress) -> dict[str, RemoteFile]:
    """The files by their addresses, with the names that they get here."""
    found = list_each(names, server, tell)
    faults = [each for each in found.values() if isinstance(each, SkipwiseError)]
    if faults:
        more = f" ({count(len(faults) - 1, 'other address')} can't be read either.)" if len(faults) > 1 else ""
        raise SkipwiseError(f"{faults[0]}{more}")
    return {
        address: file._replace(name=names[address]) for address, file in found.items() if isinstance(file, RemoteFile)
    }


def _name(address: str) -> str:
    """The path of a copy: the address without its scheme."""
    parts = urlsplit(address)
    path = unquote(parts.path) if parts.scheme in ("http", "https") else address.partition("://")[2].partition("/")[2]
    query = "/" + quote(parts.query, safe="=&") if parts.query and parts.scheme in ("http", "https") else ""
    name = f"{parts.netloc.rpartition('@')[2].replace(':', '_')}/{path.lstrip('/')}{query}"
    check_name(address, name)
    return name

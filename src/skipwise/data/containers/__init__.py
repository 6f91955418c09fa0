"""Containers: folders and archives whose files are read by name, without unpacking anything to disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.data.containers.base import (
    DEEPEST,
    LARGEST_FILE,
    LONGEST_NAME,
    Container,
    Fetching,
    Listing,
    Reader,
    Shareable,
    explained,
    file_stamp,
)
from skipwise.data.containers.crops import Crops
from skipwise.data.containers.entries import Entries, Entry, EntryWriter
from skipwise.data.containers.folder import Folder
from skipwise.data.containers.tar import CompressedTar, Tar, TarShards
from skipwise.data.containers.unpacked import is_packed
from skipwise.data.containers.zip import Zip
from skipwise.data.names import ARCHIVES

__all__ = [
    "DEEPEST",
    "LARGEST_FILE",
    "LONGEST_NAME",
    "CompressedTar",
    "Container",
    "Crops",
    "Entries",
    "Entry",
    "EntryWriter",
    "Fetching",
    "Folder",
    "Listing",
    "Reader",
    "Shareable",
    "TarShards",
    "Zip",
    "file_stamp",
    "open_container",
    "reopen",
]

SHAREABLE: dict[str, Callable[[Path], Shareable]] = {each.kind: each for each in (Folder, Zip, Tar, TarShards)}
"""Every kind of container that several processes can read at the same time."""


def reopen(kind: str, path: Path) -> Shareable:
    """Opens a shareable container in another process by its `kind` and `path`. Only its `reader` can be used."""
    if kind.startswith(Crops.PREFIX):
        return Crops(reopen(kind.removeprefix(Crops.PREFIX), path), {})
    return SHAREABLE[kind](path)


def open_container(path: Path) -> Container:
    """Opens the folder or archive at a path that exists.

    Raises:
        SkipwiseError: it is a file that is not an archive of a supported kind.
    """
    if path.is_dir():
        return Folder(path)
    name = path.name.lower()
    if name.endswith(".zip"):
        return Zip(path)
    if name.endswith(ARCHIVES):
        with explained(path):
            return CompressedTar(path) if is_packed(path) else Tar(path)
    raise SkipwiseError(
        f"{path} is a file of an unsupported kind; give a folder with one sub-folder of images per class, an archive "
        f"of one ({', '.join(ARCHIVES)}), or a table of paths and labels (.csv)."
    )

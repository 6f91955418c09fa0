"""The record of a server, which each file in this folder fills in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skipwise.deploy.artifact.artifact import Artifact

MOST_LETTERS = 100
_STRANGE = re.compile(r"[^A-Za-z0-9_.-]+")


def model_name(folder: Path) -> str:
    """The name of an artifact in addresses and paths: that of its folder, as every server and `serve` take it."""
    return _STRANGE.sub("-", folder.resolve().name)[:MOST_LETTERS].strip("-._") or "model"


@dataclass(frozen=True, kw_only=True)
class ServerJob:
    """The network that a server is written for.

    Args:
        artifact: the record of an exported network.
        folder: where its files are.
        name: the model's name in addresses: letters, digits, dots, dashes and underscores.
    """

    artifact: Artifact
    folder: Path
    name: str


@dataclass(frozen=True, kw_only=True)
class Server:
    """A program that serves exported networks.

    Args:
        name: as `--serve` takes it; the folder is called the same.
        title: its name for people.
        formats: the names of the export formats that it runs.
        write: writes into a folder what the server takes.
        command: the words of the command that starts it on that folder.
    """

    name: str
    title: str
    formats: tuple[str, ...]
    write: Callable[[Path, ServerJob], None]
    command: Callable[[Path], tuple[str, ...]]

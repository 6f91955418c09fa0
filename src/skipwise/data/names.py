"""What the names of files and folders say before anything is opened."""

from __future__ import annotations

import unicodedata
from posixpath import splitext

from skipwise.core.text import printable as printable

CLUTTER = frozenset(
    [
        "__MACOSX",
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        "Thumbs.db",
        "desktop.ini",
        "__pycache__",
        ".AppleDouble",
        ".DS_Store",
        ".Spotlight-V100",
        ".TemporaryItems",
        ".Trash",
        ".Trashes",
        ".cache",
        ".comments",
        ".dvc",
        ".fseventsd",
        ".git",
        ".github",
        ".hg",
        ".huggingface",
        ".idea",
        ".ipynb_checkpoints",
        ".picasaoriginals",
        ".svn",
        ".sync",
        ".thumbnails",
        ".tmb",
        ".venv",
        ".vscode",
    ]
)
"""Files and folders that operating systems, storage boxes and tools leave behind."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""The suffixes of archives that are read in place."""


def is_clutter(name: str) -> bool:
    """Whether one part of a path is nobody's image or class: known clutter, or a Trash folder of a numbered user."""
    return name in CLUTTER or name.startswith((".Trash-", "._"))


def suffix(name: str) -> str:
    """The lower-case suffix of a file's name, with its dot: ".jpg"."""
    # Called for every file; a path's own rules would take three times as long.
    dot = name.rfind(".")
    return name[dot:].lower() if dot > name.rfind("/") + 1 else ""


def stem(name: str) -> str:
    """A path without its suffix: "a/b.jpg" -> "a/b"."""
    return splitext(name)[0]


def without_archive_suffix(name: str) -> str:
    """A data set's name from that of its file: "birds.tar.gz" -> "birds"."""
    for each in (".gz", ".bz2", ".xz", ".zip", ".tgz", ".tbz2", ".txz", ".tar"):
        name = name[: -len(each)] if name.lower().endswith(each) else name
    return name


def unaccented(name: str) -> str:
    """A name without accents, as names are compared: "entraînement" -> "entrainement"."""
    spelt = unicodedata.normalize("NFKD", name)
    return unicodedata.normalize("NFC", "".join(each for each in spelt if not "\u0300" <= each <= "\u036f"))

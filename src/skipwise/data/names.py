"""Names of files and folders: suffixes, clutter, archives and accents."""

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
"""Names of files and folders that operating systems, network drives and tools leave behind."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Suffixes of archives that are read without unpacking them."""


def is_clutter(name: str) -> bool:
    """Returns whether a part of a path is clutter: in CLUTTER, a numbered user's trash, or a macOS resource file."""
    return name in CLUTTER or name.startswith((".Trash-", "._"))


def suffix(name: str) -> str:
    """The lower-case suffix of a file's name, with its dot: ".jpg"."""
    # It is called for every file, and splitext takes three times as long.
    dot = name.rfind(".")
    return name[dot:].lower() if dot > name.rfind("/") + 1 else ""


def stem(name: str) -> str:
    """A path without its suffix: "a/b" for "a/b.jpg"."""
    return splitext(name)[0]


def without_archive_suffix(name: str) -> str:
    """The name of a data set from that of its file: "birds" for "birds.tar.gz"."""
    for each in (".gz", ".bz2", ".xz", ".zip", ".tgz", ".tbz2", ".txz", ".tar"):
        name = name[: -len(each)] if name.lower().endswith(each) else name
    return name


def unaccented(name: str) -> str:
    """A name without accents, so that names can be compared: "entrainement" for "entraînement"."""
    decomposed = unicodedata.normalize("NFKD", name)
    return unicodedata.normalize("NFC", "".join(each for each in decomposed if not "\u0300" <= each <= "\u036f"))

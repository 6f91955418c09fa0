"""Files and folders renamed, moved, removed, doubled, linked, packed, and what is neither."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path
from random import Random

from tests.mutations.contents import files
from tests.mutations.hostile import NAMES

SUFFIXES = (
    ".csv", ".json", ".xlsx", ".parquet", ".mat", ".npz", ".npy", ".xml", ".jpg", ".tar", ".zip", ".jsonl", "",
    ".txt", ".bin", ".pt", ".cls", ".idx3-ubyte", ".gz", ".tgz", ".heic", ".arrow",
)  # fmt: skip
LIKE_FILES = ("a.jpg", "a.csv", "a.tar", "a.npz", "labels.txt", "a.parquet", "a.json", "a.xlsx", "a.mat", "a.zip")


def odd_name(root: Path, rng: Random) -> str:
    """Another name for a file or a folder."""
    paths = sorted(root.rglob("*"))
    if not paths:
        return ""
    path = rng.choice(paths)
    name = rng.choice(NAMES) + (path.suffix if path.is_file() and rng.random() < 0.3 else "")
    with contextlib.suppress(OSError, ValueError):
        path.rename(path.with_name(name))
        return f"{path.name!r} is called {name!r}"
    return ""


def structure(root: Path, rng: Random) -> str:
    """One thing about files and folders that is otherwise."""
    paths = sorted(root.rglob("*"))
    if not paths:
        return ""
    path = rng.choice(paths)
    folder = rng.choice([root, *(each for each in paths if each.is_dir())])
    name = rng.choice(NAMES)
    with contextlib.suppress(OSError, ValueError, shutil.Error):
        if path.is_file() and rng.random() < 0.4:
            return _of_file(root, path, rng)
        return _of_folders(root, path, folder, name, rng)
    return ""


def _of_file(root: Path, path: Path, rng: Random) -> str:
    match rng.randrange(3):
        case 0:
            path.write_bytes(b"")
            return f"{path.name!r} emptied"
        case 1:
            other = rng.choice(files(root) or [path])
            path.write_bytes(other.read_bytes())
            return f"{path.name!r} is {other.name!r}"
    new = path.with_suffix(rng.choice(SUFFIXES))
    path.rename(new)
    return f"{path.name!r} is {new.name!r}"


def _of_folders(root: Path, path: Path, folder: Path, name: str, rng: Random) -> str:
    match rng.randrange(9):
        case 0:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            return f"without {path.name!r}"
        case 1:
            path.rename(folder / path.name)
            return f"{path.name!r} moved to {folder.name!r}"
        case 2 if path.is_dir() and path != folder and path not in folder.parents:
            shutil.copytree(path, folder / name, symlinks=True)
            return f"a copy of {path.name!r} as {name!r}"
        case 3:
            targets = (path, root, folder / name, root / "nothing", Path("/dev/zero"), Path(".."))
            (folder / name).symlink_to(rng.choice(targets))
            return f"a link {name!r}"
        case 4:
            os.mkfifo(folder / (pipe := rng.choice((name, *LIKE_FILES))))
            return f"a pipe {pipe!r}"
        case 5:
            with socket.socket(socket.AF_UNIX) as opened:
                opened.bind(str(folder / rng.choice(LIKE_FILES)))
            return "a socket"
        case 6:
            (folder / rng.choice((name, *LIKE_FILES))).mkdir()
            return "a folder called like a file"
        case 7:
            (folder / rng.choice(("train", "val", "test", "images", "classes", name))).write_bytes(b"x")
            return "a file called like a folder"
    some = files(root)
    deep = folder
    for _ in range(rng.choice((50, 90, 150, 400))):
        deep = deep / "d"
        deep.mkdir()
    if some:
        shutil.copy(rng.choice(some), deep)
    return "folders nested deep"


def packed(root: Path, rng: Random) -> str:
    """All of it in an archive of one kind or another."""
    if not any(root.iterdir()):
        return ""
    moved = root.with_name(f"{root.name}-unpacked")
    root.rename(moved)
    root.mkdir()
    kind = rng.choice(("zip", "tar", "gztar", "xztar", "bztar"))
    try:
        shutil.make_archive(str(root / "packed"), kind, moved)
        shutil.rmtree(moved)
        return f"packed as {kind}"
    except (OSError, ValueError, shutil.Error):  # not every name can be in every archive
        shutil.rmtree(root)
        moved.rename(root)
        return ""

"""Classification sets that torchvision knows, by its names: `torchvision:Flowers102`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from skipwise.data.containers import Entry, Folder
from skipwise.data.names import printable
from skipwise.data.sources.array_sets import array_set
from skipwise.data.sources.source import Reading, Row, Source
from skipwise.data.words import count
from skipwise.errors import SkipwiseError, missing_extra, unknown_name
from skipwise.files import cache_folder

_SPLITS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}
_PAIRS = (("_samples", None), ("samples", None), ("imgs", None), ("_image_files", "_labels"), ("_images", "_labels"))
"""Where torchvision's classes keep the images' paths and labels, together or in two lists."""


def open_torchvision(name: str) -> Source:
    """A data set of torchvision's with its own splits, downloaded into the cache unless it is in ./data or there.

    Raises:
        SkipwiseError: there is none of that name, it is no classification set, or it can't be downloaded.
    """
    try:
        from torchvision import datasets
    except ImportError as error:
        raise missing_extra("train", "torchvision") from error
    if name not in datasets.__all__:
        raise unknown_name("data set in torchvision", name, datasets.__all__)
    maker = getattr(datasets, name)
    parts = {split: part for split, arguments in _arguments(maker).items() if (part := _made(name, maker, arguments))}
    if not parts:
        raise SkipwiseError(f"torchvision:{name} has no part that can be read.")
    if all(
        isinstance(getattr(part, "data", None), np.ndarray) or hasattr(getattr(part, "data", None), "numpy")
        for part in parts.values()
    ):
        return _in_memory(name, parts)
    return _in_files(name, parts)


def _arguments(maker: Any) -> dict[str, dict[str, Any]]:
    """The keyword arguments that make each split of a data set."""
    parameters = inspect.signature(maker.__init__).parameters
    if "train" in parameters:
        return {"train": {"train": True}, "test": {"train": False}}
    if "split" in parameters:
        default = parameters["split"].default
        if default == "trainval":
            return {"train": {"split": "trainval"}, "test": {"split": "test"}}
        return {split: {"split": names[0]} for split, names in _SPLITS.items()}
    return {"": {}}


def _made(name: str, maker: Any, arguments: dict[str, Any]) -> Any:
    """One part of a data set: found in ./data or the cache, else downloaded; None where it has no such part."""
    root = cache_folder() / "datasets"
    can_fetch = "download" in inspect.signature(maker.__init__).parameters
    for folder in (Path("data"), root):
        try:
            return maker(folder, **arguments)
        except ValueError as error:  # how torchvision says that there is no such split
            if "split" in str(error).lower() or "unknown value" in str(error).lower():
                return None
        except (RuntimeError, OSError):
            continue
    if not can_fetch:
        raise SkipwiseError(
            f"torchvision can't download {name}; put its files into ./data or {root} as its documentation says."
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        return maker(root, download=True, **arguments)
    except ModuleNotFoundError as error:
        raise SkipwiseError(f"torchvision needs {error.name} for {name}; run: pip install {error.name}") from error
    except Exception as error:  # urllib's errors, torchvision's own, a full disk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SkipwiseError(
            f"{name} can't be downloaded ({reason}); check the connection, or put torchvision's files of it in {root} or "
            "./data."
        ) from error


def _in_memory(name: str, parts: dict[str, Any]) -> Source:
    arrays: dict[str, Any] = {}
    for split, part in parts.items():
        data = part.data if isinstance(part.data, np.ndarray) else part.data.numpy()
        arrays[f"{split}_images"] = data
        arrays[f"{split}_labels"] = np.asarray(getattr(part, "targets", getattr(part, "labels", None)))
    names = getattr(next(iter(parts.values())), "classes", None)
    if names:
        arrays["class_names"] = np.array([str(each) for each in names])
    return array_set(name, arrays, f"torchvision's {name}").source()


def _in_files(name: str, parts: dict[str, Any]) -> Source:
    rows: list[Row] = []
    classes: list[str] = []
    for split, part in parts.items():
        classes = classes or [_text(each) for each in getattr(part, "classes", None) or []]
        for path, label in _pairs(name, part):
            shown = classes[label] if isinstance(label, int) and label < len(classes) else str(label)
            rows.append(Row(str(Path(path).absolute()).lstrip("/"), shown, split))
    entries = {}
    for row in rows:
        status = Path("/", row.file).stat()
        entries[row.file] = Entry(row.file, status.st_size, status.st_mtime_ns)
    top = _common([row.file for row in rows])
    said = f"torchvision's {name} ({count(len(rows), 'image')}, {count(len({row.label for row in rows}), 'class')})"
    return Reading(
        name=printable(name), container=Folder(Path("/")), rows=rows, said=said, entries=entries, top=top
    ).source()


def _pairs(name: str, part: Any) -> list[tuple[Any, Any]]:
    for paths, labels in _PAIRS:
        found = getattr(part, paths, None)
        if found is None or (labels is not None and getattr(part, labels, None) is None):
            continue
        pairs = list(found) if labels is None else list(zip(found, getattr(part, labels), strict=True))
        if pairs and isinstance(pairs[0][1], int):
            return pairs
    raise SkipwiseError(f"torchvision:{name} is no set of images of which each has one class.")


def _text(name: Any) -> str:
    return " ".join(name) if isinstance(name, tuple) else str(name)


def _common(names: list[str]) -> str:
    import os.path

    return os.path.commonpath([name.rpartition("/")[0] for name in names]) + "/" if names else ""

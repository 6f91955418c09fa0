"""Predictions in an .npz file: arrays of ids, labels and predictions, of one seed or several."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.text import listed
from skipwise.data.sources.table_files.table import cell_text
from skipwise.data.sources.unpacking import LARGEST_ARRAYS, check_zip
from skipwise.judging.files.columns import LISTS, NAMES
from skipwise.judging.files.file_answers import FileAnswers
from skipwise.judging.files.file_names import network_and_seed
from skipwise.judging.files.numbers import kind_of

CLASSES = ("classes", "class_names", "names", "categories")
OURS = {"test_ids", "test_labels", "test_logits"}
PLURAL = {"id": "ids", "label": "labels", "answer": "predictions answers preds", "seed": "seeds"}


def read_arrays(path: Path, data: bytes, group: str | None) -> list[FileAnswers]:
    """The predictions in an .npz file.

    Args:
        group: the name of the array that says which images belong together.

    Raises:
        SkipwiseError: it is damaged, an array is missing, or the arrays do not fit together.
    """
    name = str(path)
    arrays = _loaded(name, data)
    if arrays.keys() >= OURS:  # of a run, without its record
        arrays = {key.removeprefix("test_"): array for key, array in arrays.items() if key.startswith("test_")}
    low = {key.lower(): key for key in arrays}
    held = f"it holds {listed(list(arrays), 8) or 'nothing'}"
    found = {role: _first(low, f"{PLURAL.get(role, '')} {known}".split()) for role, known in NAMES.items()}
    if found["id"] is None:
        raise SkipwiseError(f"{name} has no array of ids, by which images are matched; {held}. Call one of them ids.")
    key = _first(low, sorted(LISTS))
    if key is None and found["answer"] is None:
        raise SkipwiseError(
            f"{name} has no predictions; {held}. Call an array predictions [images], or probabilities or logits "
            "[images, classes]."
        )
    ids = _names(arrays[found["id"]], name, found["id"])
    if len(set(ids)) < len(ids):
        twice, times = Counter(ids).most_common(1)[0]
        raise SkipwiseError(f"{name} has the id {twice!r} {times} times; keep one entry for each image.")
    base, from_name = network_and_seed(path)
    seeds = _seeds(arrays, found["seed"], name)
    values = None if key is None else arrays[key]
    answers = None if found["answer"] is None else arrays[found["answer"]]
    if values is not None and (values.dtype.kind not in "fiu" or values.ndim not in (2, 3)):
        raise SkipwiseError(
            f"{name}: the array {key} has the shape {values.shape} and the type {values.dtype}; it has to hold numbers "
            "[images, classes], or [seeds, images, classes]."
        )
    count = 1
    for each, single in ((values, 2), (answers, 1)):
        if each is not None and each.ndim == single + 1:
            count = len(each)
    if seeds is not None and len(seeds) != count:
        raise SkipwiseError(f"{name} has {len(seeds)} seeds and predictions of {count}; give one seed for each.")
    every = seeds if seeds is not None else [from_name] if count == 1 else list(range(count))
    labels = None if found["label"] is None else _names(arrays[found["label"]], name, found["label"])
    groups = None if group is None or group not in arrays else _names(arrays[group], name, group)
    classes = _class_names(arrays, low, values, name)
    parts = []
    for number, seed in enumerate(every):
        where = f"{name} (seed {seed})" if count > 1 else name
        of_seed = None if values is None else values[number] if values.ndim == 3 else values
        given = None if answers is None else answers[number] if answers.ndim == 2 else answers
        said = None if given is None else _names(given, name, str(found["answer"]))
        _check_lengths(name, len(ids), {"labels": labels, "predictions": said, str(key): of_seed, "groups": groups})
        kind = "classes"
        if of_seed is not None:
            kind = kind_of(of_seed, where, lambda row: f"the image {ids[row]}")
        parts.append(
            FileAnswers(
                where=where,
                network=base,
                seed=seed,
                ids=ids,
                labels=_numbered(labels, classes),
                answers=_numbered(said, classes),
                values=of_seed,
                classes=classes,
                kind=kind,
                groups=groups,
            )
        )
    return parts


def _loaded(name: str, data: bytes) -> dict[str, NDArray[Any]]:
    try:
        check_zip(name, data, LARGEST_ARRAYS)
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except SkipwiseError:
        raise
    except Exception as error:  # numpy raises half a dozen kinds for a damaged archive, and for pickles
        raise SkipwiseError(
            f"{name} can't be read as .npz ({reason_of(error)}); save arrays of numbers and of text in it."
        ) from error


def _first(low: Mapping[str, str], known: Sequence[str]) -> str | None:
    return next((low[each] for each in known if each in low), None)


def _names(array: NDArray[Any], file: str, key: str) -> list[str]:
    if array.ndim != 1 or array.dtype.kind not in "USiufb":
        raise SkipwiseError(f"{file}: the array {key} has to hold one number or name for each image.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise SkipwiseError(f"{file}: the array {key} has NaN for an image; correct it, or leave the image out.")
    if array.dtype.kind == "S":
        return [each.decode("utf-8", "surrogateescape") for each in array.tolist()]
    return [cell_text(each) for each in array.tolist()]


def _seeds(arrays: Mapping[str, NDArray[Any]], key: str | None, file: str) -> list[int] | None:
    if key is None:
        return None
    array = np.atleast_1d(arrays[key])
    if array.dtype.kind not in "iu" or array.ndim != 1 or len(set(array.tolist())) != array.size:
        raise SkipwiseError(f"{file}: the array {key} has to hold different whole numbers.")
    return [int(seed) for seed in array.tolist()]


def _class_names(
    arrays: Mapping[str, NDArray[Any]], low: Mapping[str, str], values: NDArray[Any] | None, file: str
) -> tuple[str, ...]:
    """The names of the classes, or their numbers where the file has no names."""
    key = next((low[name] for name in CLASSES if name in low and arrays[low[name]].dtype.kind in "US"), None)
    if key is not None:
        names = tuple(_names(arrays[key], file, key))
        if len(set(names)) < len(names) or (values is not None and len(names) != values.shape[-1]):
            many = "" if values is None else f", and its predictions are of {values.shape[-1]}"
            raise SkipwiseError(f"{file}: the array {key} names {len(set(names))} different classes{many}.")
        return names
    return () if values is None else tuple(map(str, range(values.shape[-1])))


def _numbered(names: list[str] | None, classes: tuple[str, ...]) -> list[str] | None:
    """Class numbers as names, where the file names its classes."""
    if names is None or not classes or set(names) <= set(classes):
        return names
    if all(name.isdigit() and int(name) < len(classes) for name in names):
        return [classes[int(name)] for name in names]
    return names


def _check_lengths(file: str, images: int, arrays: Mapping[str, Any]) -> None:
    for name, array in arrays.items():
        if array is not None and len(array) != images:
            raise SkipwiseError(f"{file} has {images:,} ids and {len(array):,} {name}; give one for each image.")

"""The layout of array files: .npz (Keras, MedMNIST), .npy, IDX (MNIST), .mat (SVHN), binary CIFAR and STL-10."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.names import printable, stem, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.arrays.array_sets import ArraySet, array_set
from skipwise.data.sources.arrays.matlab import load_matlab, simple
from skipwise.data.sources.place import Place
from skipwise.data.sources.refused.foreign_formats import foreign_sentence
from skipwise.data.sources.unpacking import LARGEST_ARRAYS, check_size, check_zip, gunzipped

_IDX = re.compile(r"(?P<split>.*?)[-_.]?(?P<what>images|labels)[-_.]idx\d[-_.]ubyte(?:\.gz)?$", re.IGNORECASE)
_CONVERT = "save its images as .npz arrays (images and labels), or as image files in a folder per class"


def recognise(place: Place, options: ReadingOptions) -> Callable[[], ArraySet] | None:  # noqa: ARG001
    """Recognises array files, if there are no pictures.

    Raises:
        SkipwiseError: the arrays do not make labelled images, or a file has an unsupported format.
    """
    if place.names:
        return None
    names = list(place.others.names)
    idx = [name for name in names if _IDX.fullmatch(name.rpartition("/")[2])]
    if idx:
        return lambda: array_set(place.name, _idx_arrays(place, idx), _described(idx))
    files = [name for name in names if suffix(name) in (".npz", ".npy")]
    if files:
        return lambda: array_set(place.name, _numpy_arrays(place, files), _described(files))
    mats = [name for name in names if suffix(name) == ".mat"]
    if mats:
        return lambda: array_set(place.name, _mat_arrays(place, mats), _described(mats))
    binaries = {name.rpartition("/")[2]: name for name in names if suffix(name) == ".bin"}
    if any(_CIFAR_BINARY.fullmatch(file) for file in binaries):
        fine = "" if "test_batch.bin" in binaries else " by their fine labels"
        return lambda: array_set(place.name, _cifar_binary(place, binaries), _described(list(binaries)) + fine)
    if {"train_X.bin", "train_y.bin"} <= binaries.keys():
        return lambda: array_set(place.name, _stl10(place, binaries), _described(list(binaries)))
    _refuse(place, names)
    return None


def _described(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in sorted(names)[:4])
    return f"the array file{'s' * (len(names) > 1)} {shown}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _contents(place: Place, names: Sequence[str]) -> dict[str, bytes]:
    """The bytes of some files, by name."""
    sizes = {entry.name: entry.size for entry in place.others}
    check_size(place.name, sum(sizes[name] for name in names), LARGEST_ARRAYS)
    found = {}
    for name, content in place.container.stream(names):
        if isinstance(content, UnreadableImage):
            raise SkipwiseError(f"{printable(name)} can't be read: {content}.")
        found[name] = content
    return {name: found[name] for name in names}


def _idx_arrays(place: Place, names: list[str]) -> dict[str, NDArray[Any]]:
    arrays = {}
    for name, data in _contents(place, names).items():
        match = _IDX.fullmatch(name.rpartition("/")[2])
        assert match is not None
        split = "test" if match["split"].lower().startswith(("t10k", "test")) else match["split"] or "train"
        arrays[f"{split}_{match['what'].lower()}"] = read_idx(data, printable(name))
    return arrays


def read_idx(data: bytes, name: str) -> NDArray[np.uint8]:
    """The array in an IDX file, the format of MNIST, compressed or not.

    Raises:
        SkipwiseError: the file is damaged, or not an IDX file.
    """
    try:
        content = gunzipped(name, data) if data[:2] == b"\x1f\x8b" else data
        if content[:2] != b"\0\0" or content[2] != 8:
            raise ValueError("it does not begin like an IDX file of bytes")
        shape = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(content[3])]
        return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise SkipwiseError(f"{name} is damaged ({reason_of(error)}); download it again.") from error


def _numpy_arrays(place: Place, names: list[str]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for name, data in _contents(place, names).items():
        prefix = f"{stem(name.rpartition('/')[2])}_" if len(names) > 1 else ""
        try:
            if zipfile.is_zipfile(io.BytesIO(data)):
                check_zip(name, data, LARGEST_ARRAYS)
            loaded = np.load(io.BytesIO(data), allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                arrays[stem(name.rpartition("/")[2])] = loaded
                continue
            with loaded:
                for key in loaded.files:
                    if isinstance(values := loaded[key], np.ndarray):
                        arrays[prefix + key] = values
        except SkipwiseError:
            raise
        except Exception as error:  # numpy raises many kinds of exceptions for damaged bytes
            reason = "it holds Python objects" if "allow_pickle" in str(error) else reason_of(error)
            raise SkipwiseError(f"{printable(name)} can't be read ({reason}); {_CONVERT}.") from error
    return arrays


def _mat_arrays(place: Place, names: list[str]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for name, data in _contents(place, names).items():
        prefix = stem(name.rpartition("/")[2]).partition("_")[0]
        for key, value in load_matlab(printable(name), data).items():
            if isinstance(value, np.ndarray):
                # In MATLAB the last axis counts the images.
                last = value.ndim == 4 and value.shape[2] in (1, 3)
                arrays[f"{prefix}_{key}"] = np.moveaxis(value, 3, 0) if last else value
                continue
            texts = [value] if isinstance(value, str) else [simple(each) for each in value]
            if texts and all(isinstance(text, str) for text in texts):
                arrays[f"{prefix}_{key}"] = np.array(texts)
    return arrays


_CIFAR_BINARY = re.compile(r"(?:data_batch_\d|test_batch|train|test)\.bin")


def _cifar_binary(place: Place, files: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The binary version of CIFAR-10 and CIFAR-100: for each image its label and 3,072 bytes.

    In CIFAR-100 there are two labels, first the coarse one, which is not used.
    """
    found: dict[str, list[NDArray[np.uint8]]] = {}
    chosen = {file: name for file, name in sorted(files.items()) if _CIFAR_BINARY.fullmatch(file)}
    contents = _contents(place, list(chosen.values()))
    for file, name in chosen.items():
        before = 1 if "batch" in file else 2
        rows = _rows(contents[name], 3072 + before, name)
        split = "test" if file.startswith("test") else "train"
        found.setdefault(f"{split}_images", []).append(rows[:, before:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        found.setdefault(f"{split}_labels", []).append(rows[:, before - 1])
    arrays: dict[str, NDArray[Any]] = {key: np.concatenate(parts) for key, parts in found.items()}
    for names in ("batches.meta.txt", "fine_label_names.txt"):
        listed = next((name for name in place.others.names if name.rpartition("/")[2] == names), None)
        if listed is not None:
            text = _contents(place, [listed])[listed].decode("utf-8", "replace")
            arrays["class_names"] = np.array(text.split(), dtype=str)
    return arrays


def _stl10(place: Place, files: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The binary version of STL-10: images of 96 x 96 pixels stored column by column, and labels from 1."""
    arrays: dict[str, NDArray[Any]] = {}
    for split in ("train", "test"):
        if {f"{split}_X.bin", f"{split}_y.bin"} <= files.keys():
            pixels, labels = (files[f"{split}_{part}.bin"] for part in ("X", "y"))
            contents = _contents(place, [pixels, labels])
            rows = _rows(contents[pixels], 3 * 96 * 96, pixels)
            arrays[f"{split}_images"] = rows.reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
            arrays[f"{split}_labels"] = np.frombuffer(contents[labels], np.uint8)
    return arrays


def _rows(data: bytes, width: int, name: str) -> NDArray[np.uint8]:
    """Bytes as rows of `width` bytes."""
    if len(data) % width:
        raise SkipwiseError(f"{printable(name)} is cut off; download it again.")
    return np.frombuffer(data, np.uint8).reshape(-1, width)


def _refuse(place: Place, names: list[str]) -> None:
    """Raises SkipwiseError for files that hold images in an unsupported format."""
    files = {name.rpartition("/")[2] for name in names}
    if {"data_batch_1", "test_batch"} <= files or ({"train", "test", "meta"} <= files):
        known = "cifar10" if "data_batch_1" in files else "cifar100"
        raise SkipwiseError(
            f"{place.name} holds CIFAR's Python pickles, which can run code when they are read; name the data set "
            f"instead ({known}, which is also looked for in ./data), or download its binary version."
        )
    for name in names:
        if (sentence := foreign_sentence(name, place.name)) is not None:
            raise SkipwiseError(sentence)

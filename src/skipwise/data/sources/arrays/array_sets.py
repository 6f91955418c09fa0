"""Labelled images from named arrays: which array holds images, which holds labels, and for which split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, shortened
from skipwise.data.columns.names import Names
from skipwise.data.names import printable
from skipwise.data.sources.labels import check_labels, missing_classes, quoted_list
from skipwise.data.sources.source import Source, Versions, split_words
from skipwise.data.sources.split_names import split_of

_IMAGES = frozenset(
    """
    x images image data imgs img pixels input inputs features
""".split()
)
_LABELS = frozenset(
    """
    y labels label targets target classes class t
""".split()
)
_AT_ONCE = 256
"""Images that are scaled at a time."""
_WORDS = re.compile(r"[A-Za-z]+")
_NAMES = frozenset(["class_names", "classes_names", "label_names", "classnames", "labelnames", "classes"])


@dataclass(frozen=True, kw_only=True, eq=False)
class ArraySet:
    """Labelled images in memory.

    Args:
        name: the name of the data set.
        description: what was understood, without a full stop.
        classes: the class names.
        labels: class numbers, int64 [N].
        splits: the split of each image, or None if the set is not split.
        pixels: uint8 [N, H, W, C].
        mirrors: whether the mirror image of an image still belongs to its class.
        notes: sentences for the user.
        versions: other versions of each image, by name: functions from numbers of images to their pixels.
    """

    name: str
    description: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    splits: tuple[str, ...] | None
    pixels: NDArray[np.uint8]
    mirrors: bool = True
    notes: tuple[str, ...] = ()
    versions: Versions = field(default_factory=dict)

    def source(self) -> Source:
        """The labelled images as a source."""
        digits = len(str(len(self.labels) - 1))
        name = printable(self.name)
        where = self.splits or (name,) * len(self.labels)
        labels = [self.classes[label] for label in self.labels.tolist()]
        faults, absent = missing_classes(labels, self.splits or ("",) * len(labels), self.name)
        return Source(
            name=name,
            reading=printable(" ".join((f"Read as {self.description}.", *self.notes, *absent))),
            classes=tuple(map(printable, self.classes)),
            ids=Names.of(f"{split}/{index:0{digits}d}" for index, split in enumerate(where)),
            labels=self.labels,
            splits=self.splits,
            pixels=self.pixels,
            mirrors=self.mirrors,
            faults=tuple(faults),
            versions=self.versions,
        )


def array_set(name: str, arrays: Mapping[str, NDArray[Any]], description: str) -> ArraySet:
    """Labelled images from arrays, by the arrays' names and shapes.

    Args:
        name: the name of the data set.
        arrays: the arrays by name.
        description: where they come from, for the line that says what was understood.

    Raises:
        SkipwiseError: there are no images, no labels or several labels for an image, or the arrays do not fit together.
    """
    names = next(
        (each for key, each in arrays.items() if key.lower() in _NAMES and each.dtype.kind in "US" and each.ndim == 1),
        None,
    )
    pairs = _pairs(name, {key: values for key, values in arrays.items() if values is not names and values.ndim > 0})
    if not pairs:
        raise SkipwiseError(
            f"{name} has images but no labels for them ({_shapes(arrays)}); save an array of labels too."
        )
    if len(pairs) > 1 and "train" not in pairs:
        raise SkipwiseError(f"{name} has the splits {' and '.join(sorted(pairs))}, but none for training; add it.")
    if "val" in pairs and "test" not in pairs:
        pairs["test"] = pairs.pop("val")
    pixels, labels, splits, notes = _joined(name, arrays, pairs)
    distinct, numbers = np.unique(labels, return_inverse=True)
    shown = _class_names(distinct, names)
    check_labels(dict(zip(shown, np.bincount(numbers.ravel()).tolist(), strict=True)), name)
    size = " x ".join(map(str, pixels.shape[1:3]))
    text = f"{description} ({count(len(pixels), 'image')} of {size} pixels, {count(len(shown), 'class')})"
    text += split_words(splits)
    return ArraySet(
        name=name,
        description=text,
        classes=tuple(shown),
        labels=numbers.ravel().astype(np.int64),
        splits=tuple(splits) if len(set(splits)) > 1 else None,
        pixels=pixels,
        notes=tuple(notes),
    )


def _joined(
    name: str, arrays: Mapping[str, NDArray[Any]], pairs: Mapping[str, tuple[str, str]]
) -> tuple[NDArray[np.uint8], NDArray[Any], list[str], list[str]]:
    """The pixels, labels and splits of all images, and sentences about how values were scaled.

    Args:
        pairs: the keys of images and labels for each split.
    """
    pixels, labels = [], []
    splits: list[str] = []
    notes: list[str] = []
    for split, (image_key, label_key) in sorted(
        pairs.items(), key=lambda item: ["train", "val", "test", ""].index(item[0])
    ):
        images, note = as_pixels(arrays[image_key], f"{image_key} of {name}")
        classes = as_labels(arrays[label_key], f"{label_key} of {name}")
        if len(images) != len(classes):
            raise SkipwiseError(
                f"{image_key} of {name} has {count(len(images), 'image')}, but {label_key} has "
                f"{count(len(classes), 'label')}; give one label for each image."
            )
        notes += [note] if note and note not in notes else []
        pixels.append(images)
        labels.append(classes)
        splits += [split] * len(images)
    shapes = {images.shape[1:] for images in pixels}
    if len(shapes) > 1:
        raise SkipwiseError(
            f"The parts of {name} have images of different shapes ({quoted_list(map(str, shapes))}); resize them to "
            "one shape."
        )
    return np.concatenate(pixels), np.concatenate(labels), splits, notes


def _class_names(distinct: NDArray[Any], names: NDArray[Any] | None) -> list[str]:
    if names is not None and distinct.dtype.kind in "iu" and distinct.min() >= 0 and distinct.max() < len(names):
        shown: list[str] = as_labels(names[distinct], "class names").tolist()
        if len(set(shown)) == len(shown):
            return shown
    return [str(value) for value in distinct.tolist()]


def _pairs(name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, tuple[str, str]]:
    """The keys of images and labels for each split."""
    images: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    for key, values in arrays.items():
        words = [word.lower() for word in _WORDS.findall(key)]
        split = next((each for word in words if (each := split_of(word)) is not None), "")
        is_label, is_image = bool(_LABELS & set(words)), bool(_IMAGES & set(words))
        if values.ndim in (3, 4) or (values.ndim == 2 and is_image and not is_label and values.shape[1] >= 64):
            images.setdefault(split, []).append(key)
        elif values.ndim in (1, 2) and (is_label or not is_image):
            labels.setdefault(split, []).append(key)
    if not images:
        raise SkipwiseError(
            f"{name} holds no arrays of images; its arrays are {_shapes(arrays)}, where images [N, height, width] or "
            "[N, height, width, 3] and labels [N] are needed."
        )
    found = {}
    for split, keys in images.items():
        fitting = [key for key in labels.get(split, []) if len(arrays[key]) == len(arrays[keys[0]])]
        if len(keys) > 1 or len(fitting) != 1:
            trouble = (
                "several arrays of images"
                if len(keys) > 1
                else "no labels"
                if not fitting
                else "several arrays of labels"
            )
            if split and split != "train" and not fitting and len(keys) == 1:
                continue  # a split without labels
            raise SkipwiseError(
                f"{name} has {trouble}{f' for {split}' if split else ''} ({_shapes(arrays)}); save one array of images "
                "and one of labels for each split."
            )
        found[split] = (keys[0], fitting[0])
    if "" in found and len(found) > 1:
        found.setdefault("train", found[""])
        del found[""]
    return found


def _shapes(arrays: Mapping[str, NDArray[Any]]) -> str:
    return ", ".join(f"{shortened(key)} {list(values.shape)}" for key, values in list(arrays.items())[:8]) or "none"


def as_pixels(values: NDArray[Any], where: str) -> tuple[NDArray[np.uint8], str]:
    """Converts an array of images to uint8 [N, H, W, C].

    Returns:
        The pixels, and a sentence about how values were scaled, or "".

    Raises:
        SkipwiseError: the shape or the range of values is not that of images.
    """
    if values.ndim == 2:
        side = round(values.shape[1] ** 0.5)
        if side * side != values.shape[1] or not side:
            raise SkipwiseError(
                f"{where} has rows of {values.shape[1]:,} values, which do not make square images; save it with its "
                "shape."
            )
        values = values.reshape(-1, side, side)
    if values.ndim == 4 and values.shape[1] in (1, 3) and values.shape[3] not in (1, 3):
        values = values.transpose(0, 2, 3, 1)
    if values.ndim == 4 and values.shape[3] == 4:
        raise SkipwiseError(f"{where} has four channels; remove the transparency, so that there are three.")
    if values.ndim == 4 and values.shape[3] not in (1, 3):
        raise SkipwiseError(f"{where} has {values.shape[3]} channels; Skipwise takes images of 1 (grey) or 3 (colour).")
    values = values[..., None] if values.ndim == 3 else values
    if 0 in values.shape:
        raise SkipwiseError(f"{where} is empty ({' x '.join(map(str, values.shape))}), where images are needed.")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values), ""
    if values.dtype == np.bool_:
        return np.ascontiguousarray(values).astype(np.uint8) * 255, "Values are true or false; true is shown as white."
    if values.dtype.kind not in "iuf":
        raise SkipwiseError(f"{where} holds {values.dtype} instead of numbers.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise SkipwiseError(f"{where} holds values that are not numbers (NaN or infinite); replace them first.")
    low, high = float(values.min()), float(values.max())
    integral = values.dtype.kind != "f" or bool((values[: min(64, len(values))] % 1 == 0).all())
    for most, fits in ((1.0, not integral or high <= 1), (255.0, True), (4095.0, integral), (65535.0, integral)):
        if low >= 0 and high <= most and fits:
            note = f"Pixel values of {where} go up to {high:g}: {most:,.0f} counts as white."
            scaled = np.empty(values.shape, np.uint8)
            for start in range(0, len(values), _AT_ONCE):  # all of them as float64 would take eight times the memory
                some = values[start : start + _AT_ONCE].astype(np.float64)
                scaled[start : start + _AT_ONCE] = some * (255 / most) + 0.5
            return scaled, note
    raise SkipwiseError(
        f"{where} has values from {low:g} to {high:g}, which is not a usual range of pixel values; save them as bytes "
        "from 0 to 255."
    )


def as_labels(values: NDArray[Any], where: str) -> NDArray[Any]:
    """Converts an array of labels to one number or text per image [N]; one-hot rows become class numbers.

    Raises:
        SkipwiseError: an image has several labels or none, or the values are not labels.
    """
    if values.ndim == 2 and 1 in values.shape and values.shape != (1, 1):
        values = values.ravel()
    if values.ndim == 2:
        if values.dtype.kind not in "iufb" or not np.isin(values, (0, 1)).all():
            raise SkipwiseError(
                f"{where} is not an array of labels: it has {values.shape[1]} columns with values other than 0 and 1."
            )
        totals = values.sum(axis=1)
        if (totals != 1).any():
            raise SkipwiseError(
                f"{where} has several labels for an image, or none (row {int(np.flatnonzero(totals != 1)[0])}); "
                "Skipwise needs exactly one class per image."
            )
        return values.argmax(axis=1)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
        raise SkipwiseError(f"{where} holds fractions instead of class numbers.")
    if values.dtype.kind in "iuf":
        if values.size and not -(2.0**53) < float(values.min()) <= float(values.max()) < 2.0**53:
            raise SkipwiseError(f"{where} holds numbers like {values.max()} instead of class numbers.")
        return values.astype(np.int64)
    if values.dtype.kind == "S":
        try:
            return np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            raise SkipwiseError(f"{where} holds names that are not UTF-8; save them as UTF-8.") from error
    if values.dtype.kind in "Ub":
        return values.astype(str)
    raise SkipwiseError(f"{where} holds {values.dtype} instead of class numbers or names.")

"""Checks of class names: whether they can be told apart, and which classes are missing from a split."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, shortened
from skipwise.data.names import printable
from skipwise.data.sources.folders import folder_names
from skipwise.data.sources.split_names import split_of

_COPY = re.compile(
    r"(?:copy of|kopie von|copie de|copia de|copia di) (?P<a>.+)"
    r"|(?P<b>.+?)(?: ?\(\d+\)|[ _]-[ _](?:copy|kopie|copie|copia)(?: ?\(\d+\))?|"
    r"[ _](?:copy|kopie|copia|copie)(?:[ _]\d+)?)",
    re.IGNORECASE,
)
"""Names that file managers give to the copy of a folder: "cat (1)", "cat - Copy", "Kopie von cat"."""
_UNKNOWN = frozenset("? ?? - -- . nan null n/a #n/a tbd -1".split())
"""Labels that mean that the class is unknown."""

_LONGEST_CLASS = 255
"""Characters of a class name, at most: as many as the name of a folder can have."""


def check_labels(counts: Mapping[str, int], where: str) -> None:
    """Raises SkipwiseError unless there are at least two classes, with names that cannot be confused.

    Args:
        counts: the number of images by class.
        where: the name of the data set for messages.
    """
    classes = sorted(counts)
    check_lengths(classes, where)
    if not classes:
        raise SkipwiseError(
            f"{where} holds no images in sub-folders; it needs one sub-folder per class with images in it, or a table "
            "(.csv) with the columns path and label."
        )
    if len(classes) == 1:
        raise SkipwiseError(
            f"{where} has only one class with images, '{printable(classes[0])}'; telling classes apart needs at least "
            "two."
        )
    for name in classes:
        match = _COPY.fullmatch(name)
        if match is not None and (other := match["a"] or match["b"]) in counts:
            raise SkipwiseError(
                f"The class '{printable(name)}' ({counts[name]:,} images) of {where} looks like a copy of "
                f"'{printable(other)}' ({counts[other]:,}); move its images there, remove it, or rename it."
            )
    if len(classes) > 3 and max(counts.values()) == 1:
        raise SkipwiseError(
            f"Each class of {where} has a single image ({quoted_list(classes, 3)}), so there are no classes to tell "
            "apart; give a folder with one sub-folder of images per class, or a table (.csv) with the columns path "
            "and label."
        )
    by_case: dict[str, str] = {}
    by_number: dict[float, str] = {}
    for name in classes:
        other = by_case.setdefault(" ".join(printable(name).split()).casefold(), name)
        if other != name:
            raise SkipwiseError(
                f"The classes '{printable(other)}' ({counts[other]:,} images) and '{printable(name)}' "
                f"({counts[name]:,}) of {where} differ only in capital letters or spaces; if they are one class, give "
                "them one name, otherwise rename one."
            )
        with contextlib.suppress(ValueError):
            number = int(name) if name.isdecimal() else float(name)  # a float has 16 digits
            if name.isascii() and name[-1:].isdigit() and (other := by_number.setdefault(number, name)) != name:
                raise SkipwiseError(
                    f"The classes {other!r} ({counts[other]:,} images) and {name!r} ({counts[name]:,}) of {where} are "
                    "the same number written in two ways; write it in one way, or give the classes names."
                )


def doubtful_sentence(counts: Mapping[str, int]) -> str:
    """A sentence about classes whose names suggest that they are not classes, or ""."""
    doubtful = [name for name in sorted(counts) if _is_doubtful(name)]
    if not doubtful or len(counts) - len(doubtful) < 2:
        return ""
    shown = ", ".join(f"'{printable(name)}' ({count(counts[name], 'image')})" for name in doubtful[:3])
    more = f" and {len(doubtful) - 3} more" if len(doubtful) > 3 else ""
    if len(doubtful) == 1:
        return f"{shown} counts as a class; leave its images out if it is not one."
    return f"{shown}{more} count as classes; leave their images out if they are not."


def _is_doubtful(name: str) -> bool:
    tests = (
        folder_names.is_doubtful,
        folder_names.is_unlabelled,
        folder_names.is_sample,
        folder_names.is_generic,
        folder_names.is_beside,
        split_of,
    )
    return name.strip().lower() in _UNKNOWN or any(test(name) for test in tests)


def check_lengths(classes: Iterable[str], where: str) -> None:
    """Raises SkipwiseError for a class name that is too long or blank."""
    for name in classes:
        if len(name) > _LONGEST_CLASS or not name.strip():
            shown = f"{len(name):,} characters ('{shortened(printable(name))}')" if name.strip() else "only blanks"
            raise SkipwiseError(
                f"A class of {where} has a name of {shown}; give it one of 1 to {_LONGEST_CLASS} characters, or choose "
                "what names the classes with --label-column."
            )


def missing_classes(labels: Sequence[str], splits: Sequence[str], where: str) -> tuple[list[str], list[str]]:
    """Sentences about classes that are missing from a split.

    Returns:
        Faults (a class without training images, which cannot be learnt), and notes (a class without validation or test
        images).
    """
    there: dict[str, set[str]] = {}
    for label, split in zip(labels, splits, strict=True):
        there.setdefault(split, set()).add(label)
    every = set().union(*there.values())
    faults, notes = [], []
    for split in sorted(there):
        absent = sorted(every - there[split])
        if not absent or split == "":
            continue
        listed = quoted_list(absent)
        some = f"The class {listed} has" if len(absent) == 1 else f"{len(absent):,} classes ({listed}) have"
        if split == "train":
            faults.append(
                f"{some} no images in the train split of {where}, so nothing can learn "
                f"{'it' if len(absent) == 1 else 'them'}; add some, or remove its images from the other splits."
            )
        else:
            notes.append(f"{some} no images in the {split} split; its accuracy says nothing about them.")
    return faults, notes


def quoted_list(names: Iterable[str], most: int = 5) -> str:
    """Names in quotation marks for a sentence: "'a', 'b' and 3 more"."""
    quoted = [repr(shortened(printable(name))) for name in names]
    return ", ".join(quoted[:most]) + (f" and {len(quoted) - most:,} more" if len(quoted) > most else "")

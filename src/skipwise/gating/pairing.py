"""The answers of both networks to the same images, by the images' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.copies import address_of
from skipwise.core.text import count, listed, shortened
from skipwise.gating.sides import Side


@dataclass(frozen=True, kw_only=True, eq=False)
class Paired:
    """Both networks' answers to N images.

    Args:
        ids: of the images [N].
        labels: the names of their classes [N].
        old, new: whether each network's answer is right [N].
        groups: a number for each image, the same for images that belong together; None where each is by itself.
        notes: what a person should know, a sentence each.
    """

    ids: Sequence[str]
    labels: Sequence[str]
    old: NDArray[np.bool_]
    new: NDArray[np.bool_]
    groups: NDArray[np.int64] | None
    notes: tuple[str, ...]


def pair(old: Side, new: Side) -> Paired:
    """The images that both networks answered.

    An image of a class that one network does not know is one that it gets wrong. Of other images, only those count
    that both answered: where each took the test images of its own split, no training image of either is among them.

    Raises:
        SkipwiseError: they have no images in common, files of predictions are of different images, or labels differ.
    """
    places = [{name: place for place, name in enumerate(side.ids)} for side in (old, new)]
    labels: dict[str, str] = {}
    for side in (old, new):
        for name, label in zip(side.ids, side.labels, strict=True):
            if labels.setdefault(name, label).casefold() != label.casefold():
                both = f"{address_of(old.path)} and {address_of(new.path)}"
                raise SkipwiseError(
                    f"{both} have different labels for {name!r}: {labels[name]!r} and {label!r}; give both the same "
                    "images and labels."
                )
    rows: list[tuple[str, str, bool, bool]] = []
    left_out, wrong = 0, {"old": 0, "new": 0}
    for name, label in labels.items():
        right = []
        for which, side, place in zip(("old", "new"), (old, new), places, strict=True):
            if name in place:
                right.append(bool(side.right[place[name]]))
            elif label.casefold() in side.unknown:
                right.append(False)
                wrong[which] += 1
        if len(right) == 2:
            rows.append((name, label, right[0], right[1]))
        else:
            left_out += 1
    if not rows:
        raise SkipwiseError(
            f"{address_of(old.path)} and {address_of(new.path)} have no images in common: one has names like "
            f"{shortened(old.ids[0], 40)!r}, the other like {shortened(new.ids[0], 40)!r}; name images as DATA "
            "that both can answer, or write ids in the same way."
        )
    if left_out and "predictions" in (old.kind, new.kind):
        odd = next(name for name in labels if (name in places[0]) != (name in places[1]))
        raise SkipwiseError(
            f"{count(left_out, 'image')}, such as {odd!r}, {'has' if left_out == 1 else 'have'} an answer of only one "
            f"of {address_of(old.path)} and {address_of(new.path)}; "
            "give predictions for the same images."
        )
    return Paired(
        ids=[row[0] for row in rows],
        labels=[row[1] for row in rows],
        old=np.array([row[2] for row in rows], dtype=bool),
        new=np.array([row[3] for row in rows], dtype=bool),
        groups=_groups(old, new, [row[0] for row in rows]),
        notes=tuple(_notes(old, new, left_out, len(rows), wrong)),
    )


def _groups(old: Side, new: Side, ids: Sequence[str]) -> NDArray[np.int64] | None:
    known: dict[str, str] = {}
    for side in (new, old):
        known |= dict(zip(side.ids, side.groups or (), strict=False))
    if not known:
        return None
    numbers: dict[str, int] = {}
    # An image without a group is a group of its own. Numbered as they come, whatever they are called.
    return np.array([numbers.setdefault(known.get(name) or f"\0{name}", len(numbers)) for name in ids], dtype=np.int64)


def _notes(old: Side, new: Side, left_out: int, images: int, wrong: dict[str, int]) -> list[str]:
    found = []
    for side, which in ((old, "old"), (new, "new")):
        if wrong[which]:
            found.append(
                f"The {which} network does not know {listed(sorted(side.unknown), 3)}, and counts as wrong on the "
                f"{count(wrong[which], 'image')} of such classes."
            )
    unknown = "does not know some of the classes"  # which is said above, and counts otherwise here
    if left_out:
        found.append(
            f"The networks were tested on different splits: the {count(images, 'image')} that are test images of both "
            f"count, and {left_out:,} that are not are left out."
        )
    notes = [f"{address_of(side.path)}: {note}" for side in (old, new) for note in side.notes if unknown not in note]
    return [*dict.fromkeys(notes), *found]

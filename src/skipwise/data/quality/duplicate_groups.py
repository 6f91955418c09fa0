"""Which images are the same, to the byte or nearly to the eye, and on which sides of a split they are."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.cache.files import keep, kept
from skipwise.data.quality.near_duplicates import SEARCH, linked, near_duplicates
from skipwise.data.scan.scan import Progress, Survey
from skipwise.data.splits import SPLITS


def same_images(seen: Survey, progress: Progress | None) -> NDArray[np.int64]:
    """Pairs of images that are the same to the byte, or nearly the same to the eye: int64 [M, 2].

    Kept in the cache beside the thumbnails, since looking for them takes a while.
    """
    path = seen.folder / f"pairs-{SEARCH}.npy"
    if (data := kept(path)) is not None:
        known: NDArray[np.int64] = np.load(io.BytesIO(data), allow_pickle=False)
        return known
    readable = np.flatnonzero(seen.decoded)
    total = len(seen.thumbnails)

    def share(done: float) -> None:
        if progress is not None:
            progress("Comparing the images with each other", round(done * total), total)

    found = near_duplicates(seen.thumbnails, seen.sides, progress=share)
    pairs = np.array([(pair.first, pair.second) for pair in found], dtype=np.int64).reshape(-1, 2)
    pairs = pairs[seen.decoded[pairs].all(axis=1)]
    # Equal bytes are equal images whatever they show, blank ones too.
    _, numbers = np.unique(seen.digests[readable], axis=0, return_inverse=True)
    order = readable[np.argsort(numbers.ravel(), kind="stable")]
    again = np.flatnonzero(np.diff(np.sort(numbers.ravel())) == 0)
    exact = np.stack([order[again], order[again + 1]], axis=1) if len(again) else np.empty((0, 2), np.int64)
    pairs = np.unique(np.sort(np.concatenate([pairs, exact]), axis=1), axis=0)
    found_npy = io.BytesIO()
    np.save(found_npy, pairs)
    with contextlib.suppress(SkipwiseError):  # where nothing can be kept they are looked for each time
        keep(path, found_npy.getvalue())
    return pairs


def among(pairs: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs that link the images that are there as `pairs` link them, by way of others too."""
    component = linked(len(there), pairs)
    members = np.unique(pairs)
    members = members[there[members]]
    order = members[np.argsort(component[members], kind="stable")]
    neighbours = np.stack([order[:-1], order[1:]], axis=1) if len(order) else np.empty((0, 2), np.int64)
    return neighbours[component[neighbours[:, 0]] == component[neighbours[:, 1]]]


def find_twins(pairs: NDArray[np.int64], split: NDArray[np.str_]) -> NDArray[np.str_]:
    """For each image the split, before its own, that has an image (nearly) the same, or "": [N]."""
    twins = np.full(len(split), "", dtype="<U5")
    rank = {name: number for number, name in enumerate((*SPLITS, ""))}
    component = linked(len(split), pairs)
    members = np.unique(pairs).tolist()
    first: dict[int, int] = {}
    for index in members:
        place = rank[str(split[index])]
        first[int(component[index])] = min(place, first.get(int(component[index]), place))
    for index in members:
        place = first[int(component[index])]
        if split[index] and place < rank[str(split[index])]:
            twins[index] = SPLITS[place]
    return twins

"""Groups of duplicates and near-duplicates, and the splits that they are in."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import scipy
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.reporting import Progress
from skipwise.data.cache.files import keep, kept
from skipwise.data.quality.near_duplicates import SEARCH, near_duplicates
from skipwise.data.scan.scan import Scan
from skipwise.data.splits import SPLITS


def group_numbers(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of each image's group: int64 [count]. Images that pairs [M, 2] connect are in one group."""
    links = scipy.sparse.coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    if not count:
        return np.zeros(0, np.int64)
    return scipy.sparse.csgraph.connected_components(links, directed=False)[1].astype(np.int64)


def duplicate_pairs(scan: Scan, progress: Progress | None) -> NDArray[np.int64]:
    """Pairs of images with equal bytes or of near-duplicates: int64 [M, 2].

    They are stored in the cache beside the thumbnails, since the search takes a while.

    Args:
        scan: what is known about the images.
        progress: called as progress(what, done, total).
    """
    path = scan.folder / f"pairs-{SEARCH}.npy"
    if (data := kept(path)) is not None:
        known: NDArray[np.int64] = np.load(io.BytesIO(data), allow_pickle=False)
        return known
    readable = np.flatnonzero(scan.decoded)
    total = len(scan.thumbnails)

    def share(done: float) -> None:
        if progress is not None:
            progress("Comparing the images with each other", round(done * total), total)

    found = near_duplicates(scan.thumbnails, scan.sides, progress=share)
    pairs = np.array([(pair.first, pair.second) for pair in found], dtype=np.int64).reshape(-1, 2)
    pairs = pairs[scan.decoded[pairs].all(axis=1)]
    # Files with equal bytes are duplicates whatever they show, even blank ones.
    pairs = np.unique(np.sort(np.concatenate([pairs, _with_equal_bytes(scan, readable)]), axis=1), axis=0)
    found_npy = io.BytesIO()
    np.save(found_npy, pairs)
    with contextlib.suppress(SkipwiseError):  # without a cache the search is repeated each time
        keep(path, found_npy.getvalue())
    return pairs


def _with_equal_bytes(scan: Scan, readable: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each image that has the same bytes as the one before it that has: int64 [M, 2]."""
    # Half of a digest takes half of the memory, and says as much.
    starts, place = np.empty((2, len(scan.digests)), np.uint64), 0
    for part in scan.digests.parts():
        starts[:, place : place + len(part)] = np.ascontiguousarray(part[:, :16]).view(np.uint64).T
        place += len(part)
    order = readable[np.lexsort(starts[:, readable])]
    alike = np.flatnonzero((np.diff(starts[:, order], axis=1) == 0).all(axis=0))
    return np.stack([order[alike], order[alike + 1]], axis=1)


def restricted_to(pairs: NDArray[np.int64], present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs of the images that are present, bool [N]. Their groups stay, even if absent images connected them."""
    group = group_numbers(len(present), pairs)
    members = np.unique(pairs)
    members = members[present[members]]
    order = members[np.argsort(group[members], kind="stable")]
    neighbours = np.stack([order[:-1], order[1:]], axis=1) if len(order) else np.empty((0, 2), np.int64)
    return neighbours[group[neighbours[:, 0]] == group[neighbours[:, 1]]]


def splits_with_duplicates(pairs: NDArray[np.int64], split: NDArray[np.str_]) -> NDArray[np.str_]:
    """For each image [N] the split, before its own, that has a (near-)duplicate of it, or "".

    Args:
        pairs: (near-)duplicates [M, 2].
        split: the split of each image [N], "" for images that are not used.
    """
    duplicated_in = np.full(len(split), "", dtype="<U5")
    rank = {name: number for number, name in enumerate((*SPLITS, ""))}
    group = group_numbers(len(split), pairs)
    members = np.unique(pairs).tolist()
    first: dict[int, int] = {}
    for index in members:
        place = rank[str(split[index])]
        first[int(group[index])] = min(place, first.get(int(group[index]), place))
    for index in members:
        place = first[int(group[index])]
        if split[index] and place < rank[str(split[index])]:
            duplicated_in[index] = SPLITS[place]
    return duplicated_in

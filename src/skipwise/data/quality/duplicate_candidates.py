"""Pairs of thumbnails that may be near-duplicates: the search before `near_duplicates` verifies each pair.

The low frequencies of a thumbnail (as perceptual hashes use them, but kept as numbers) are compared with those of every
other image, of its mirror image and of slight crops. Only cells of similar images are searched, as in an inverted file
(Jegou et al., Product quantization for nearest neighbor search, 2011).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.thumbnails import SIDE
from skipwise.data.images import Pixels
from skipwise.data.quality.alignment import Floats

Integers = NDArray[np.int64]

CROPS = (0.0, 0.025, 0.05, 0.08)
"""Shares of a side that are cut from each end of a query; its partner is searched uncut."""
CHUNK = 8192
"""Images that are compared at a time."""
_FREQUENCIES = 8  # cosines along each axis of a descriptor
_CELL = 400  # images in a cell, on average
_PROBES = 4  # cells that are searched for a query
_DENSITY_RANK = 10  # the rank of the neighbour whose distance says how dense an image's surroundings are
_NEIGHBOURS = 4  # candidates for a query that was cut or mirrored
_FARTHEST = 0.45  # a candidate's 1 - cosine, at most
_CLOSER = 0.4  # ... and at most this share of the distance to the neighbour of _DENSITY_RANK


def _cosines(crop: float) -> Floats:
    """float32 [8, 32]: the lowest cosines over the part of a side that remains after cutting `crop` from each end."""
    place = (np.arange(SIDE) + 0.5) / SIDE
    within = (place - crop) / (1 - 2 * crop)
    rows = np.cos(np.pi * np.arange(_FREQUENCIES)[:, None] * within)
    return np.where((within > 0) & (within < 1), rows, 0).astype(np.float32)


def _descriptors(thumbnails: NDArray[np.uint8], crop: float = 0.0) -> Floats:
    """uint8 [N, 32, 32] -> float32 [N, 63] of length 1: low frequencies, weighted against their decay in photos."""
    cosines = _cosines(crop)
    images = thumbnails.astype(np.float32)
    inside = cosines[0] > 0
    images -= images[:, inside][:, :, inside].mean(axis=(1, 2), keepdims=True)
    frequency = np.hypot(*np.meshgrid(np.arange(_FREQUENCIES), np.arange(_FREQUENCIES)))
    found = (cosines @ images @ cosines.T) * np.sqrt(frequency).astype(np.float32)
    found = found.reshape(-1, _FREQUENCIES**2)[:, 1:]
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
    return found


def _mirror_signs() -> Floats:
    """The effect of mirroring on a descriptor: the odd cosines along a row change their sign."""
    signs = np.ones((_FREQUENCIES, _FREQUENCIES), np.float32)
    signs[:, 1::2] = -1
    return signs.ravel()[1:]


@dataclass(frozen=True)
class Candidates:
    """Pairs to be verified, one entry each: the query, cut and mirrored as said, resembles the whole partner.

    Args:
        query, partner: the numbers of the two images.
        crop: the share of a side that was cut from each end of the query.
        mirrored: whether the query was mirrored left to right.
        spacing: how far apart images in this neighbourhood usually are, as 1 - cosine.
    """

    query: Integers
    partner: Integers
    crop: Floats
    mirrored: NDArray[np.bool_]
    spacing: Floats

    def only(self, entries: slice | NDArray[np.bool_]) -> Candidates:
        """Some of the entries."""
        return Candidates(*(column[entries] for column in vars(self).values()))


def find_candidates(thumbnails: Pixels, images: Integers, progress: Callable[[float], None] | None) -> Candidates:
    """The pairs among `images` that are far closer than the neighbours they have anyway.

    A pair is listed once, with the crop and mirroring at which it is closest.

    Args:
        thumbnails: uint8 [N, 32, 32].
        images: the numbers of the images that are compared.
        progress: called with the share that is done, 0 to 1.
    """
    known = np.empty((len(images), _FREQUENCIES**2 - 1), np.float32)
    for rows in chunks(len(images)):
        known[rows] = _descriptors(thumbnails[images[rows]])
    index = _Index.build(known)
    density = np.empty(len(images), np.float32)
    signs = _mirror_signs()
    found = []
    for part in chunks(len(images), 8 * CHUNK):
        number = np.arange(part.start, part.stop)
        straight = index.nearest(known[part], number, _DENSITY_RANK)
        density[part] = 1 - straight[1].min(axis=1)
        for crop in CROPS:
            queries = known[part]
            if crop:
                queries = np.concatenate(
                    [
                        _descriptors(thumbnails[images[n]], crop)
                        for n in np.array_split(number, 1 + len(number) // CHUNK)
                    ]
                )
            for mirrored in (False, True):
                if crop or mirrored:
                    partner, cosine = index.nearest(queries * signs if mirrored else queries, number, _NEIGHBOURS)
                else:
                    partner, cosine = straight
                row, column = np.nonzero(cosine > 1 - _FARTHEST)
                variant = np.full(len(row), crop, np.float32), np.full(len(row), mirrored)
                found.append((number[row], partner[row, column], 1 - cosine[row, column], *variant))
        if progress is not None:
            progress(part.stop / len(images))
    query, partner, distance, crops, mirrors = (np.concatenate(column) for column in zip(*found, strict=True))
    # If most images have copies, the tenth neighbour may be a copy too, so the median of all images is a lower bound.
    density = np.maximum(density, np.median(density) / 2)
    spacing = np.maximum(density[query], density[partner])
    close = np.flatnonzero(distance < _CLOSER * spacing)
    key = np.minimum(query, partner)[close] * len(images) + np.maximum(query, partner)[close]
    order = np.lexsort((distance[close], key))
    keep = close[order[np.diff(key[order], prepend=-1) > 0]]
    return Candidates(images[query[keep]], images[partner[keep]], crops[keep], mirrors[keep], spacing[keep])


@dataclass(frozen=True)
class _Index:
    """Descriptors grouped into cells around some of them, so that a search reads a few cells instead of all."""

    known: Floats
    centres: Floats
    cells: list[Integers]

    @classmethod
    def build(cls, known: Floats) -> _Index:
        """The index of descriptors [N, 63]."""
        centres = known[np.linspace(0, len(known) - 1, max(1, len(known) // _CELL)).astype(np.int64)]
        nearest = np.concatenate([(known[rows] @ centres.T).argmax(axis=1) for rows in chunks(len(known))])
        order = np.argsort(nearest, kind="stable")
        return cls(known, centres, np.split(order, np.searchsorted(nearest[order], np.arange(1, len(centres)))))

    def nearest(self, queries: Floats, number: Integers, count: int) -> tuple[Integers, Floats]:
        """The `count` most similar images for each query, and their cosines: [Q, count] each.

        Where fewer were found, the cosine is -1.

        Args:
            queries: descriptors [Q, 63].
            number: the number of each query's own image [Q], which is not returned.
            count: how many are wanted.
        """
        probes = min(_PROBES, len(self.centres))
        probed = np.concatenate(
            [
                np.argpartition(-(queries[rows] @ self.centres.T), probes - 1, axis=1)[:, :probes]
                for rows in chunks(len(queries), CHUNK)
            ]
        ).ravel()
        order = np.argsort(probed, kind="stable")
        entries = np.split(order, np.searchsorted(probed[order], np.arange(1, len(self.centres))))
        cosines = np.full((len(probed), count), -1, np.float32)
        partners = np.zeros((len(probed), count), np.int64)
        for members, visits in zip(self.cells, entries, strict=True):
            block = self.known[members]
            top = min(count, len(members))
            for visit in (visits[rows] for rows in chunks(len(visits), 512)):
                row = visit // probes
                cosine = queries[row] @ block.T
                itself = np.minimum(np.searchsorted(members, number[row]), len(members) - 1)
                mine = np.flatnonzero(members[itself] == number[row])
                cosine[mine, itself[mine]] = -1
                # Only possible candidates have to be sorted, unless the density is asked for.
                if count < _DENSITY_RANK:
                    possible = np.flatnonzero(cosine.max(axis=1) > 1 - _FARTHEST)
                    visit, cosine = visit[possible], cosine[possible]
                best = np.argpartition(cosine, len(members) - top, axis=1)[:, len(members) - top :]
                cosines[visit, :top] = np.take_along_axis(cosine, best, axis=1)
                partners[visit, :top] = members[best]
        cosines, partners = cosines.reshape(len(queries), -1), partners.reshape(len(queries), -1)
        best = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        return np.take_along_axis(partners, best, axis=1), np.take_along_axis(cosines, best, axis=1)


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    """The ranges of `size` or fewer that make up 0 ... count - 1."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))

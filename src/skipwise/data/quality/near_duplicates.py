"""Near-duplicates among images, from grey thumbnails of 32 x 32 pixels.

Two steps. Candidates: the low frequencies of a thumbnail (as perceptual hashes use them, but kept as numbers) are
compared with those of every other image, of its mirror image and of slight crops; only cells of like images are
searched, as in an inverted file (Jegou et al., Product quantization for nearest neighbor search, 2011). Verification:
a candidate is aligned with its partner to a fraction of a pixel (Lucas and Kanade, 1981, here for scale and shift along
both axes), and the fine detail that remains must agree nearly everywhere.

What counts as near depends on the company an image keeps: two photographs that agree well are one photograph, while
thousands of T-shirts agree as well by nature. So a pair must be far closer than the neighbours its images have anyway.

Not found: rotations, crops beyond about 8% a side, collages. Taken for one: drawings that differ by a hair, by colour
alone or as left from right. benchmarks/near_duplicates.py measures both kinds of error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skipwise.data.image.thumbnails import SIDE
from skipwise.data.images import Pixels
from skipwise.data.quality.alignment import Floats, align, blur, centred, correlation, fit, standardised, warp

SEARCH = 1
"""Changes whenever the same images may give other pairs."""

SMALLEST_SIDE = 24
"""Two originals that are both smaller than this, in pixels a side, are a pair only if their thumbnails are equal."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two images that are one, by their numbers (first < second), and whether one mirrors the other.

    The similarity is the correlation of their fine detail, once aligned; 1 only where the thumbnails are identical.
    """

    first: int
    second: int
    similarity: float
    mirrored: bool


_FREQUENCIES = 8  # cosines along each axis of a descriptor
_CROPS = (0.0, 0.025, 0.05, 0.08)  # shares of a side cut at each end of a query; its partner is searched uncut
_CELL = 400  # images in a cell, on average
_PROBES = 4  # cells searched for a query
_COMPANY = 10  # the rank of the neighbour whose distance says how dense an image's surroundings are
_NEIGHBOURS = 4  # candidates for a query that was cut or mirrored
_FARTHEST = 0.45  # a candidate's 1 - cosine, at most
_CLOSER = 0.4  # ... and at most this share of the distance of company
_CHUNK = 8192

# Chosen on half of: photographs, tiles of them, CIFAR-10, clip art, two icon themes, Fashion-MNIST, digits.
_FAINTEST = 2.0  # standard deviation in grey levels; below it a thumbnail shows nothing to compare
_ROUGHLY = 0.85  # correlation at 16 x 16 pixels that earns a closer look
_WHOLE, _MOST = 0.85, 0.94  # correlation of fine detail in all blocks, and without the _SPARED worst
_SPARED = 6  # of 64 blocks: room for a watermark
_UNLIKE = 0.12  # 1 - correlation of most blocks, at most, as a share of the distance of company
_CONTRAST = 1.55  # ratio of contrasts, at most
_WORST_PHOTO, _WORST_DRAWING = 0.8, 0.3  # the worst block's error, in standard deviations of the image
_FLAT, _FLAT_SHARE = 1.0, 0.02  # a drawing: more than this share of blocks vary by less than this many grey levels
_BLOCK = 4


def near_duplicates(
    thumbnails: Pixels, sides: NDArray[np.integer], progress: Callable[[float], None] | None = None
) -> list[Pair]:
    """The pairs of images that are one image, sorted.

    Of many images that are one, each is paired with some of the others, not with all.

    Args:
        thumbnails: uint8 [N, 32, 32], as `thumbnails.thumbnail` makes them; need not be in memory.
        sides: the shorter side of each original in pixels, [N]. Two originals below 24 have too little detail to be
            a pair unless their thumbnails are identical; an original below 12 always has.
        progress: called now and then with the share that is done, 0 to 1.

    Raises:
        ValueError: the shapes do not fit.
    """
    if thumbnails.shape[1:] != (SIDE, SIDE) or len(sides) != len(thumbnails):
        raise ValueError(f"thumbnails {thumbnails.shape} and sides {np.shape(sides)} should be [N, 32, 32] and [N]")
    first_of: dict[tuple[bytes, int], int] = {}
    pairs, worth = [], np.zeros(len(thumbnails), np.bool_)
    for number, image in enumerate(_one_by_one(thumbnails)):
        faint = image.std() < _FAINTEST
        # Blank originals give the same thumbnail whatever their size and their specks, so the size must agree too.
        key = (blake2b(image.tobytes(), digest_size=16).digest(), int(sides[number]) if faint else 0)
        first = first_of.setdefault(key, number)
        if first < number:
            pairs.append(Pair(first, number, 1.0, False))
        worth[number] = first == number and not faint and 2 * sides[number] >= SMALLEST_SIDE
    images = np.flatnonzero(worth)
    if len(images) < 2:
        return pairs
    # Many small matrices: with more threads they wait for each other, four times as long on busy cores.
    with threadpool_limits(1, user_api="blas"):
        found = _candidates(thumbnails, images, None if progress is None else lambda share: progress(share * 0.7))
        found = found.only(np.maximum(sides[found.query], sides[found.partner]) >= SMALLEST_SIDE)
        for rows in _chunks(len(found.query), 128):
            pairs += _verified(thumbnails, found.only(rows))
            if progress is not None and rows.start % _CHUNK == 0:
                progress(0.7 + 0.3 * rows.stop / len(found.query))
        return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def _one_by_one(thumbnails: Pixels) -> Iterator[NDArray[np.uint8]]:
    for rows in _chunks(len(thumbnails)):
        yield from thumbnails[np.arange(rows.start, rows.stop)]


def linked(count: int, pairs: NDArray[np.int64]) -> Integers:
    """int64 [count]: the number of the group each image is in; images linked by pairs [M, 2] share a group."""
    links = scipy.sparse.coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    if not count:
        return np.zeros(0, np.int64)
    return scipy.sparse.csgraph.connected_components(links, directed=False)[1].astype(np.int64)


def _cosines(crop: float) -> Floats:
    """float32 [8, 32]: the lowest cosines over the part of a side that is left when `crop` of it is cut at each end."""
    place = (np.arange(SIDE) + 0.5) / SIDE
    within = (place - crop) / (1 - 2 * crop)
    rows = np.cos(np.pi * np.arange(_FREQUENCIES)[:, None] * within)
    return np.where((within > 0) & (within < 1), rows, 0).astype(np.float32)


def _descriptors(thumbnails: NDArray[np.uint8], crop: float = 0.0) -> Floats:
    """uint8 [N, 32, 32] -> float32 [N, 63] of length one: low frequencies, raised as natural images lower them."""
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
    """What mirroring left to right does to a descriptor: the odd cosines along a row change their sign."""
    signs = np.ones((_FREQUENCIES, _FREQUENCIES), np.float32)
    signs[:, 1::2] = -1
    return signs.ravel()[1:]


@dataclass(frozen=True)
class _Candidates:
    """Pairs worth a closer look, an entry each: the query (cut, mirrored) resembles the whole of the partner."""

    query: Integers
    partner: Integers
    crop: Floats
    mirrored: NDArray[np.bool_]
    spacing: Floats

    def only(self, entries: slice | NDArray[np.bool_]) -> _Candidates:
        return _Candidates(*(column[entries] for column in vars(self).values()))


def _candidates(thumbnails: Pixels, images: Integers, progress: Callable[[float], None] | None) -> _Candidates:
    """The pairs among `images` (row numbers) that are far closer than their company, each by its nearest way."""
    known = np.empty((len(images), _FREQUENCIES**2 - 1), np.float32)
    for rows in _chunks(len(images)):
        known[rows] = _descriptors(thumbnails[images[rows]])
    index = _Index.of(known)
    company = np.empty(len(images), np.float32)
    signs = _mirror_signs()
    found = []
    for part in _chunks(len(images), 8 * _CHUNK):
        number = np.arange(part.start, part.stop)
        straight = index.nearest(known[part], number, _COMPANY)
        company[part] = 1 - straight[1].min(axis=1)
        for crop in _CROPS:
            queries = known[part]
            if crop:
                queries = np.concatenate(
                    [
                        _descriptors(thumbnails[images[n]], crop)
                        for n in np.array_split(number, 1 + len(number) // _CHUNK)
                    ]
                )
            for mirrored in (False, True):
                if crop or mirrored:
                    partner, cosine = index.nearest(queries * signs if mirrored else queries, number, _NEIGHBOURS)
                else:
                    partner, cosine = straight
                row, column = np.nonzero(cosine > 1 - _FARTHEST)
                ways = np.full(len(row), crop, np.float32), np.full(len(row), mirrored)
                found.append((number[row], partner[row, column], 1 - cosine[row, column], *ways))
        if progress is not None:
            progress(part.stop / len(images))
    query, partner, distance, crops, mirrors = (np.concatenate(column) for column in zip(*found, strict=True))
    # Where most images have copies the tenth neighbour may be a copy too; the other images then say what is usual.
    company = np.maximum(company, np.median(company) / 2)
    spacing = np.maximum(company[query], company[partner])
    close = np.flatnonzero(distance < _CLOSER * spacing)
    key = np.minimum(query, partner)[close] * len(images) + np.maximum(query, partner)[close]
    order = np.lexsort((distance[close], key))
    keep = close[order[np.diff(key[order], prepend=-1) > 0]]
    return _Candidates(images[query[keep]], images[partner[keep]], crops[keep], mirrors[keep], spacing[keep])


@dataclass(frozen=True)
class _Index:
    """Descriptors in cells around some of them, so that a search reads a few cells instead of everything."""

    known: Floats
    centres: Floats
    cells: list[Integers]

    @classmethod
    def of(cls, known: Floats) -> _Index:
        centres = known[np.linspace(0, len(known) - 1, max(1, len(known) // _CELL)).astype(np.int64)]
        nearest = np.concatenate([(known[rows] @ centres.T).argmax(axis=1) for rows in _chunks(len(known))])
        order = np.argsort(nearest, kind="stable")
        return cls(known, centres, np.split(order, np.searchsorted(nearest[order], np.arange(1, len(centres)))))

    def nearest(self, queries: Floats, number: Integers, count: int) -> tuple[Integers, Floats]:
        """For each query the `count` most alike, itself (`number`) excepted, and the cosines: [Q, count] each.

        Where fewer were found the cosine is -1.
        """
        probes = min(_PROBES, len(self.centres))
        probed = np.concatenate(
            [
                np.argpartition(-(queries[rows] @ self.centres.T), probes - 1, axis=1)[:, :probes]
                for rows in _chunks(len(queries), _CHUNK)
            ]
        ).ravel()
        order = np.argsort(probed, kind="stable")
        entries = np.split(order, np.searchsorted(probed[order], np.arange(1, len(self.centres))))
        cosines = np.full((len(probed), count), -1, np.float32)
        partners = np.zeros((len(probed), count), np.int64)
        for members, visits in zip(self.cells, entries, strict=True):
            block = self.known[members]
            top = min(count, len(members))
            for visit in (visits[rows] for rows in _chunks(len(visits), 512)):
                row = visit // probes
                cosine = queries[row] @ block.T
                itself = np.minimum(np.searchsorted(members, number[row]), len(members) - 1)
                mine = np.flatnonzero(members[itself] == number[row])
                cosine[mine, itself[mine]] = -1
                # Only what may become a candidate is worth sorting, unless company is asked for.
                if count < _COMPANY:
                    hopeful = np.flatnonzero(cosine.max(axis=1) > 1 - _FARTHEST)
                    visit, cosine = visit[hopeful], cosine[hopeful]
                best = np.argpartition(cosine, len(members) - top, axis=1)[:, len(members) - top :]
                cosines[visit, :top] = np.take_along_axis(cosine, best, axis=1)
                partners[visit, :top] = members[best]
        cosines, partners = cosines.reshape(len(queries), -1), partners.reshape(len(queries), -1)
        best = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        return np.take_along_axis(partners, best, axis=1), np.take_along_axis(cosines, best, axis=1)


def _chunks(count: int, size: int = _CHUNK) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _blocks(images: NDArray[Any]) -> NDArray[Any]:
    """[M, 32, 32] -> [M, 64, 16]: blocks of 4 x 4 pixels."""
    count = SIDE // _BLOCK
    apart = images.reshape(-1, count, _BLOCK, count, _BLOCK).swapaxes(2, 3)
    return apart.reshape(-1, count * count, _BLOCK * _BLOCK)


def _verified(thumbnails: Pixels, found: _Candidates) -> list[Pair]:
    """The candidates that hold on close inspection."""
    query, partner = thumbnails[found.query], thumbnails[found.partner]
    flat = np.maximum(*(np.mean(_blocks(side).std(axis=2) < _FLAT, axis=1) for side in (query, partner)))
    query = np.where(found.mirrored[:, None, None], query[:, :, ::-1], query)
    for crop in _CROPS[1:]:  # what is cut away, a border perhaps, must not bleed into the rest
        cut, here = int(np.ceil(crop * SIDE)), found.crop == np.float32(crop)
        query[here] = np.pad(query[here, cut:-cut, cut:-cut], ((0, 0), (cut, cut), (cut, cut)), mode="edge")
    moving, contrast = standardised(query)
    fixed, reference = standardised(partner)
    scale = 1 - 2 * found.crop
    small = [image.reshape(-1, 16, 2, 16, 2).mean(axis=(2, 4)) for image in (fixed, moving)]
    pose = align(small[0], small[1], np.stack([scale, 0 * scale, scale, 0 * scale], axis=1), (1.0, 1.0, 0.7))
    read, counts = warp(small[1], pose)
    near = np.flatnonzero(correlation(centred(small[0], counts), centred(read, counts)) > _ROUGHLY)
    if not len(near):
        return []
    fixed, moving = fixed[near], moving[near]
    pose = align(fixed, moving, pose[near], (1.0, 1.0))
    target, likeness, counts, gain = fit(fixed, moving, pose)
    wide = blur(SIDE, 2.0)
    cover = wide @ counts @ wide.T + 1e-6
    one, two = (_blocks((image - wide @ image @ wide.T / cover) * counts) for image in (target, likeness))
    unlike = ((one - two) ** 2).sum(axis=2)
    spared = unlike >= np.partition(unlike, -_SPARED, axis=1)[:, -_SPARED, None]
    whole, most = correlation(one, two), correlation(one * ~spared[:, :, None], two * ~spared[:, :, None])
    variance = (target**2).sum(axis=(1, 2)) / counts.sum(axis=(1, 2)) + 1e-6
    worst = np.sqrt(_blocks((target - likeness) ** 2).mean(axis=2).max(axis=1) / variance)
    ratio = np.abs(np.log(np.maximum(gain * reference[near] / contrast[near], 1e-6)))
    holds = (whole > _WHOLE) & (most > _MOST) & (1 - most < _UNLIKE * found.spacing[near])
    holds &= (ratio < np.log(_CONTRAST)) & (worst < np.where(flat[near] > _FLAT_SHARE, _WORST_DRAWING, _WORST_PHOTO))
    pairs = []
    for k, agreed in zip(near[holds], whole[holds], strict=True):
        first, second = sorted((int(found.query[k]), int(found.partner[k])))
        pairs.append(Pair(first, second, min(float(agreed), 0.9999), bool(found.mirrored[k])))
    return pairs

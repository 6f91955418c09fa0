"""Near-duplicates among images, from grey thumbnails of 32 x 32 pixels.

`duplicate_candidates` searches for pairs that may be the same image. Here each pair is verified: one image is aligned
with the other to a fraction of a pixel (Lucas and Kanade, 1981, here for scale and shift along both axes), and the fine
detail that remains must match nearly everywhere.

What counts as near depends on the other images: two photographs that match well are the same photograph, while
thousands of T-shirts match just as well by nature. So a pair must be far closer than the neighbours its images have
anyway.

Not found: rotations, crops beyond about 8% a side, collages. Mistaken for duplicates: drawings that differ by a hair,
in colour alone or by mirroring. benchmarks/near_duplicates.py measures both kinds of error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skipwise.data.image.thumbnails import SIDE
from skipwise.data.images import Pixels
from skipwise.data.quality.alignment import align, blur, centred, correlation, fit, standardised, warp
from skipwise.data.quality.duplicate_candidates import CHUNK, CROPS, Candidates, chunks, find_candidates

SEARCH = 1
"""Version of the search. It changes whenever the same images may give other pairs."""

SMALLEST_SIDE = 24
"""Pixels of the shorter side. Two originals that are both smaller are a pair only if their thumbnails are equal."""


@dataclass(frozen=True)
class Pair:
    """Two images that are the same.

    Args:
        first, second: the numbers of the images; the first is smaller.
        similarity: the correlation of their fine detail after alignment; 1 only if the thumbnails are identical.
        mirrored: whether one is the mirror image of the other.
    """

    first: int
    second: int
    similarity: float
    mirrored: bool


# Chosen on one half of these sets: photographs, tiles of them, CIFAR-10, clip art, two icon themes, Fashion-MNIST and
# digits.
_FAINTEST = 2.0  # standard deviation in grey levels; below it a thumbnail shows nothing to compare
_ROUGHLY = 0.85  # correlation at 16 x 16 pixels that is worth verifying
_ALL_BLOCKS, _BEST_BLOCKS = 0.85, 0.94  # correlation of fine detail in all blocks, and without the _SPARED worst
_SPARED = 6  # of 64 blocks, so that a watermark does not count
_UNLIKE = 0.12  # 1 - correlation of the best blocks, at most, as a share of the spacing
_CONTRAST = 1.55  # ratio of contrasts, at most
_WORST_PHOTO, _WORST_DRAWING = 0.8, 0.3  # the worst block's error, in standard deviations of the image
_FLAT, _FLAT_SHARE = 1.0, 0.02  # a drawing has more than this share of blocks that vary by fewer grey levels
_BLOCK = 4


def near_duplicates(
    thumbnails: Pixels, sides: NDArray[np.integer], progress: Callable[[float], None] | None = None
) -> list[Pair]:
    """The pairs of images that are the same, sorted.

    If many images are the same, each is paired with some of the others, not with all.

    Args:
        thumbnails: uint8 [N, 32, 32], as `thumbnails.thumbnail` makes them; they need not be in memory.
        sides: the shorter side of each original in pixels, [N]. Two originals below 24 have too little detail to be
            a pair unless their thumbnails are identical; so has any original below 12.
        progress: called now and then with the share that is done, from 0 to 1.

    Raises:
        ValueError: the shapes do not fit.
    """
    if thumbnails.shape[1:] != (SIDE, SIDE) or len(sides) != len(thumbnails):
        raise ValueError(f"thumbnails {thumbnails.shape} and sides {np.shape(sides)} should be [N, 32, 32] and [N]")
    first_of: dict[tuple[bytes, int], int] = {}
    pairs, compared = [], np.zeros(len(thumbnails), np.bool_)
    for number, image in enumerate(_one_by_one(thumbnails)):
        faint = image.std() < _FAINTEST
        # Blank originals of any size have the same thumbnail, so for them the size must be equal too.
        key = (blake2b(image.tobytes(), digest_size=16).digest(), int(sides[number]) if faint else 0)
        first = first_of.setdefault(key, number)
        if first < number:
            pairs.append(Pair(first, number, 1.0, False))
        compared[number] = first == number and not faint and 2 * sides[number] >= SMALLEST_SIDE
    images = np.flatnonzero(compared)
    if len(images) < 2:
        return pairs
    # The matrices are small: with more threads they wait for each other, and take four times as long on busy cores.
    with threadpool_limits(1, user_api="blas"):
        found = find_candidates(thumbnails, images, None if progress is None else lambda share: progress(share * 0.7))
        found = found.only(np.maximum(sides[found.query], sides[found.partner]) >= SMALLEST_SIDE)
        for rows in chunks(len(found.query), 128):
            pairs += _verified(thumbnails, found.only(rows))
            if progress is not None and rows.start % CHUNK == 0:
                progress(0.7 + 0.3 * rows.stop / len(found.query))
        return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def _one_by_one(thumbnails: Pixels) -> Iterator[NDArray[np.uint8]]:
    for rows in chunks(len(thumbnails)):
        yield from thumbnails[np.arange(rows.start, rows.stop)]


def _blocks(images: NDArray[Any]) -> NDArray[Any]:
    """[M, 32, 32] -> [M, 64, 16]: blocks of 4 x 4 pixels."""
    count = SIDE // _BLOCK
    apart = images.reshape(-1, count, _BLOCK, count, _BLOCK).swapaxes(2, 3)
    return apart.reshape(-1, count * count, _BLOCK * _BLOCK)


def _verified(thumbnails: Pixels, found: Candidates) -> list[Pair]:
    """The candidates that are the same image when they are compared in detail."""
    query, partner = thumbnails[found.query], thumbnails[found.partner]
    flat = np.maximum(*(np.mean(_blocks(side).std(axis=2) < _FLAT, axis=1) for side in (query, partner)))
    query = np.where(found.mirrored[:, None, None], query[:, :, ::-1], query)
    for crop in CROPS[1:]:  # blurring must not mix what is cut off, a border perhaps, into the rest
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
    overall, best = correlation(one, two), correlation(one * ~spared[:, :, None], two * ~spared[:, :, None])
    variance = (target**2).sum(axis=(1, 2)) / counts.sum(axis=(1, 2)) + 1e-6
    worst = np.sqrt(_blocks((target - likeness) ** 2).mean(axis=2).max(axis=1) / variance)
    ratio = np.abs(np.log(np.maximum(gain * reference[near] / contrast[near], 1e-6)))
    holds = (overall > _ALL_BLOCKS) & (best > _BEST_BLOCKS) & (1 - best < _UNLIKE * found.spacing[near])
    holds &= (ratio < np.log(_CONTRAST)) & (worst < np.where(flat[near] > _FLAT_SHARE, _WORST_DRAWING, _WORST_PHOTO))
    pairs = []
    for k, similarity in zip(near[holds], overall[holds], strict=True):
        first, second = sorted((int(found.query[k]), int(found.partner[k])))
        pairs.append(Pair(first, second, min(float(similarity), 0.9999), bool(found.mirrored[k])))
    return pairs

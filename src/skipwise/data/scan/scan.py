"""What is known of a source's images once each has been looked at, kept in the cache until a file changes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.data.cache.files import keep, kept
from skipwise.data.cache.rows import Rows
from skipwise.data.containers import Folder, Shareable
from skipwise.data.image.decode import decoders
from skipwise.data.image.limits import most_pixels
from skipwise.data.image.thumbnails import SIDE
from skipwise.data.image.white_level import DEFAULT, DEPTHS, Levels, choose
from skipwise.data.images import Pixels
from skipwise.data.scan.inspection import Look, Square
from skipwise.data.scan.journal import Looked, Transcript, pack_path, remaking
from skipwise.data.scan.pool import Team, looks
from skipwise.data.sources import Source

Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total)."""

AUTO_LARGEST = 128
"""The largest size chosen unasked: beyond it a comparison on a laptop takes hours. `--img-size` overrides."""
SMALLEST, KEPT = 8, 64
SAMPLE = 64
LOOKS, THUMBNAILS = "looks.npz", "thumbnails.npy"


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What the images say of themselves, [N] each, in the source's order.

    `digests` [N, 32] are SHA-256; `kinds` are format and mode ("JPEG RGB"); `depths`, `lows` and `highs` are as in
    `choose`; `faults` say by index why an image can't be read, and what else is known of it is zero then. `thumbnails`
    are [N, 32, 32]. `folder` is that of the cache where more may be kept that is found out about the images.

    `levels` are those of the images that are used, once it is said which these are (`of`); `misfits` say by index why
    one of them fits none; `notes` are what a person should know of it.
    """

    digests: NDArray[np.uint8]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    grey: NDArray[np.bool_]
    kinds: NDArray[np.str_]
    depths: NDArray[np.uint8]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    faults: dict[int, str]
    thumbnails: Pixels
    folder: Path
    levels: Levels = DEFAULT
    misfits: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, used: NDArray[np.bool_]) -> Survey:
        """The same with the levels of the images that are used."""
        chosen = choose(self.depths, self.lows, self.highs, used)
        return replace(self, levels=chosen.levels, misfits=chosen.misfits, notes=chosen.sentences)

    @property
    def decoded(self) -> NDArray[np.bool_]:
        """Which images could be decoded: bool [N]."""
        mask = np.ones(len(self.digests), dtype=bool)
        mask[list(self.faults)] = False
        return mask

    @property
    def unreadable(self) -> dict[int, str]:
        """Why images can't be read, by index."""
        return self.faults | self.misfits

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Which images can be read: bool [N]."""
        mask = self.decoded
        mask[list(self.misfits)] = False
        return mask

    @property
    def sides(self) -> NDArray[np.int32]:
        """The shorter side of each image in pixels."""
        return np.minimum(self.widths, self.heights)

    def channels(self, members: NDArray[np.int64]) -> int:
        """1 if all of these images are grey, else 3."""
        return 1 if self.grey[members].all() else 3

    def auto_size(self, members: NDArray[np.int64]) -> int:
        """The size these images are brought to unless one is asked for."""
        return auto_size(self.sides[members])

    def fingerprint(self, source: Source, members: NDArray[np.int64]) -> str:
        """A hash of these images' names, labels, given splits and contents."""
        described = hashlib.sha256()
        for index in members.tolist():
            split = source.splits[index] if source.splits else ""
            row = f"{source.ids[index]}\0{source.classes[source.labels[index]]}\0{split}\0"
            described.update(row.encode() + self.digests[index].tobytes())
        return described.hexdigest()


def auto_size(sides: Sequence[int] | NDArray[np.integer]) -> int:
    """The size images are brought to unless one is asked for, in pixels a side, by their shorter sides.

    Small images whose shorter sides are all alike keep them, since resampling would cost them what they have of detail.
    Else it is the median, rounded down to a multiple of 8 above 16 pixels, and at most `AUTO_LARGEST`.
    """
    median = int(np.median(sides))
    kept = median <= KEPT and np.ptp(sides) == 0
    rounded = median if kept or median <= 16 else median - median % 8
    return max(SMALLEST, min(rounded, AUTO_LARGEST))


def survey(
    source: Source, progress: Progress | None = None, *, guess: Square | None = None, team: Team | None = None
) -> Survey:
    """Looks at every image, or remembers having done so; images that can't be read are among the faults.

    A file counts as unchanged while its size and the time of its last change are the same.

    Args:
        guess: pixels that will probably be wanted; they are kept in the same pass if the guess holds.
        team: who looks, if there is anybody already.

    Raises:
        SkipwiseError: files changed meanwhile, or the cache can't be written.
    """
    named = state(source)
    folder = cache_folder() / "surveys" / named
    if (found := _load(folder, source)) is not None:
        return found
    with Transcript.of(source, named, guess, progress, team) as transcript:
        if (found := _load(folder, source)) is not None:  # by another process, while we waited
            return found
        transcript.complete()
        still(source)
        return _save(folder, source, transcript)


def is_surveyed(source: Source) -> bool:
    """Whether the images have been looked at before, so that guessing what they are like would be wasted."""
    return (cache_folder() / "surveys" / state(source) / LOOKS).exists()


def forget(source: Source) -> None:
    """Drops what is remembered of the images, so that they are looked at again."""
    shutil.rmtree(cache_folder() / "surveys" / state(source), ignore_errors=True)


def team_for(source: Source) -> AbstractContextManager[Team | None]:
    """Who looks at a source's images, if they have to be decoded."""
    if source.container is None:
        return contextlib.nullcontext(None)
    return Team(source.container, len(source.files))


def guess_square(source: Source, size: int | None, channels: int | None, team: Team | None = None) -> Square:
    """What a square will be like, from a sample of the images; only time is lost if it is wrong."""
    if source.pixels is not None:
        side, grey = min(source.pixels.shape[1:3]), source.pixels.shape[3] == 1
        return Square(size=size or auto_size([side]), channels=channels or (1 if grey else 3))
    assert source.container is not None
    seen: list[Look] = []
    if isinstance(source.container, Shareable):
        chosen = np.random.default_rng(0).permutation(len(source.files))[:SAMPLE].tolist()
        for _, some in looks(source.container, source.files, None, chosen, team):
            seen += [look for look in some if not look.fault]
    sides = [min(look.width, look.height) for look in seen] or [AUTO_LARGEST]
    grey = bool(seen) and all(look.grey for look in seen)
    levels = choose(*_extents(seen), np.ones(len(seen), dtype=bool)).levels
    return Square(size=size or auto_size(sides), channels=channels or (1 if grey else 3), levels=levels)


def state(source: Source) -> str:
    """A hash of everything that would make looking again come out differently: files, sizes, times, decoder."""
    described = hashlib.sha256(f"{decoders()} {most_pixels()}\n".encode())
    if source.pixels is not None:
        described.update(source.pixels.tobytes())
        return described.hexdigest()[:32]
    assert source.container is not None
    described.update(os.fsencode(source.container.path.absolute()) + f"\n{source.archive}\n".encode())
    described.update(os.fsencode("\0".join([entry.name for entry in source.entries])))
    described.update("\n".join([f"{entry.size} {entry.stamp}" for entry in source.entries]).encode())
    return described.hexdigest()[:32]


def still(source: Source) -> None:
    """Raises SkipwiseError if a file changed since it was listed."""
    if source.container is None:
        return
    path = source.container.path
    if source.container.stamp() != source.archive:
        raise SkipwiseError(f"{path} changed while it was being read; give the same command again.")
    for entry in source.entries if isinstance(source.container, Folder) else ():
        with contextlib.suppress(OSError):  # what is not there now was a fault already, or is one
            status = (path / entry.name).stat()
            if (status.st_size, status.st_mtime_ns) == (entry.size, entry.stamp):
                continue
        if entry.stamp == 0 and not (path / entry.name).exists():
            continue
        raise SkipwiseError(f"{path / entry.name} changed while it was being read; give the same command again.")


def _save(folder: Path, source: Source, transcript: Transcript) -> Survey:
    """Keeps what was found, and returns it."""
    rows = transcript.looks
    depths, lows, highs = _extents(rows)
    columns: dict[str, Any] = {
        "digests": np.frombuffer(b"".join(row.digest for row in rows), np.uint8).reshape(-1, 32),
        "widths": np.array([row.width for row in rows], np.int32),
        "heights": np.array([row.height for row in rows], np.int32),
        "grey": np.array([row.grey for row in rows], np.bool_),
        "kinds": np.array([row.kind for row in rows]),
        "depths": depths,
        "lows": lows,
        "highs": highs,
    }
    faults = {index: row.fault for index, row in enumerate(rows) if row.fault}
    again = partial(remaking, source, digests=columns["digests"], faults=faults)
    thumbnails = transcript.thumbnails.finish(folder / THUMBNAILS, again(square=None))
    packed = io.BytesIO()
    np.savez(packed, faults=np.array(json.dumps(faults)), **columns)
    keep(folder / LOOKS, packed.getvalue())
    if transcript.pixels is not None:
        assert transcript.square is not None
        path = pack_path(columns["digests"], faults, transcript.square)
        transcript.pixels.finish(path, again(square=transcript.square))
    return Survey(**columns, faults=faults, thumbnails=thumbnails, folder=folder)


def _extents(rows: Sequence[Look | Looked]) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    """Depths, lows and highs as `choose` takes them."""
    extents = [row.extent for row in rows]
    depths = np.array([0 if each is None else 1 + DEPTHS.index(each.depth) for each in extents], np.uint8)
    lows = np.array([0.0 if each is None else each.low for each in extents], np.float64)
    return depths, lows, np.array([0.0 if each is None else each.high for each in extents], np.float64)


def _load(folder: Path, source: Source) -> Survey | None:
    """A survey that is kept whole, or None; None too if a file can be read that could not be then."""
    found = _read(folder, source)
    if found is None:
        return None
    # Permission, memory, a killed decoder: no fault of the bytes, and perhaps mended meanwhile.
    passing = [index for index in found.faults if not found.digests[index].any()]
    if passing and source.container is not None:
        for _, seen in looks(source.container, source.files, None, passing):
            if any(not look.fault for look in seen):
                return None
    return found


def _read(folder: Path, source: Source) -> Survey | None:
    data = kept(folder / LOOKS)
    if data is None:
        return None
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        faults = {int(index): reason for index, reason in json.loads(str(arrays["faults"])).items()}
        columns = {name: arrays[name] for name in arrays.files if name != "faults"}
    thumbnails = Rows.open(folder / THUMBNAILS, remaking(source, None, columns["digests"], faults))
    if thumbnails is None or thumbnails.shape != (len(source.ids), SIDE, SIDE):
        return None
    return Survey(**columns, faults=faults, thumbnails=thumbnails, folder=folder)

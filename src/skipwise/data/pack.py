"""Decode once: uint8 pixels of one size in a file that every process maps, kept by content and settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.data.look import Square
from skipwise.data.sources import Source
from skipwise.data.survey import Progress, Survey, forget, state, still
from skipwise.data.transcript import Transcript, pack_path
from skipwise.errors import SkipwiseError


def pack(source: Source, seen: Survey, square: Square, progress: Progress | None = None) -> Path:
    """The file with every readable image's pixels, [N, size, size, channels]; the rows of unreadable ones are zero.

    Made at most once per content and square, whichever process comes first; goes on where a killed one stopped.

    Raises:
        SkipwiseError: images changed since the survey, the disk is full or will be, the cache can't be written.
    """
    path = pack_path(seen.digests, seen.faults, square)
    if not path.exists():
        with Transcript.of(source, state(source), square, progress) as transcript:
            if not path.exists():  # another process may have made it while we waited
                transcript.complete()
                still(source)
                for index, row in enumerate(transcript.looks):
                    if row.digest != seen.digests[index].tobytes() or bool(row.fault) != (index in seen.faults):
                        forget(source)
                        raise SkipwiseError(
                            f"{source.ids[index]} changed while it was being read; give the same command again."
                        )
                transcript.keep_pixels()
    return path


def load_pack(path: Path) -> NDArray[np.uint8]:
    """The pixels in `path`, mapped, not read."""
    pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    return pixels

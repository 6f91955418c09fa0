"""Decode once: uint8 pixels of one size in a file that every process reads, kept by content and settings."""

from __future__ import annotations

from skipwise.core.errors import SkipwiseError
from skipwise.data.cache.rows import Rows
from skipwise.data.scan.inspection import Square
from skipwise.data.scan.journal import Transcript, pack_path, remaking
from skipwise.data.scan.scan import Progress, Survey, forget, state, still
from skipwise.data.sources import Source


def pack(source: Source, seen: Survey, square: Square, progress: Progress | None = None) -> Rows:
    """Every readable image's pixels, [N, size, size, channels]; the rows of unreadable ones are zero.

    Made at most once per content and square, whichever process comes first; goes on where a killed one stopped.

    Raises:
        SkipwiseError: images changed since the survey, the disk is full or will be, the cache can't be written.
    """
    path = pack_path(seen.digests, seen.faults, square)
    remake = remaking(source, square, seen.digests, seen.faults)
    found = Rows.open(path, remake)
    if found is None:
        with Transcript.of(source, state(source), square, progress) as transcript:
            found = Rows.open(path, remake)  # another process may have made it while we waited
            if found is None:
                transcript.complete()
                still(source)
                for index, row in enumerate(transcript.looks):
                    if row.digest != seen.digests[index].tobytes() or bool(row.fault) != (index in seen.faults):
                        forget(source)
                        raise SkipwiseError(
                            f"{source.ids[index]} changed while it was being read; give the same command again."
                        )
                assert transcript.pixels is not None
                found = transcript.pixels.finish(path, remake)
    return found

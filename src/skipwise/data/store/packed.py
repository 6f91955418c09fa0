"""Packed pixels: all images decoded once to one size, in a file in the cache that every process reads."""

from __future__ import annotations

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.reporting import Progress
from skipwise.data.cache.node_copy import open_near
from skipwise.data.cache.origins import note_origin
from skipwise.data.cache.rows import RowReader
from skipwise.data.scan.inspected import Inspected
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.journal import Journal, pack_path, row_remaker
from skipwise.data.scan.scan import Scan, check_unchanged, forget, source_state
from skipwise.data.sources import Source


def pack(source: Source, scan: Scan, pixel_format: PixelFormat, progress: Progress | None = None) -> RowReader:
    """The pixels of every image, uint8 [N, size, size, channels]; those of unreadable images are zero.

    The file is created once for the same images and pixel format, by whichever process is first. A process continues
    where a killed one stopped.

    Raises:
        SkipwiseError: an image has changed since the scan, the disk has no room, or the cache cannot be written.
    """
    path = pack_path(scan.digests, scan.faults, pixel_format)
    remake = row_remaker(source, pixel_format, scan.digests, scan.faults)
    found = open_near(path, remake)
    if found is None:
        with Journal.for_source(source, source_state(source), pixel_format, progress) as journal:
            found = RowReader.open(path, remake)  # another process may have made it while this one waited
            if found is None:
                journal.complete()
                check_unchanged(source)
                if (index := _changed(scan, journal.inspected)) is not None:
                    forget(source)
                    raise SkipwiseError(
                        f"{source.ids[index]} changed while it was being read; give the same command again."
                    )
                assert journal.pixels is not None
                found = journal.pixels.finish(path, remake)
    if source.container is not None:
        note_origin(path, source.container.path)
    return found


def _changed(scan: Scan, inspected: Inspected) -> int | None:
    """The first image that is not the one that was scanned; None if there is none."""
    found = list(scan.faults.keys() ^ inspected.faults.keys())
    start = 0
    for part in scan.digests.parts():
        found += (start + np.flatnonzero((part != inspected.digests[start : start + len(part)]).any(axis=1))).tolist()
        start += len(part)
    return min(found, default=None)

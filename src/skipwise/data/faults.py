"""What has to be mended before anything can be trained on images: the same sentences in every verb."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skipwise.data.scan.scan import Scan
from skipwise.data.sources import Source
from skipwise.data.sources.labels import missing_classes

NAMED = 10
"""Unreadable files that a sentence names."""


def faults(source: Source, scan: Scan, used: NDArray[np.bool_]) -> list[str]:
    """A sentence for each fault that stands in the way of training; none if these images can be trained on.

    Args:
        used: the images that count, bool [N].
    """
    return [*layout_faults(source, used), *unreadable_images(source, scan, used)]


def layout_faults(source: Source, used: NDArray[np.bool_]) -> list[str]:
    """What is wrong with classes and splits as they were read; else what leaving images out does to them."""
    if source.faults:
        return list(source.faults)
    members = np.flatnonzero(used)
    kept = set(source.labels[members].tolist())
    gone = [
        f"No image of the class {name!r} is left; leave fewer images out."
        for number, name in enumerate(source.classes)
        if number not in kept
    ]
    if gone or source.splits is None:
        return gone
    labels = [source.classes[label] for label in source.labels[members].tolist()]
    return missing_classes(labels, [source.splits[index] for index in members.tolist()], source.name)[0]


def unreadable_images(source: Source, scan: Scan, used: NDArray[np.bool_]) -> list[str]:
    """One sentence that names the images that can't be read, if there are any."""
    files = [f"{source.ids[index]} ({reason})" for index, reason in sorted(scan.unreadable.items()) if used[index]]
    if not files:
        return []
    shown = "; ".join(files[:NAMED])
    more = f"; and {len(files) - NAMED:,} more" if len(files) > NAMED else ""
    count = "1 image" if len(files) == 1 else f"{len(files):,} images"
    them = "it" if len(files) == 1 else "them"
    return [
        f"{count} of {source.name} can't be read: {shown}{more}. Repair or remove {them}, or leave {them} out with "
        "--exclude and the audit.json that 'skipwise audit' writes."
    ]

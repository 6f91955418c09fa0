"""Faults that have to be fixed before a network can be trained on images, in the same words for every verb."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skipwise.core.text import count
from skipwise.data.scan.scan import Scan
from skipwise.data.sources import Source
from skipwise.data.sources.labels import missing_classes

NAMED = 10
"""Unreadable files that a sentence names, at most."""


def faults(source: Source, scan: Scan, used: NDArray[np.bool_]) -> list[str]:
    """A sentence for each fault that prevents training; [] if the images can be trained on.

    Args:
        source: the images and their labels.
        scan: what is known about each of them.
        used: the images that are used, bool [N].
    """
    return [*layout_faults(source, used), *unreadable_images(source, scan, used)]


def layout_faults(source: Source, used: NDArray[np.bool_]) -> list[str]:
    """Faults of classes and splits, as they were read or because images are left out."""
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
    """A sentence that names the images that cannot be read, in a list; [] if there are none."""
    files = [f"{source.ids[index]} ({reason})" for index, reason in sorted(scan.unreadable.items()) if used[index]]
    if not files:
        return []
    shown = "; ".join(files[:NAMED])
    more = f"; and {len(files) - NAMED:,} more" if len(files) > NAMED else ""
    them = "it" if len(files) == 1 else "them"
    return [
        f"{count(len(files), 'image')} of {source.name} can't be read: {shown}{more}. Repair or remove {them}, or "
        f"leave {them} out with --exclude and the audit.json that 'skipwise audit' writes."
    ]

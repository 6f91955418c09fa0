"""Data sets for object detection, which are recognised in order to refuse them with a reason."""

from __future__ import annotations

import re

from skipwise.core.errors import SkipwiseError
from skipwise.data.names import stem, suffix
from skipwise.data.sources.place import Place

_YOLO = re.compile(rb"\s*\d+(?:\s+[\d.eE+-]+){4,}\s*")


def check_no_detection(place: Place) -> None:
    """Raises SkipwiseError if most pictures have a file of boxes: YOLO's `.txt` or Pascal VOC's `.xml`."""
    pictures = {stem(name.rpartition("/")[2]) for name in place.names}
    for kind, tool in ((".txt", "YOLO"), (".xml", "Pascal VOC")):
        beside = [
            name for name in place.others.names if suffix(name) == kind and stem(name.rpartition("/")[2]) in pictures
        ]
        if len(beside) < max(2, 0.5 * len(pictures)) or (data := place.read(beside[0])) is None:
            continue
        first = data.splitlines()[0] if data.splitlines() else b""
        if b"<object>" in data or _YOLO.fullmatch(first):
            raise SkipwiseError(
                f"{place.name} has a file of boxes for each image ({beside[0]}, in the format of {tool}), so it is a "
                "set for object detection; Skipwise needs exactly one class per image. Crop the boxes into a folder "
                "per class, or export the set as COCO JSON and use --crop-boxes."
            )

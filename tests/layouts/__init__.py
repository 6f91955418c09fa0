"""Layouts in which people keep image classification data, each with what has to be understood of it.

Every case makes its files out of nothing, from tiny real images. `tests/test_layouts.py` reads them all.
"""

from __future__ import annotations

from tests.layouts import (
    archives,
    arrays,
    coco,
    copies,
    damaged,
    file_names,
    folders,
    found_folders,
    found_languages,
    found_published,
    found_splits,
    found_tables,
    imagenet,
    kaggle,
    kaggle_traps,
    levels,
    lists,
    matlab,
    more_arrays,
    published,
    published_arrays,
    tables,
    text_lists,
    tools,
    tools_json,
    traps_archives,
    traps_files,
    traps_folders,
    traps_labels,
    traps_splits,
    traps_tables,
    unread,
)
from tests.layouts.cases import Asks, Case, Reads, Refuses

CASES: tuple[Case, ...] = (
    *folders.CASES,
    *levels.CASES,
    *copies.CASES,
    *traps_folders.CASES,
    *traps_splits.CASES,
    *traps_files.CASES,
    *file_names.CASES,
    *tables.CASES,
    *traps_tables.CASES,
    *traps_labels.CASES,
    *kaggle.CASES,
    *kaggle_traps.CASES,
    *imagenet.CASES,
    *published.CASES,
    *text_lists.CASES,
    *lists.CASES,
    *matlab.CASES,
    *arrays.CASES,
    *published_arrays.CASES,
    *more_arrays.CASES,
    *coco.CASES,
    *archives.CASES,
    *traps_archives.CASES,
    *tools.CASES,
    *tools_json.CASES,
    *unread.CASES,
    *damaged.CASES,
    *found_languages.CASES,
    *found_folders.CASES,
    *found_splits.CASES,
    *found_tables.CASES,
    *found_published.CASES,
)

__all__ = ["CASES", "Asks", "Case", "Reads", "Refuses"]

"""From the names of files and folders to the predictions in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.regular import read_regular
from skipwise.core.remote.copies import local_path
from skipwise.core.reporting import Progress
from skipwise.data.names import suffix
from skipwise.data.sources.unpacking import LARGEST_ARRAYS
from skipwise.judging.files.arrays import read_arrays
from skipwise.judging.files.file_answers import FileAnswers
from skipwise.judging.files.ours import is_run, read_run_answers
from skipwise.judging.files.tables import Naming, read_labels, read_table

TABLE = "predictions.csv"
"""The name of the table that `evaluate` writes."""


def read_files(
    files: Sequence[str | os.PathLike[str]], naming: Naming, progress: Progress | None = None
) -> list[FileAnswers]:
    """The predictions in some files, in their order.

    Args:
        files: tables (.csv, .tsv, .parquet, .xlsx, .jsonl), arrays (.npz), and folders of runs and evaluations.
        naming: the columns that the user named.
        progress: called as progress(what, done, total).

    Raises:
        SkipwiseError: one is not there, can't be read, or is none of these.
    """
    found: list[FileAnswers] = []
    for number, given in enumerate(files):
        if progress is not None:
            progress("Reading predictions", number, len(files))
        found += read_file(local_path(given), naming)
    return found


def read_file(path: Path, naming: Naming) -> list[FileAnswers]:
    """The predictions in a file, or in a folder of a run or an evaluation.

    Raises:
        SkipwiseError: it is not there, can't be read, or is none of these.
    """
    if path.is_dir():
        if is_run(path):
            return [read_run_answers(path)]
        if not (path / TABLE).is_file():
            raise SkipwiseError(
                f"{path} is a folder without predictions; name the files in it, or the folder of a run or an "
                "evaluation."
            )
        path = path / TABLE
    elif path.name == "predictions.npz" and is_run(path.parent):
        return [read_run_answers(path.parent)]
    data = _content(path)
    if suffix(path.name) == ".npz":
        return read_arrays(path, data, naming.group)
    return read_table(path, data, naming)


def read_labels_file(given: str | os.PathLike[str]) -> FileAnswers:
    """The labels of images in a table of id and label.

    Raises:
        SkipwiseError: it is not there, can't be read, or is no such table.
    """
    path = local_path(given)
    return read_labels(path, _content(path))


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST_ARRAYS)
    except OSError as error:
        raise SkipwiseError(f"{path} can't be read ({error.strerror}); give a file of predictions.") from error

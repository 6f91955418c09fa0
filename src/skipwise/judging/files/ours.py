"""Folders of Skipwise's own that hold predictions: of a run, and of an evaluation."""

from __future__ import annotations

from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.judging.files.file_answers import FileAnswers
from skipwise.judging.files.file_names import network_and_seed
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import read_run


def is_run(folder: Path) -> bool:
    """Returns whether a folder holds a run that kept its predictions."""
    return (folder / "run.json").is_file() and (folder / "predictions.npz").is_file()


def read_run_answers(folder: Path) -> FileAnswers:
    """The predictions that a run kept for its test images.

    Raises:
        SkipwiseError: the run failed, has no test images, or is damaged.
    """
    record = read_run(folder, "predictions.npz")
    if record.status != "finished" or record.test is None:
        why = "has no test images" if record.status == "finished" else f"failed ({record.reason})"
        raise SkipwiseError(f"The run in {folder} {why}, so there is nothing to judge; leave it out.")
    found, classes = read_predictions(folder, "test"), record.spec.classes
    return FileAnswers(
        where=str(folder),
        network=record.spec.model if network_and_seed(folder)[1] is None else network_and_seed(folder)[0],
        seed=record.spec.seed,
        ids=found.ids.tolist(),
        labels=[classes[label] for label in found.labels.tolist()],
        answers=None,
        values=found.logits,
        classes=classes,
        kind="logits",
    )

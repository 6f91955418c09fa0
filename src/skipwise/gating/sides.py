"""The old and the new network's answers: given now by an artifact or a run, or read from a file of predictions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.copies import local_path
from skipwise.core.reporting import Progress
from skipwise.data.options import ReadingOptions, asked_reading
from skipwise.deploy.artifact.artifact import is_artifact
from skipwise.deploy.runtime.session import open_session
from skipwise.evaluating.answering import Evaluated, Subject, find_subject, kept_answers, new_answers
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.gating.record import Kind
from skipwise.judging.files.matching import match
from skipwise.judging.files.reading import TABLE, read_file, read_labels_file
from skipwise.judging.files.tables import Naming


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """A network's answers to labelled images.

    Args:
        path: what was named.
        kind: what it is.
        model: the network's name.
        data: the name of the images; "" where a file does not say it.
        ids: of the images [N].
        labels: the names of their classes [N].
        right: whether each was answered rightly [N].
        groups: what each image belongs to; None where each is by itself.
        has_own_labels: whether a file of predictions says the labels itself.
        unknown: classes that images have and the network does not know; such images are not among the answers.
        notes: what a person should know, a sentence each.
    """

    path: Path
    kind: Kind
    model: str
    data: str
    ids: Sequence[str]
    labels: Sequence[str]
    right: NDArray[np.bool_]
    groups: Sequence[str] | None
    unknown: frozenset[str] = frozenset()
    has_own_labels: bool = False
    notes: tuple[str, ...]


def kind_of(path: Path) -> Kind:
    """Tells an artifact's folder, a run's folder and a file of predictions apart."""
    if is_artifact(path):
        return "artifact"
    if path.is_dir() and not ((path / TABLE).is_file() and not (path / "run.json").exists()):
        return "run"
    return "predictions"


def open_side(
    given: str | os.PathLike[str],
    data: str | os.PathLike[str] | None,
    *,
    reading: ReadingOptions,
    trust: bool | str,
    progress: Progress | None,
) -> Side:
    """The answers of one side.

    Args:
        given: an artifact's folder, a run's, or a file of predictions.
        data: labelled images; for a file of predictions without labels, a table of them.
        reading: how the images are to be read; its group is a column of files of predictions, too.
        trust: for a run of a network of one's own.
        progress: called as progress(what, done, total).

    Raises:
        SkipwiseError: it is none of these, or can't answer these images.
    """
    path = local_path(given, progress)
    if not path.exists():
        raise SkipwiseError(
            f"There is no {path}; give a folder that 'skipwise export' or 'skipwise train' made, or a file of "
            "predictions."
        )
    kind = kind_of(path)
    if kind == "predictions":
        return _from_file(path, data, reading.group)
    subject, asked = find_subject(path), asked_reading(reading)
    if kind == "run" and data is None:
        return _answered(path, kind, subject, kept_answers(subject, "test", reading=asked))
    session = open_session(path, trust=trust)
    found = new_answers(subject, data, session, "", reading=asked, progress=progress)
    return _answered(path, kind, subject, found)


def _answered(path: Path, kind: Kind, subject: Subject, found: Evaluated) -> Side:
    answers = found.answers
    return Side(
        path=path,
        kind=kind,
        model=subject.model,
        data=found.data + (f", its {found.split} split" if found.split else ""),
        ids=answers.ids.tolist(),
        labels=[subject.classes[label] for label in answers.labels.tolist()],
        right=answers.logits.argmax(axis=1) == answers.labels,
        groups=None if answers.groups is None else [str(each) for each in answers.groups.tolist()],
        unknown=frozenset(name.casefold() for name in found.extra),
        notes=found.notes,
    )


def _from_file(path: Path, data: str | os.PathLike[str] | None, group: str | None) -> Side:
    parts = read_file(path, Naming(group=group))
    if len(parts) > 1:
        raise SkipwiseError(
            f"{path} holds predictions of {len(parts)} networks or seeds; give a file of one, or compare them all with "
            "'skipwise judge'."
        )
    labels = None
    if parts[0].labels is None:
        if data is None:
            raise SkipwiseError(f"{path} has no labels; add a column label, or name a table of id and label as DATA.")
        labels = read_labels_file(data)
    own = group if parts[0].groups is not None else None
    found = match(parts, OUTCOMES["accuracy"], labels=labels, group=own)
    tested, run = found.tested, found.runs[0]
    return Side(
        path=path,
        kind="predictions",
        model=run.network,
        data="",
        ids=tested.ids,
        labels=[tested.classes[label] for label in tested.labels.tolist()],
        right=run.scores == 1,
        groups=None if tested.groups is None else tested.groups.tolist(),
        has_own_labels=labels is None,
        notes=found.notes,
    )

"""The subject of an evaluation: a network's answers to labelled images, from a finished run or computed now."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import Damaged, SkipwiseError, Unlabelled
from skipwise.core.files.checksums import sha256
from skipwise.core.reporting import Progress
from skipwise.core.text import count, listed
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.options import ReadingOptions
from skipwise.deploy.artifact.artifact import is_artifact, read_artifact
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.trained.comparison_folder import refuse_comparison
from skipwise.deploy.trained.images import LabelledImages, open_others, own_images, remembered_reading, run_of
from skipwise.evaluating.logits import logits_of
from skipwise.evaluation.one_network import Answers
from skipwise.training.folder.dropped import weights_hash
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord, read_run

MOST_CLASSES = 5
"""Names of classes in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of an evaluation.

    Args:
        folder: the run's, or the artifact's; or the file of weights.
        classes: their names.
        model: the network's name.
        network: a hash of it.
        preprocessing: how images become its input.
        home: the folder of the run it comes from, where that is known and there.
        temperature: what the artifact divides logits by; 1 for a run.
        run: None for an artifact, and for a file of weights.
    """

    folder: Path
    classes: tuple[str, ...]
    model: str
    network: str
    preprocessing: Preprocessing
    home: Path | None
    temperature: float
    run: RunRecord | None


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """Answers to labelled images, and what there is to say of these.

    Args:
        answers: to the images.
        validation: answers to validation images; None where there are none.
        images: to be shown; None where nobody knows where they are.
        data: their name.
        split: "test", "val" or "".
        backend: what answered; "predictions" where kept answers were read.
        notes: what a reader must know, a sentence each.
        missing, extra: classes that only the network has, and that only the images have.
        contents: a hash of the images' bytes, or of the answers where these were kept.
    """

    answers: Answers
    validation: Answers | None
    images: LabelledImages | None
    data: str
    split: str
    backend: str
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    extra: dict[str, int]
    contents: str

    def fingerprint(self) -> str:
        """A hash of the images' names, labels and contents."""
        found = hashlib.sha256("\0".join(self.answers.ids.tolist()).encode("utf-8", "surrogateescape"))
        found.update(self.answers.labels.astype("<i8").tobytes())
        found.update(self.contents.encode())
        return found.hexdigest()

    def with_contents(self, images: int) -> Evaluated:
        """The same, with a hash of the bytes of the images that are drawn to be corrupted, where answers were kept."""
        if self.backend != KEPT or self.images is None:
            return self
        contents = hashlib.sha256(self.contents.encode())
        for encoded in self.images.drawn(images).encoded():
            contents.update(hashlib.sha256(encoded).digest())
        return replace(self, contents=contents.hexdigest())


KEPT = "predictions"
"""The backend of answers that were kept with the run."""


def find_subject(folder: Path) -> Subject:
    """The run or the artifact in a folder.

    Raises:
        SkipwiseError: there is neither, the run failed or is unfinished, or it is damaged.
    """
    if is_artifact(folder):
        artifact = read_artifact(folder)
        return Subject(
            folder=folder,
            classes=artifact.classes,
            model=artifact.provenance.model,
            network=artifact.files[""],
            preprocessing=artifact.preprocessing,
            home=run_of(artifact),
            temperature=artifact.temperature,
            run=None,
        )
    if not (folder / "run.json").exists():
        refuse_comparison(folder)
        if not folder.exists():
            raise SkipwiseError(f"There is no {folder}; give a folder that 'skipwise train' or 'skipwise export' made.")
        raise SkipwiseError(
            f"{folder} holds neither a finished run (run.json) nor an exported network (artifact.json); give a folder "
            "that 'skipwise train' or 'skipwise export' made."
        )
    weights = folder / "weights.safetensors"
    record = read_run(folder, "predictions.npz", *([weights.name] if weights.exists() else []))
    if record.status != "finished":
        raise SkipwiseError(f"The run in {folder} failed ({record.reason}), so there is nothing to evaluate.")
    return Subject(
        folder=folder,
        classes=record.spec.classes,
        model=record.spec.model,
        preprocessing=record.spec.preprocessing,
        network=weights_hash(folder) or sha256(folder / "predictions.npz"),
        home=folder,
        temperature=1.0,
        run=record,
    )


def kept_answers(subject: Subject, split: str, *, reading: ReadingOptions | None = None) -> Evaluated:
    """The answers that training kept, to the run's own test or validation images.

    Args:
        reading: how the images are to be read, which are shown; None is as the run read them.

    Raises:
        SkipwiseError: the run has no such images.
    """
    record = subject.run
    assert record is not None
    if getattr(record, split) is None:
        other = "val" if split == "test" else "test"
        raise SkipwiseError(
            f"The run in {subject.folder} has no {split} images; give labelled images to evaluate it on, or --subset "
            f"{other}."
        )
    images, note = _own(subject, None, reading)
    shown = None if images is None else images.of(split)
    answers = _read(subject.folder, split)
    if shown is not None:
        numbers = {name: place for place, name in enumerate(answers.ids.tolist())}
        places = [numbers.get(shown.id(position), -1) for position in range(len(shown))]
        if -1 in places or len(places) != len(numbers):
            shown, note = None, "The images are not those of the run any more, so no pictures are shown."
        else:
            order = np.array(places, dtype=np.int64)
            answers = Answers(
                ids=answers.ids[order],
                labels=answers.labels[order],
                logits=answers.logits[order],
                groups=shown.groups(),
            )
    validation = _read(subject.folder, "val") if split == "test" and record.val is not None else None
    return Evaluated(
        answers=answers,
        validation=validation,
        images=shown,
        data=shown.name if shown is not None else subject.folder.resolve().name,
        split=split,
        backend=KEPT,
        notes=(note,) if note else (),
        missing=_without_images(subject.classes, answers.labels),
        extra={},
        contents=hashlib.sha256(answers.logits.astype("<f4").tobytes()).hexdigest(),
    )


def new_answers(
    subject: Subject,
    data: str | os.PathLike[str] | None,
    session: Session,
    backend: str,
    *,
    split: str = "test",
    reading: ReadingOptions | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """Answers that are given now.

    Args:
        data: labelled images; None is the images of the run that the network comes from.
        session: the network, open.
        backend: its name.
        split: of the run's own images.
        reading: how `data` is to be read; None is as the run read its images.

    Raises:
        SkipwiseError: the images can't be found or read, have no labels, or none of the network's classes.
    """
    own, note = _own(subject, data, reading)
    part = ""
    extra: dict[str, int] = {}
    if own is not None and len(own.of(split)):
        chosen, part, note = own.of(split), split, ""
    elif data is None:
        raise SkipwiseError(f"{note} Give labelled images to evaluate {subject.folder} on.".strip())
    elif split != "test":
        raise SkipwiseError(f"--subset {split} is for the run's own images, which {data} is not; leave --subset out.")
    else:
        chosen, extra = _matched(data, subject.classes, reading or remembered_reading(subject.home))
        if len(chosen.of("test")):
            chosen, part = chosen.of("test"), "test"
    validation = None
    if subject.home is not None and (subject.home / "predictions.npz").exists():
        record = read_run(subject.home, "predictions.npz")
        if record.val is not None and part != "val":
            kept = _read(subject.home, "val")
            validation = replace(kept, logits=kept.logits / subject.temperature)
    logits, contents = logits_of(chosen, session, progress)
    labels = chosen.labels
    ids = np.array([chosen.id(position) for position in range(len(chosen))])
    notes = [note] if note else []
    if extra:
        left = ", ".join(f"{name} ({count(images, 'image')})" for name, images in sorted(extra.items())[:MOST_CLASSES])
        notes.append(f"The network does not know some of the classes, whose images are left out: {left}.")
    if data is not None and not part and subject.home is None:
        notes.append("The run is not here, so images that it was trained on may be among these.")
    return Evaluated(
        answers=Answers(ids=ids, labels=labels, logits=logits, groups=chosen.groups()),
        validation=validation,
        images=chosen,
        data=chosen.name,
        split=part,
        backend=backend,
        notes=tuple(notes),
        missing=_without_images(subject.classes, labels),
        extra=extra,
        contents=contents,
    )


def _own(
    subject: Subject, data: str | os.PathLike[str] | None, reading: ReadingOptions | None
) -> tuple[LabelledImages | None, str]:
    """The images that the run was trained and tested on, and why there are none."""
    if subject.home is None:
        return None, "The run that it was exported from is not here."
    try:
        found = own_images(subject.home, subject.classes, data, reading)
    except Damaged:
        raise
    except SkipwiseError as error:
        if data is not None:  # these are others
            return None, ""
        return None, f"No pictures are shown: {str(error)[:1].lower()}{str(error)[1:]}"
    return found, "" if found is not None else "It is not known where the images of the run are."


def _matched(
    data: str | os.PathLike[str], classes: tuple[str, ...], reading: ReadingOptions | None
) -> tuple[LabelledImages, dict[str, int]]:
    """Labelled images by the names of their classes, and how many are of classes that the network does not know."""
    try:
        source = open_others(data, reading)
    except Unlabelled as error:
        raise Unlabelled(f"{str(error).rstrip('.')}. For images without labels there is 'skipwise predict'.") from error
    source.check()
    known = {name: number for number, name in enumerate(classes)}
    loosely = {name.casefold(): number for name, number in known.items()}
    numbers = np.array([known.get(name, loosely.get(name.casefold(), -1)) for name in source.classes])
    labels = numbers[source.labels]
    if (labels < 0).all():
        raise SkipwiseError(
            f"{source.name} has none of the network's classes: it has {listed(source.classes, MOST_CLASSES)}, and the "
            f"network knows {listed(classes, MOST_CLASSES)}; for images without labels there is 'skipwise predict'."
        )
    counts = np.bincount(source.labels, minlength=len(source.classes))
    extra = {name: int(counts[k]) for k, name in enumerate(source.classes) if numbers[k] < 0 and counts[k]}
    rows = np.flatnonzero(labels >= 0)
    split = np.array(source.splits if source.splits is not None else [""] * len(labels), dtype="<U5")
    where = os.fspath(data)
    return LabelledImages(where=where, source=source, rows=rows, labels=labels[rows], split=split[rows]), extra


def _read(folder: Path, split: str) -> Answers:
    found = read_predictions(folder, split)
    return Answers(ids=found.ids, labels=found.labels, logits=found.logits)


def _without_images(classes: tuple[str, ...], labels: NDArray[np.int64]) -> tuple[str, ...]:
    there = set(labels.tolist())
    return tuple(name for number, name in enumerate(classes) if number not in there)

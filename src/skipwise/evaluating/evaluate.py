"""The verb `evaluate`: how good one network is, how it fails, and what its confidence is worth."""

from __future__ import annotations

import csv
import functools
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import csv_cell
from skipwise.core.files.atomic import write_text
from skipwise.core.files.checksums import check_files, read_sealed, write_sealed
from skipwise.core.files.paths import output_path, user_path
from skipwise.core.remote.copies import address_of, local_path
from skipwise.core.reporting import Progress
from skipwise.core.signatures import takes
from skipwise.core.text import listed
from skipwise.core.workspace.task import Task
from skipwise.data.options import ReadingOptions, asked_reading
from skipwise.deploy.runtime.session import Session, open_session
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.evaluating.answering import (
    MOST_CLASSES,
    Evaluated,
    Subject,
    find_subject,
    kept_answers,
    new_answers,
)
from skipwise.evaluating.corrupting import about_drawing, about_originals, answer_corrupted, asked_corruptions
from skipwise.evaluating.options import EvaluateOptions
from skipwise.evaluating.record import (
    EVALUATIONS,
    PAGE,
    PREDICTIONS,
    RECORD,
    EvaluationPlan,
    EvaluationRecord,
    EvaluationReport,
)
from skipwise.evaluating.relying import answer_backgrounds, brings_backgrounds
from skipwise.evaluating.report.composing import NO_PICTURES, About, compose, pictures_from
from skipwise.evaluating.report.depth_section import depth_section
from skipwise.evaluating.report.tuning_section import tuning_section
from skipwise.evaluating.weights_file import network_in, subject_of
from skipwise.evaluation.mislabelled import probabilities
from skipwise.evaluation.one_network import Evaluation, evaluate_answers
from skipwise.training.weights.hub_folder import is_hub_folder, local_folder

if TYPE_CHECKING:
    from skipwise.deploy.trained.trained_network import TrainedNetwork

KEPT_ANSWERS = ".corrupted.json"
"""The file of answers to corrupted images so far; it is removed when the evaluation is finished."""


@takes(EvaluateOptions)
def evaluate(
    network: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    options: EvaluateOptions,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> EvaluationReport:
    """Evaluates one network on labelled images, and writes a page, a record and every answer.

    Args:
        network (str | Path): the folder of a finished run, or of an exported network, which needs no PyTorch; a folder
            that `export --huggingface` wrote, or `hf-hub:user/name`; or a file of weights that another program trained,
            with the option `model`.
        data (str | Path | None): labelled images, matched by the names of their classes. None, the default, takes the
            run's own images. Of images that the run was trained on, only its test images are taken.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.

    Returns:
        The report: its folder, and its `evaluation` with every number.

    Raises:
        SkipwiseError: the folder holds no network or a damaged one, the run failed, the images have no labels or none
            of the network's classes, a file can't be read, or there is no such corruption.

    Example:
        >>> import skipwise
        >>> report = skipwise.evaluate("runs/export/images-onnx-fp32", "images")
        >>> report.evaluation.accuracy.low <= report.evaluation.accuracy.value
        True
    """
    subset, backend, trust = options.answering.subset, options.answering.backend, options.trust.trust
    output, again = options.folder.output, options.folder.again
    if subset not in ("test", "val"):
        raise SkipwiseError(f"--subset must be test or val, not {subset!r}.")
    path, weights, reading = (
        local_path(local_folder(network), progress),
        options.weights,
        asked_reading(options.reading),
    )
    trained, said = _beside_runs(path, weights, data, reading, trust)
    if trained is None and (weights.classes is not None or weights.init_key is not None):
        raise SkipwiseError(f"--classes and --init-key are for a file of weights, which {path} is not; leave them out.")
    subject = find_subject(path) if trained is None else subject_of(trained)
    asked = asked_corruptions(options.corruption, subject.preprocessing)
    open_network = functools.cache(lambda: _opened(subject, trained, backend, weights.model or trust))
    if subject.run is not None and data is None:
        if backend is not None:
            raise SkipwiseError(f"{subject.folder} is a run, whose answers were kept in training; leave --backend out.")
        found = kept_answers(subject, subset, reading=reading)
    else:
        chosen = "default" if subject.run is None and trained is None else "PyTorch"
        found = new_answers(
            subject, data, open_network(), backend or chosen, split=subset, reading=reading, progress=progress
        )
    corruptions = None if asked is None else asked.plan(found)
    if corruptions is not None:
        if found.images is None:
            raise SkipwiseError(
                f"The images that {subject.folder} was evaluated on are not found, so they can't be corrupted; name "
                "labelled images, or leave --corruptions out."
            )
        originals = about_originals(found.images.drawn(corruptions.images), subject.preprocessing.size)
        found = found.with_contents(corruptions.images)
    notes = [*said, *found.notes, *about_classes(found)]
    if corruptions is not None:
        drawing = about_drawing(corruptions, len(found.answers.labels))
        notes += filter(None, [drawing, *originals])
    plan = EvaluationPlan(
        network=subject.network,
        model=subject.model,
        source=address_of(subject.folder),
        data=found.data,
        split=found.split,
        images=found.fingerprint(),
        backend=found.backend,
        corruptions=corruptions,
    )
    task = Task(
        workspace=EVALUATIONS,
        plan=plan,
        name=path.resolve().stem if trained is not None else path.resolve().name,
        output=output_path(output) if output is not None else None,
        again=again,
        notice=notice,
    )
    if (place := task.find()).finished:
        return read_evaluation(place.folder, repeated=True)
    for sentence in notes:
        notice(sentence)
    evaluation = evaluate_answers(found.answers, subject.classes, validation=found.validation)
    backgrounds = brings_backgrounds(found.images) and _has_weights(subject)
    session = open_network() if corruptions is not None or backgrounds else None
    levels, images, depth = subject.preprocessing.levels, found.images, tuple(depth_section(subject))
    with task.open() as place:
        if place.finished:  # another process was quicker
            return read_evaluation(place.folder, repeated=True)
        corrupted, kept = None, place.folder / KEPT_ANSWERS
        if place.plan is None:
            kept.unlink(missing_ok=True)
            EVALUATIONS.begin(place.folder, plan)
        if corruptions is not None and session is not None:
            corrupted = answer_corrupted(session, found, corruptions, kept=kept, progress=progress)
        relying = None
        if backgrounds and session is not None:
            relying = answer_backgrounds(session, found, progress=progress)
        record, page = compose(
            plan,
            evaluation,
            found,
            notes=notes,
            pictures=lambda wanted: NO_PICTURES if images is None else pictures_from(images, wanted, levels),
            corrupted=corrupted,
            relying=relying,
            about=About(depth=depth, tuning=tuning_section(subject)),
        )
        write_text(place.folder / PREDICTIONS, _table(subject, found, evaluation))
        write_text(place.folder / PAGE, page)
        write_sealed(place.folder / RECORD, record, [PREDICTIONS, PAGE])
        kept.unlink(missing_ok=True)
    return EvaluationReport(folder=place.folder, record=record)


def _has_weights(subject: Subject) -> bool:
    """Returns whether the network can be asked; the weights of a run may have been removed."""
    return subject.run is None or (subject.folder / "weights.safetensors").is_file()


def _beside_runs(
    path: Path,
    weights: ExternalWeights,
    data: str | os.PathLike[str] | None,
    reading: ReadingOptions | None,
    trust: bool | str,
) -> tuple[TrainedNetwork | None, list[str]]:
    """The network in a file of weights, or in a folder for the Hub, and what the user should know; None for others."""
    if path.is_file():
        return network_in(path, weights, data, reading)
    if not is_hub_folder(path):
        return None, []
    if data is None:
        raise SkipwiseError(f"{path} does not say on which images to evaluate it; name labelled images behind it.")
    from skipwise.deploy.trained.trained_network import network_of_hub  # which builds networks

    return network_of_hub(path, weights.model or trust), []


def _opened(subject: Subject, trained: TrainedNetwork | None, backend: str | None, trust: bool | str) -> Session:
    if trained is None:
        return open_session(subject.folder, backend=backend, trust=trust)
    if backend is not None:
        raise SkipwiseError(f"{subject.folder} is a file of weights, which PyTorch runs; leave --backend out.")
    from skipwise.deploy.runtime.run_session import RunSession  # which needs torch

    return RunSession(trained)


def read_evaluation(folder: str | os.PathLike[str], *, repeated: bool = False) -> EvaluationReport:
    """A finished evaluation.

    Raises:
        SkipwiseError: there is none, or it is damaged.
    """
    path = user_path(folder)
    if not (path / RECORD).exists():
        raise SkipwiseError(f"{path} holds no evaluation; give a folder that 'skipwise evaluate' made.")
    mend = "evaluate again into another folder"
    record = read_sealed(path / RECORD, EvaluationRecord, mend=mend)
    check_files(path / RECORD, PREDICTIONS, PAGE, mend=mend)
    return EvaluationReport(folder=path, record=record, repeated=repeated)


def about_classes(found: Evaluated) -> list[str]:
    """A sentence about classes of the network that no image has."""
    if not found.missing:
        return []
    names = listed(found.missing, MOST_CLASSES)
    return [f"No image is of {names}, so nothing is said of {'these classes' if len(found.missing) > 1 else 'it'}."]


def _table(subject: Subject, found: Evaluated, evaluation: Evaluation) -> str:
    """Every answer as a line: image, label, answer, whether it is right, and the probability of each class."""
    temperature = 1.0 if evaluation.scaled is None else evaluation.scaled.temperature
    shares = probabilities(found.answers.logits)
    calibrated = probabilities(found.answers.logits / temperature).max(axis=1)
    answers = shares.argmax(axis=1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [csv_cell(name) for name in subject.classes]
    writer.writerow(["image", "label", "answer", "right", "confidence", "calibrated", *names])
    for place, row in enumerate(np.round(shares, 6).tolist()):
        label, answer = int(found.answers.labels[place]), int(answers[place])
        writer.writerow(
            [
                csv_cell(str(found.answers.ids[place])),
                names[label],
                names[answer],
                int(label == answer),
                row[answer],
                round(float(calibrated[place]), 6),
                *row,
            ]
        )
    return text.getvalue()

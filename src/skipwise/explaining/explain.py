"""The verb `explain`: heat maps of what a network's answers come from, as pictures, a page and a record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.checksums import write_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.files.paths import output_path
from skipwise.core.remote.copies import address_of, local_path
from skipwise.core.reporting import Progress
from skipwise.core.signatures import takes
from skipwise.core.text import count
from skipwise.core.workspace.task import Task
from skipwise.deploy.artifact.artifact import is_artifact
from skipwise.deploy.predict.inputs import Inputs
from skipwise.deploy.trained.trained_network import network_of_run
from skipwise.explaining.explained import Explained, Explainer
from skipwise.explaining.images import SeenImages, see_images
from skipwise.explaining.in_artifact import ArtifactExplainer
from skipwise.explaining.options import ExplainOptions
from skipwise.explaining.overlay import centre_share, overlay
from skipwise.explaining.page import explanation_page
from skipwise.explaining.record import (
    EXPLANATIONS,
    MAPS,
    PAGE,
    RECORD,
    ExplanationPlan,
    ExplanationRecord,
    ExplanationReport,
    ImageRecord,
    MapRecord,
    read_explanation,
)

Images = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
MOST_IMAGES = 1_000
"""All of them are held in memory."""


@takes(ExplainOptions)
def explain(
    run: str | os.PathLike[str],
    images: Images,
    *,
    options: ExplainOptions,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> ExplanationReport:
    """Shows what parts of images a network's answers come from: heat maps as pictures, on a page and in numbers.

    A network of Skipwise has exact class activation maps, whose mean is the logit (Zhou et al. 2016, arXiv:1512.04150).
    External networks, and layers that are named, get Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391). An image has a
    map for the answer; one for its label where the answer is wrong; and one for the class that is asked for. Its label
    is the name of its folder, where the network has a class of that name. Where the network has squeeze-excite gates
    and images have labels, it is measured what the gates do.

    Args:
        run (str | Path): the folder of a finished run, or of a network that was exported with `explain=True`, which
            needs no PyTorch and gives the map of the answer alone.
        images (str | Path | Iterable[str | Path]): image files, folders (searched through), archives, or "-" for one
            image on standard input.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.

    Returns:
        ExplanationReport: the folder, and the record with every number.

    Raises:
        SkipwiseError: there is no such run or it is damaged, no image can be read, the network has no such class or
            layer, or a package is not installed.

    Example:
        >>> import skipwise
        >>> report = skipwise.explain("runs/train/images", "photo.jpg")
        >>> shown = report.record.images[0]
        >>> shown.maps[0].name == shown.answer
        True
    """
    wanted, tell = options.maps, progress or (lambda *_: None)
    if not 1 <= wanted.limit <= MOST_IMAGES:
        raise SkipwiseError(f"--limit must lie between 1 and {MOST_IMAGES:,}, not {wanted.limit}.")
    folder = local_path(run, progress)
    network = _explainer(folder, options)
    if wanted.class_name is not None and wanted.class_name not in network.classes:
        raise unknown_name("class of this network", wanted.class_name, network.classes)
    inputs = Inputs([images] if isinstance(images, str | os.PathLike) else list(images), tell)
    seen = see_images(inputs, network.preprocessing, network.classes, limit=wanted.limit, progress=tell)
    for sentence in (*_left_out(seen, wanted.limit), *inputs.notes):
        notice(sentence)
    plan = ExplanationPlan(
        network=network.identity,
        source=address_of(folder),
        images=seen.fingerprint(),
        class_name=wanted.class_name,
        layer=wanted.layer,
        check=wanted.check,
    )
    output = options.folder.output
    task = Task(
        workspace=EXPLANATIONS,
        plan=plan,
        name=folder.resolve().name,
        output=output_path(output) if output is not None else None,
        again=options.folder.again,
        notice=notice,
    )
    if (place := task.find()).finished:
        return read_explanation(place.folder, repeated=True)
    extra = None if wanted.class_name is None else network.classes.index(wanted.class_name)
    found = network.explain(seen, extra, check=wanted.check, progress=tell)
    record, pictures = _record(network, plan, seen, found)
    page = explanation_page(record, seen, pictures)
    with task.open() as place:
        if place.finished:  # another process was quicker
            return read_explanation(place.folder, repeated=True)
        if place.plan is None:
            EXPLANATIONS.begin(place.folder, plan)
        write_text(place.folder / PAGE, page)
        make_folder(place.folder / MAPS)
        for file, picture in pictures.items():
            _write_picture(place.folder / file, picture)
        write_sealed(place.folder / RECORD, record, [PAGE, *pictures])
    return ExplanationReport(folder=place.folder, record=record)


def _explainer(folder: Path, options: ExplainOptions) -> Explainer:
    """Opens the folder: an exported network that gives heat maps, or a run."""
    wanted = options.maps
    if is_artifact(folder):
        return ArtifactExplainer(
            folder, {"--class": wanted.class_name, "--layer": wanted.layer, "--check": wanted.check}
        )
    trained = network_of_run(folder, options.trust.trust)
    from skipwise.explaining.in_torch import RunExplainer  # which needs torch

    return RunExplainer(trained, wanted.layer)


def _left_out(seen: SeenImages, limit: int) -> list[str]:
    sentences = []
    if seen.left_out:
        sentences.append(f"Only {count(limit, 'image')} of {limit + seen.left_out:,} are explained; see --limit.")

    if seen.unreadable:
        name, why = next(iter(seen.unreadable.items()))
        sentences.append(f"{count(len(seen.unreadable), 'image')} can't be read, such as {name} ({why}).")
    return sentences


def _record(
    network: Explainer, plan: ExplanationPlan, seen: SeenImages, found: Explained
) -> tuple[ExplanationRecord, dict[str, NDArray[np.uint8]]]:
    """The record, and the pictures by the names of their files."""
    pictures: dict[str, NDArray[np.uint8]] = {}
    images, classes = [], network.classes
    for place, shown in enumerate(found.shown):
        square, maps, label = seen.pixels[place], found.maps[place], seen.labels[place]
        records = []
        for number, cells in zip(shown, maps, strict=True):
            file = f"{MAPS}/{place + 1:04d}-{number}.png"
            pictures[file] = overlay(square, cells, found.grid, highest=float(maps.max()))
            records.append(
                MapRecord(
                    name=classes[number],
                    logit=_rounded(cells.mean() if found.logits is None else found.logits[place, number]),
                    minimum=_rounded(cells.min()),
                    maximum=_rounded(cells.max()),
                    centre_share=centre_share(cells, found.grid, len(square)),
                    file=file,
                )
            )
        images.append(
            ImageRecord(
                image=seen.names[place],
                label=None if label is None else classes[label],
                answer=classes[shown[0]],
                probability=_rounded(found.probabilities[place, shown[0]]),
                logits=() if found.logits is None else tuple(map(_rounded, found.logits[place])),
                maps=tuple(records),
            )
        )
    record = ExplanationRecord(
        plan=plan,
        model=network.model,
        method=found.method,
        layer=found.layer,
        cells=found.maps[0].shape[-1],
        first=found.grid.first,
        step=found.grid.step,
        classes=classes,
        images=tuple(images),
        unreadable=seen.unreadable,
        left_out=seen.left_out,
        checks=found.checks,
        gates=found.gates,
    )
    return record, pictures


def _write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    from PIL import Image

    with atomic(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG")


def _rounded(value: float) -> float:
    return round(float(value), 6)

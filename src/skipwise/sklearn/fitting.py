"""A run of training for an estimator, in a folder of its own. PyTorch is loaded when there is something to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from skipwise.core.errors import TrainingFailed, require
from skipwise.core.options import build, declared
from skipwise.core.signatures import check_kind
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.sources import Source
from skipwise.sklearn.sources import decoded_images, prepared_for_training
from skipwise.training.folder.record import RunRecord
from skipwise.training.machine.execution import check_precision, choose_device
from skipwise.training.options import TrainOptions
from skipwise.training.planning.draft import choose_start, draft_plan, request_of
from skipwise.training.planning.inputs import with_statistics
from skipwise.training.planning.plan import RUNS
from skipwise.training.train import RETRIES


def train_on(source: Source, options: Mapping[str, Any], folder: Path, *, validation_fraction: float) -> RunRecord:
    """Trains a network on all images of a source, and writes the run.

    Args:
        source: the images.
        options: of `skipwise.train`, by their names.
        folder: where the run is written; it is empty.
        validation_fraction: the share of the images that the run validates on, and does not train on.

    Raises:
        SkipwiseError: an option is out of range, images can't be read, or the loss diverged however often the run was
            resumed.
        ValueError: a class has too few images.
    """
    require("torch", extra="train")
    for name, value in options.items():
        check_kind(name, value, declared(TrainOptions)[name].python_annotation)
    asked_options = build(TrainOptions, options)
    precision = asked_options.machine.precision
    check_precision(precision)
    asked = request_of(asked_options)
    asked = replace(asked, device=choose_device(asked.device))
    prepared = prepared_for_training(source, validation_fraction=validation_fraction)
    asked = choose_start(asked, prepared, _unsaid)
    draft = draft_plan(asked, prepared, _unsaid)
    from skipwise.training.planning.resolve import fitted  # which need torch
    from skipwise.training.run.runner import execute_run

    with decoded_images(prepared, PixelFormat.from_preprocessing(draft.spec.preprocessing), folder) as images:
        preprocessing = with_statistics(draft.spec.preprocessing, images.pixels, images.members("train"))
        draft = replace(draft, spec=replace(draft.spec, preprocessing=preprocessing))
        # Nothing is compiled, and there is no time limit, so that no step has to be timed.
        plan = fitted(draft, draft.spec.network.build_for_timing(), precision, _unsaid)
        RUNS.begin(folder, plan)
        init = None if asked.start is None else asked.start.file
        record = execute_run(plan.spec, images, folder, init=init, retries=RETRIES)
    if record.status == "failed":
        raise TrainingFailed(f"{plan.spec.model} can't be trained on these images: {record.reason}.")
    return record


def _unsaid(_: str) -> None:
    """An estimator prints nothing; what matters is in its attributes."""

"""Labels that finished runs doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.data.quality.findings import Finding
from skipwise.data.sources import Source
from skipwise.evaluation.mislabelled import doubts, probabilities
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import read_run


def doubted_by(source: Source, run: Path) -> list[Finding]:
    """Findings from what finished runs predicted for images that they were not trained on."""
    numbers = {name: index for index, name in enumerate(source.ids)}
    sums: dict[str, Any] = {}
    for path in [run / "run.json"] if (run / "run.json").exists() else sorted(run.glob("runs/*/run.json")):
        record = read_run(path.parent)
        for part in ("val", "test") if record.status == "finished" else ():
            if getattr(record, part) is None:
                continue
            answers = read_predictions(path.parent, part)
            if record.spec.classes != source.classes or not numbers.keys() >= set(answers.ids.tolist()):
                raise SkipwiseError(
                    f"The runs in {run} are of other images than {source.name}, or of other classes; give a run of "
                    "these images."
                )
            for name, row in zip(answers.ids.tolist(), probabilities(answers.logits), strict=True):
                sums[name] = sums.get(name, 0.0) + row
    if not sums:
        raise SkipwiseError(f"{run} holds no finished run's predictions; give the folder of a run or a comparison.")
    names = sorted(sums)
    labels = {name: int(source.labels[numbers[name]]) for name in names}
    total = np.stack([sums[name] for name in names])
    found = doubts(total / total.sum(axis=1, keepdims=True), np.array([labels[name] for name in names]))
    return [
        Finding(
            kind="looks_mislabelled",
            files=(names[doubt.index],),
            detail=(
                f"Labelled {source.classes[labels[names[doubt.index]]]} (probability {doubt.own:.0%}), but predicted "
                f"as {source.classes[doubt.believed]} ({doubt.probability:.0%})."
            ),
            exclude=(names[doubt.index],),
        )
        for doubt in found
    ]

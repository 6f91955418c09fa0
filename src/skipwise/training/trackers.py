"""The table of trackers, which `--track` names. Their modules, and the tools themselves, are imported when one is."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from skipwise.core.errors import unknown_name

TRACKERS = {
    "mlflow": ("skipwise.tracking.mlflow", "MLflow"),
    "tensorboard": ("skipwise.tracking.tensorboard", "TensorBoard"),
    "wandb": ("skipwise.tracking.wandb", "WandB"),
}
"""The module and the class of each tracker, by its name. They are above the training, so they are found by name."""


def trackers_of(track: str | Sequence[str]) -> list[Any]:
    """The trackers that `--track` names, as callbacks.

    Args:
        track: names, one by one or separated by commas.

    Raises:
        SkipwiseError: there is no such tracker, or its tool is not installed.
    """
    words = [track] if isinstance(track, str) else list(track)
    names = dict.fromkeys(name.strip().lower() for word in words for name in word.split(",") if name.strip())
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("tracker", name, TRACKERS)
    return [getattr(importlib.import_module(module), kind)() for module, kind in map(TRACKERS.__getitem__, names)]

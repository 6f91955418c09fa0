"""The files of a comparison, and the folders of its runs, by their names. It imports no other names, so that whoever
looks on knows them at once."""

from __future__ import annotations

from skipwise.training.folder.names import TUNING

PLAN, RESULTS, COSTS, REPORT = "plan.json", "comparison.json", "costs.json", "report.html"
ATTEMPTS = "attempts"
"""The folder of the attempts at runs that several machines make, each in a folder of its own."""
CURVE = "curve"
"""The folder of the runs on parts of the training images."""


def run_folder(model: str, seed: int, *, fold: int | None = None, parent: str = "runs") -> str:
    """Returns the folder of a run. The colon in the name of a user's own network is replaced.

    Args:
        fold: the part of the images that it is tested on, in cross-validation.
        parent: the folder above it.
    """
    return f"{parent}/{model.replace(':', '.')}-s{seed}{'' if fold is None else f'-f{fold}'}"


def tuning_folder(model: str, seed: int, name: str) -> str:
    """Returns the folder of a run that tunes.

    Args:
        name: what it tries; see `Tuning.name_of`.
    """
    return f"{run_folder(model, seed, parent=TUNING)}-{name}"


def curve_folder(model: str, seed: int, part: str, *, fold: int | None = None) -> str:
    """Returns the folder of a run on a part of the training images, such as "half"."""
    return f"{run_folder(model, seed, fold=fold, parent=CURVE)}-{part}"

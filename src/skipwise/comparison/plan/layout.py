"""The files of a comparison, and the folders of its runs, by their names. It imports nothing, so that whoever looks on
knows them at once."""

from __future__ import annotations

PLAN, RESULTS, COSTS, REPORT = "plan.json", "comparison.json", "costs.json", "report.html"
ATTEMPTS = "attempts"
"""The folder of the attempts at runs that several machines make, each in a folder of its own."""
TUNING = "tuning"
"""The folder of the runs that choose learning rates."""
CURVE = "curve"
"""The folder of the runs on parts of the training images."""


def run_folder(model: str, seed: int, *, fold: int | None = None, parent: str = "runs") -> str:
    """Returns the folder of a run. The colon in the name of a user's own network is replaced.

    Args:
        fold: the part of the images that it is tested on, in cross-validation.
        parent: the folder above it.
    """
    return f"{parent}/{model.replace(':', '.')}-s{seed}{'' if fold is None else f'-f{fold}'}"


def tuning_folder(model: str, seed: int, rate: float) -> str:
    """Returns the folder of a run that tries a learning rate."""
    return f"{run_folder(model, seed, parent=TUNING)}-lr{rate!r}"


def curve_folder(model: str, seed: int, part: str, *, fold: int | None = None) -> str:
    """Returns the folder of a run on a part of the training images, such as "half"."""
    return f"{run_folder(model, seed, fold=fold, parent=CURVE)}-{part}"

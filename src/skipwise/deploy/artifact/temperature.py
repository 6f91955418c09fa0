"""The temperature of an exported network: its logits are divided by it, so that its confidence is honest."""

from __future__ import annotations

from skipwise.core.files.paths import user_path
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.evaluation.temperature import FEWEST_IMAGES, fit_temperature
from skipwise.training.folder.predictions import Predictions, read_predictions
from skipwise.training.folder.record import read_run


def temperature_of_run(network: TrainedNetwork) -> float:
    """The temperature that minimises the log-loss of the run's validation images, to four digits.

    It is 1 where the network is a file of weights, or where the run has fewer than 20 validation images.

    Raises:
        SkipwiseError: the run's predictions are damaged.
    """
    validation = validation_of_run(network)
    if validation is None:
        return 1.0
    return float(f"{fit_temperature(validation.logits, validation.labels):.4g}")


def validation_of_run(network: TrainedNetwork) -> Predictions | None:
    """The run's answers to its validation images; None where the network is a file of weights, or the images too few.

    Raises:
        SkipwiseError: the run's predictions are damaged.
    """
    folder = user_path(network.where)
    if not (folder / "predictions.npz").exists() or read_run(folder, "predictions.npz").val is None:
        return None
    validation = read_predictions(folder, "val")
    return validation if len(validation.labels) >= FEWEST_IMAGES else None

"""The function `load`: a trained network from a run, from a folder for the Hub, or from the Hub itself."""

from __future__ import annotations

import os

from skipwise.core.errors import require
from skipwise.deploy.trained.trained_network import TrainedNetwork, network_of_run


def load(where: str | os.PathLike[str], *, trust: bool | str = False) -> TrainedNetwork:
    """Loads a trained network, with its classes and its preprocessing.

    Args:
        where (str | Path): the folder of a finished run; one that `export --huggingface` wrote; or `hf-hub:user/name`
            for a network on the Hugging Face Hub, which is downloaded once.
        trust (bool | str): whether a network of your own, which only the record names, may run: True, or its name.
            False by default.

    Returns:
        TrainedNetwork: `classes`, `preprocessing`, and `module()`, the PyTorch module in evaluation mode.

    Raises:
        SkipwiseError: there is no network or a damaged one, it can't be downloaded, or torch is not installed.
        NotTrusted: the network is somebody's own code.

    Example:
        >>> import skipwise
        >>> network = skipwise.load("runs/train/images")
        >>> network.module().classifier.out_features == len(network.classes)
        True
    """
    require("torch", extra="train")
    return network_of_run(where, trust)

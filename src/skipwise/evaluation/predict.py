"""The only forward pass used for evaluating, during training too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skipwise.data.batches import to_input
from skipwise.data.images import Pixels
from skipwise.data.preprocess import Preprocessing


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode and without gradients; every module's mode is put back afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    # By default convolutions of float32 are done on GPUs with ten bits where there are tensor cores.
    tf32, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = tf32
        for module, training in modes:
            module.training = training


def predict_logits(
    network: nn.Module,
    pixels: Pixels,
    members: NDArray[np.int64],
    preprocessing: Preprocessing,
    *,
    device: str,
    batch_size: int = 256,
) -> NDArray[np.float32]:
    """The network's logits [len(members), classes] for the images pixels[members], in float32.

    Never in lower precision, whatever the network was trained with: what is shipped is held against these.

    Args:
        pixels: uint8 [N, H, W, C].
    """
    logits = []
    with evaluating(network):
        for start in range(0, len(members), batch_size):
            images = torch.from_numpy(pixels[members[start : start + batch_size]]).to(device)
            logits.append(network(to_input(images, preprocessing.mean, preprocessing.std)).float().cpu().numpy())
    return np.concatenate(logits)

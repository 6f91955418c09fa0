"""The only forward pass used for evaluating, during training too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skipwise.core.machine.devices import is_out_of_memory
from skipwise.data.batches.batches import to_input
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.images import Pixels

_cudnn: Any = torch.backends.cudnn  # its attributes are made at run time
PRODUCTS = (_cudnn.conv, torch.backends.cuda.matmul)
"""The operations whose precision on GPUs can be set."""
BATCH, BATCH_PIXELS = 256, 256 * 128**2
"""The largest batch of an evaluation, in images and in pixels, so that memory does not grow with the images' size."""


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode and without gradients; every module's mode is put back afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    # GPUs may do products of float32 with ten bits, and convolutions by default do.
    precisions = [kind.fp32_precision for kind in PRODUCTS]
    network.eval()
    try:
        for kind in PRODUCTS:
            kind.fp32_precision = "ieee"
        with torch.inference_mode():
            yield
    finally:
        for kind, precision in zip(PRODUCTS, precisions, strict=True):
            kind.fp32_precision = precision
        for module, training in modes:
            module.training = training


def predict_logits(
    network: nn.Module,
    pixels: Pixels,
    members: NDArray[np.int64],
    preprocessing: Preprocessing,
    *,
    device: str,
) -> NDArray[np.float32]:
    """The network's logits [len(members), classes] for the images pixels[members], in float32.

    Never in lower precision, whatever the network was trained with: what is shipped is held against these. Where memory
    runs out, fewer images are taken at a time.

    Args:
        pixels: uint8 [N, H, W, C].
    """
    logits, start = [], 0
    batch_size = max(1, min(BATCH, BATCH_PIXELS // preprocessing.size**2))
    with evaluating(network):
        while start < len(members):
            try:
                images = torch.from_numpy(pixels[members[start : start + batch_size]]).to(device)
                logits.append(network(to_input(images, preprocessing.mean, preprocessing.std)).float().cpu().numpy())
                start += batch_size
            except Exception as error:
                if batch_size == 1 or not is_out_of_memory(error):
                    raise
                batch_size //= 2
    return np.concatenate(logits)

"""The answers of a finished run's network, in PyTorch: what an exported file has to reproduce."""

from __future__ import annotations

import threading

import numpy as np
import torch
from numpy.typing import NDArray

from skipwise.core.files.checksums import sha256
from skipwise.deploy.export.shipped import Resize
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.evaluation.logits import predict_logits


class RunSession:
    """A `Session` of a trained network, through the forward pass that evaluated it. Threads take turns."""

    def __init__(self, network: TrainedNetwork) -> None:
        self.classes = network.classes
        self.preprocessing = network.preprocessing
        self.identity = sha256(network.weights)
        self._network = network.module()
        self._fit = Resize(self.preprocessing)
        self._one_at_a_time = threading.Lock()

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, size, size, C] that `fit_square` has resized."""
        return torch.from_numpy(self.logits_resized(pixels)).softmax(dim=1).numpy()

    def logits_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Logits float32 [N, classes] for pixels [N, size, size, C] that `fit_square` has resized."""
        with self._one_at_a_time:  # evaluating changes settings of PyTorch and puts them back
            return predict_logits(self._network, pixels, np.arange(len(pixels)), self.preprocessing, device="cpu")

    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, H, W, C] of any size."""
        with torch.inference_mode():
            fitted = self._fit(torch.from_numpy(pixels)).permute(0, 2, 3, 1).to(torch.uint8)
        return self.predict_resized(fitted.numpy())

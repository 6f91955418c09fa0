"""A trained network's answers in PyTorch: what a shipped file is held against, or predicts where nothing is shipped."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from skipwise.core.files.checksums import sha256
from skipwise.deploy.artifact.trained_network import TrainedNetwork
from skipwise.deploy.export.shipped import Fit
from skipwise.evaluation.logits import predict_logits


class RunSession:
    """An `Session` of a trained network, by the forward pass that evaluated it."""

    def __init__(self, network: TrainedNetwork) -> None:
        self.classes = network.classes
        self.preprocessing = network.preprocessing
        self.identity = sha256(network.weights)
        self._network = network.module()
        self._fit = Fit(self.preprocessing)

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, size, size, C] as `fit_square` makes them: float32 [N, classes]."""
        logits = predict_logits(self._network, pixels, np.arange(len(pixels)), self.preprocessing, device="cpu")
        return torch.from_numpy(logits).softmax(dim=1).numpy()

    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, H, W, C] of any size: float32 [N, classes]."""
        with torch.inference_mode():
            fitted = self._fit(torch.from_numpy(pixels)).permute(0, 2, 3, 1).to(torch.uint8)
        return self.predict_resized(fitted.numpy())

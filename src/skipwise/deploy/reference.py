"""The answers of a run in PyTorch: what a shipped file is held against, and what predicts where nothing is shipped."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from skipwise.deploy.artifact import sha256
from skipwise.deploy.shipped import Fit
from skipwise.errors import SkipwiseError
from skipwise.evaluation.predict import predict_logits
from skipwise.files import read_json
from skipwise.nets.weights import load_weights
from skipwise.nets.zoo import create_model
from skipwise.training.run import RunRecord


def read_run(folder: str | os.PathLike[str]) -> RunRecord:
    """The record of a finished run.

    Raises:
        SkipwiseError: there is none, or it is unfinished or failed.
    """
    path = Path(folder).expanduser()
    if not (path / "run.json").is_file():
        if (path / "comparison.json").is_file() or (path / "plan.json").is_file():
            runs = sorted(each.parent.name for each in path.glob("runs/*/run.json"))
            which = f"such as {path / 'runs' / runs[0]}" if runs else "once one of them is finished"
            raise SkipwiseError(f"{path} is a comparison; name one of its runs, {which}.")
        if (path / "terms.json").is_file() or any(path.glob("resume*.safetensors")):
            raise SkipwiseError(f"The run in {path} is not finished; give the command that began it again first.")
        raise SkipwiseError(f"{path} is no run; give the folder of a finished run, one with a run.json.")
    record = read_json(path / "run.json", RunRecord)
    if record.status != "finished":
        raise SkipwiseError(f"The run in {path} failed ({record.reason}); there is nothing to export.")
    if not (path / "weights.safetensors").is_file():
        raise SkipwiseError(f"{path} has no weights.safetensors any more; train that run again.")
    return record


def load_network(folder: Path, record: RunRecord) -> torch.nn.Module:
    """The network of a finished run with its weights, in evaluation mode on the CPU."""
    spec = record.spec
    network = create_model(
        spec.model,
        num_classes=len(spec.classes),
        in_channels=spec.preprocessing.channels,
        stem=spec.stem,
        width=spec.width,
    )
    load_weights(network, folder / "weights.safetensors")
    return network.eval()


class Reference:
    """An `Answerer` of a finished run, by the forward pass that evaluated it."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        path = Path(folder).expanduser()
        record = read_run(path)
        self.classes = record.spec.classes
        self.preprocessing = record.spec.preprocessing
        self.identity = sha256(path / "weights.safetensors")
        self._network = load_network(path, record)
        self._fit = Fit(self.preprocessing)

    def fitted(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, size, size, C] as `fit_square` makes them: float32 [N, classes]."""
        logits = predict_logits(
            self._network, pixels, np.arange(len(pixels)), self.preprocessing, device="cpu", batch_size=len(pixels)
        )
        return torch.from_numpy(logits).softmax(dim=1).numpy()

    def whole(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, H, W, C] of any size: float32 [N, classes]."""
        with torch.inference_mode():
            fitted = self._fit(torch.from_numpy(pixels)).permute(0, 2, 3, 1).to(torch.uint8)
        return self.fitted(fitted.numpy())

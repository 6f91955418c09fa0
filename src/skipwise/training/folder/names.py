"""The files of a run's folder, by their names. It imports nothing, so that whoever looks on knows them at once."""

from __future__ import annotations

from pathlib import Path

RECORD = "run.json"
METRICS, WEIGHTS, PREDICTIONS = "metrics.jsonl", "weights.safetensors", "predictions.npz"
CHECKPOINT = "resume.safetensors"
VARIANTS = "variants"
"""The folder of the answers to variants of the test images, in that of a run."""
TUNING = "tuning"
"""The folder of the runs that choose hyperparameters, in that of a run or of a comparison."""


def previous(path: Path) -> Path:
    """Returns the file that keeps the checkpoint before the one at `path`."""
    return path.with_name(f"{path.stem}-previous{path.suffix}")

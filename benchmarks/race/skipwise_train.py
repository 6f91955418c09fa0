"""Skipwise: `skipwise train` with a time limit and nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from race.task import Task, answer
from skipwise.training.folder.files import read_history
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import read_run


def main() -> None:
    task = Task.given()
    folder = Path(task.output) / "run"
    command = [sys.executable, "-m", "skipwise", "train", task.data, "--seed", str(task.seed), "--output", str(folder)]
    if task.weights is not None:
        command += ["--model", "timm:tf_efficientnet_lite0", "--init", task.weights]
    if task.epochs is not None:
        command += ["--epochs", str(task.epochs)]
    else:
        command += ["--time-limit", f"{task.left:.0f}s"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    seconds = time.time() - task.began  # evaluation included
    sys.stderr.write(done.stderr)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    record, found = read_run(folder), read_predictions(folder, "test")
    answers = {
        Path(name).parts[-2:]: record.spec.classes[logits.argmax()]
        for name, logits in zip(found.ids.tolist(), found.logits, strict=True)
    }

    def predict(images: Sequence[Path]) -> list[str]:
        return [answers[image.parts[-2:]] for image in images]

    spec = record.spec
    answer(
        task,
        predict,
        package="skipwise",
        network=spec.model,
        size=spec.preprocessing.size,
        epochs=len(read_history(folder)),
        trained=seconds,
        notes=[f"stem {spec.stem}", f"batch {spec.recipe.batch_size}", spec.execution.precision],
    )


if __name__ == "__main__":
    main()

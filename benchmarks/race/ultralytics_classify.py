"""ultralytics: `YOLO.train` on a folder of classes, with its own time limit; it hands over its best epoch's network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ultralytics import YOLO

from race.task import Task, answer

NETWORK = "yolo26n-cls"
SHARE = 0.95
"""The share of the time left that is the limit of its loop, after which the last evaluation comes."""


def main() -> None:
    task = Task.given()
    model = YOLO(f"{NETWORK}.yaml")
    until = {"epochs": task.epochs} if task.epochs is not None else {"time": SHARE * task.left / 3600}
    model.train(data=task.data, seed=task.seed, project=task.output, name="run", **until)
    trained = time.time() - task.began

    def predict(images: Sequence[Path]) -> list[str]:
        return [
            found.names[found.probs.top1]
            for image in images
            for found in model.predict(str(image), imgsz=model.trainer.args.imgsz, verbose=False)
        ]

    answer(
        task,
        predict,
        package="ultralytics",
        network=NETWORK,
        size=model.trainer.args.imgsz,
        epochs=model.trainer.epoch + 1,
        trained=trained,
        notes=[] if task.epochs is not None else ["its own time limit; the last epoch may be cut"],
    )


if __name__ == "__main__":
    main()

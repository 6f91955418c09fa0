"""fastai: `vision_learner` with `aug_transforms` at 224 pixels, and `fit_one_cycle`; `fine_tune` from weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from fastai.vision.all import (
    ImageDataLoaders,
    Normalize,
    Resize,
    accuracy,
    aug_transforms,
    resnet18,
    set_seed,
    vision_learner,
)

from race.task import Predict, Task, compete

SIZE, BATCH = 224, 64


def fit(task: Task, data: Path, epochs: int) -> Predict:
    set_seed(task.seed)
    batch_tfms = aug_transforms()
    if task.weights is not None:  # with these fastai would add it, had it downloaded them
        batch_tfms = [*batch_tfms, Normalize.from_stats([0.5] * 3, [0.5] * 3)]
    loaders = ImageDataLoaders.from_folder(
        data, train="train", valid="val", item_tfms=Resize(SIZE), batch_tfms=batch_tfms, bs=BATCH
    )
    network = resnet18 if task.weights is None else "tf_efficientnet_lite0"
    learner = vision_learner(loaders, network, pretrained=False, metrics=accuracy)
    if task.weights is not None:
        weights = torch.load(task.weights, weights_only=True)
        body = learner.model[0].model
        body.load_state_dict({name: tensor for name, tensor in weights.items() if name in body.state_dict()})
    with learner.no_bar(), learner.no_logging():
        if task.weights is not None and epochs > 1:
            learner.freeze()
            learner.fine_tune(epochs - 1)  # after one epoch of the head
        else:
            learner.fit_one_cycle(epochs)

    def predict(images: Sequence[Path]) -> list[str]:
        with learner.no_bar(), learner.no_logging():
            probabilities, _ = learner.get_preds(dl=loaders.test_dl(list(images)))
        return [loaders.vocab[index] for index in probabilities.argmax(1).tolist()]

    return predict


if __name__ == "__main__":
    compete(fit, package="fastai", network="resnet18", size=SIZE, batch=BATCH)

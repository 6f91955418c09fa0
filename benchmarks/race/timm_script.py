"""timm: its own loaders, optimizer and schedule, with the defaults of its training script (SGD, cosine, 224 pixels).

Of these the number of epochs (300) is what fits, and the warmup's (5) is at most a tenth of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from PIL import Image
from timm.data import create_dataset, create_loader, create_transform, resolve_model_data_config
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import random_seed

from race.task import Predict, Task, compete, workers

SIZE, BATCH = 224, 128
RATE_FOR_256 = 0.1


def fit(task: Task, data: Path, epochs: int) -> Predict:
    random_seed(task.seed)
    given = {"pretrained": True, "pretrained_cfg_overlay": {"file": task.weights}} if task.weights else {}
    name = "tf_efficientnet_lite0" if task.weights else "resnet18"
    model = timm.create_model(name, num_classes=len(task.classes), **given)
    config = resolve_model_data_config(model)
    common = {
        "input_size": config["input_size"],
        "batch_size": BATCH,
        "interpolation": config["interpolation"],
        "mean": config["mean"],
        "std": config["std"],
        "num_workers": workers(),
        "device": torch.device("cpu"),
        "use_prefetcher": False,
        "persistent_workers": False,
    }
    folders = {
        split: create_dataset("", root=str(data / split), is_training=split == "train") for split in ("train", "val")
    }
    train = create_loader(folders["train"], is_training=True, **common)
    val = create_loader(folders["val"], crop_pct=config["crop_pct"], **common)
    optimizer = create_optimizer_v2(
        model, opt="sgd", lr=RATE_FOR_256 * BATCH / 256, momentum=0.9, weight_decay=2e-5, filter_bias_and_bn=True
    )
    scheduler, epochs = create_scheduler_v2(
        optimizer,
        sched="cosine",
        num_epochs=epochs,
        warmup_epochs=min(5, epochs // 10),
        warmup_lr=1e-5,
        step_on_epochs=False,
        updates_per_epoch=len(train),
    )
    loss_of = LabelSmoothingCrossEntropy(0.1)
    updates = 0
    for _ in range(epochs):
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            loss_of(model(images), labels).backward()
            optimizer.step()
            updates += 1
            scheduler.step_update(updates)
        model.eval()
        with torch.inference_mode():
            for images, _ in val:
                model(images)

    def predict(images: Sequence[Path]) -> list[str]:
        model.eval()
        transform = create_transform(**config, is_training=False)
        classes = task.classes
        answers = []
        for start in range(0, len(images), BATCH):
            batch = [transform(Image.open(path).convert("RGB")) for path in images[start : start + BATCH]]
            with torch.inference_mode():
                answers += [classes[index] for index in model(torch.stack(batch)).argmax(1).tolist()]
        return answers

    return predict


if __name__ == "__main__":
    compete(fit, package="timm", network="resnet18", size=SIZE, batch=BATCH)

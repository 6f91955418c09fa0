"""AutoTimm: `ImageClassifier` and `AutoTrainer` as in its quick start, without its search for a rate and compiling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from autotimm import AutoTrainer, BackboneConfig, ImageClassifier, ImageDataModule, MetricConfig
from PIL import Image

from race.task import Predict, Task, compete

SIZE, BATCH = 224, 64


def fit(task: Task, data: Path, epochs: int) -> Predict:
    module = ImageDataModule(data_dir=str(data), image_size=SIZE, batch_size=BATCH)
    accuracy = MetricConfig(
        name="accuracy",
        backend="torchmetrics",
        metric_class="Accuracy",
        params={"task": "multiclass"},
        stages=["train", "val"],
        prog_bar=True,
    )
    name = "resnet18" if task.weights is None else "tf_efficientnet_lite0"
    model = ImageClassifier(
        backbone=BackboneConfig(model_name=name, pretrained=False),
        num_classes=len(task.classes),
        metrics=[accuracy],
        lr=1e-3,
        compile_model=False,
        seed=task.seed,
        deterministic=False,
    )
    if task.weights is not None:
        weights = torch.load(task.weights, weights_only=True)
        known = model.backbone.state_dict()
        model.backbone.load_state_dict({name: tensor for name, tensor in weights.items() if name in known})
    trainer = AutoTrainer(
        max_epochs=epochs,
        tuner_config=False,
        default_root_dir=task.output,
        enable_progress_bar=False,
        log_every_n_steps=1,
    )
    trainer.fit(model, datamodule=module)

    def predict(images: Sequence[Path]) -> list[str]:
        model.eval()
        classes = task.classes
        answers = []
        for start in range(0, len(images), BATCH):
            batch = [module.eval_transforms(Image.open(path).convert("RGB")) for path in images[start : start + BATCH]]
            with torch.inference_mode():
                answers += [classes[index] for index in model(torch.stack(batch)).argmax(1).tolist()]
        return answers

    return predict


if __name__ == "__main__":
    said = ["tuner_config=False (its search takes 100 steps first)", "compile_model=False"]
    compete(fit, package="autotimm", network="resnet18", size=SIZE, batch=BATCH, notes=said)

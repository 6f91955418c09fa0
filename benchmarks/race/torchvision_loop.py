"""torchvision: the plain loop of PyTorch's tutorials and of torchvision's reference script, at 224 pixels.

From scratch with the reference's rate (0.1, divided by ten after each third), from weights with the transfer learning
tutorial's (0.001, divided by ten after 7 of 25 epochs, and again).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import models, transforms
from torchvision.datasets import ImageFolder

from race.task import Predict, Task, compete, workers

SIZE, BATCH = 224, 32


def fit(task: Task, data: Path, epochs: int) -> Predict:
    torch.manual_seed(task.seed)
    if task.weights is None:
        model: nn.Module = models.resnet18(num_classes=len(task.classes))
        mean, std, rate, period = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 0.1, epochs / 3
    else:
        model = timm.create_model("tf_efficientnet_lite0")
        model.load_state_dict(torch.load(task.weights, weights_only=True))
        model.reset_classifier(len(task.classes))
        mean, std, rate, period = [0.5] * 3, [0.5] * 3, 0.001, epochs * 7 / 25
    last = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    augmented = transforms.Compose([transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip(), *last])
    plain = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(SIZE), *last])
    train = DataLoader(ImageFolder(str(data / "train"), augmented), BATCH, shuffle=True, num_workers=workers())
    val = DataLoader(ImageFolder(str(data / "val"), plain), BATCH, num_workers=workers())
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, max(1, round(period)), 0.1)
    for _ in range(epochs):
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.inference_mode():
            for images, _ in val:
                model(images)

    def predict(images: Sequence[Path]) -> list[str]:
        model.eval()
        classes = task.classes
        answers = []
        for start in range(0, len(images), BATCH):
            batch = [plain(Image.open(path).convert("RGB")) for path in images[start : start + BATCH]]
            with torch.inference_mode():
                answers += [classes[index] for index in model(torch.stack(batch)).argmax(1).tolist()]
        return answers

    return predict


if __name__ == "__main__":
    compete(fit, package="torchvision", network="resnet18", size=SIZE, batch=BATCH)

"""The network and the images that are served, made once and kept in the cache."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

import skipwise
from skipwise.deploy.artifact.artifact import is_artifact, read_artifact

CLASSES = 1000
IMAGES = 96


def images(size: int) -> list[bytes]:
    """JPEGs of smooth colours and some noise; of 224 pixels they have about as many bytes as photographs."""
    rng, made = np.random.default_rng(0), []
    for _ in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=np.int64)
        pixels = (smooth + rng.integers(-10, 11, (size, size, 1))).clip(0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=85)
        made.append(file.getvalue())
    return made


def artifact(size: int, cache: Path) -> Path:
    """ResNet-18 in INT8 for images of `size` pixels. Its weights are random, which costs the same time."""
    folder = cache / f"resnet18-{size}-int8"
    if is_artifact(folder):
        read_artifact(folder)
        return folder
    from safetensors.torch import save_file

    stem, classes = ("imagenet", CLASSES) if size == 224 else ("small", 10)
    names = [f"class {number:03}" for number in range(classes)]
    data = cache / f"images-{size}"
    for number, image in enumerate(images(size)):
        path = data / names[number % 4] / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
    weights = cache / f"resnet18-{size}.safetensors"
    network = skipwise.create_model("resnet18", num_classes=classes, stem=stem, seed=0)
    save_file(network.state_dict(), weights)
    made = skipwise.export(
        weights,
        data,
        model="resnet18",
        stem=stem,
        classes=names,
        img_size=size,
        format="openvino",
        precision="int8",
        max_drop=100,  # of random answers any rounding changes many
        output=folder,
    )
    return made.folder

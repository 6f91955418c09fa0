"""Artifacts that somebody changes on purpose, writing new hashes as well; no training is needed to make one."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import seal_of, sha256
from skipwise.deploy.export.export import export
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.verify.verify import verify

CLASSES = ("anchor", "bell", "comb")
SIZE = 16


def ship(folder: Path, format: str, precision: str = "fp32") -> Path:
    """Makes an artifact of a network with initial weights, and a file of these; its golden images are made up."""
    import torch  # which those that only change an artifact need not wait for

    from skipwise.nets.create import create_model

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "weights.pth").exists():
        network = create_model("se_resnet18", num_classes=len(CLASSES), in_channels=3, width=0.25, seed=0)
        torch.save(network.state_dict(), folder / "weights.pth")
    elsewhere = ExternalWeights(model="se_resnet18", width=0.25, classes=CLASSES, img_size=SIZE)
    made = export(
        folder / "weights.pth",
        format=format,
        precision=precision,
        **vars(elsewhere),
        output=folder / f"{format}-{precision}",
    )
    return made.folder


def pictures(folder: Path, count: int = 6) -> Path:
    """Noise, by classes."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def changed(artifact: Path, folder: Path) -> Path:
    """A copy of an artifact."""
    return Path(shutil.copytree(artifact, folder))


def reseal(artifact: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    """Writes the hashes of the files as they are now, and a seal, after `change` has had the record."""
    path = artifact / "artifact.json"
    record = json.loads(path.read_bytes())
    change(record)
    record["files"] = {name: sha256(artifact / name) for name in record["files"] if name}
    record["files"][""] = seal_of(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    return artifact


def refused(artifact: Path, images: Path, reason: str) -> None:
    """By `predict` and by `verify`, with a sentence."""
    with pytest.raises(SkipwiseError, match=reason):
        list(skipwise.predict(artifact, images, threads=1))
    with pytest.raises(SkipwiseError, match=reason):
        verify(artifact, timing=False)


def rewritten(
    archive: Path, change: Callable[[str, bytes], bytes | None], more: dict[str, bytes], compression: int
) -> None:
    """A .pt2 anew: `change` gets the name and the bytes of each member, and `more` is added."""
    with zipfile.ZipFile(archive) as before:
        members = {each.partition("/")[2]: before.read(each) for each in before.namelist()}
    with zipfile.ZipFile(archive, "w", compression) as after:
        for name, data in members.items():
            made = change(name, data)
            if made is not None:
                after.writestr(f"archive/{name}", made)
        for name, data in more.items():
            after.writestr(f"archive/{name}", data)

"""Checkpoints: atomic, checksummed, no pickle.

One safetensors file holds the tensors, and in its header a JSON state and the SHA-256 of both, so that what is
read is what was written or nothing. The one before the last is kept beside it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from skipwise.files import atomic

FORMAT = "skipwise-checkpoint-2"


def save_checkpoint(path: Path, tensors: dict[str, Tensor], state: Any) -> None:
    """Writes tensors and a JSON-able state to `path`; what was there becomes the previous one.

    Raises:
        SkipwiseError: the disk is full, read-only, ...; the old files are untouched then.
    """
    text = json.dumps(state, sort_keys=True)
    # Files hold rows one after the other, whatever the layout in memory; so must what is hashed. Copies, since tied
    # weights share their memory, which safetensors refuses.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, "state": text, "sha256": _digest(tensors, text)}
    with atomic(path) as temporary:
        temporary.write_bytes(save(tensors, metadata=metadata))
        if path.exists():
            path.replace(previous(path))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], Any] | None:
    """The newest whole checkpoint at `path`, or the one before it, or None."""
    for candidate in (path, previous(path)):
        found = _read(candidate)
        if found is not None:
            return found
    return None


def remove_checkpoint(path: Path) -> None:
    """Removes the checkpoint and the previous one, if they are there."""
    path.unlink(missing_ok=True)
    previous(path).unlink(missing_ok=True)


def previous(path: Path) -> Path:
    """Where the checkpoint before the one at `path` is kept."""
    return path.with_name(f"{path.stem}-previous{path.suffix}")


def _read(path: Path) -> tuple[dict[str, Tensor], Any] | None:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError):
        return None
    text = metadata.get("state", "")
    if metadata.get("format") != FORMAT or metadata.get("sha256") != _digest(tensors, text):
        return None
    return tensors, json.loads(text)


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

"""Checkpoints: atomic, checksummed, no pickle.

One safetensors file holds the tensors, and in its header a state as JSON and the SHA-256 of both, so that a damaged
file is noticed. The checkpoint before the newest one is kept beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic
from skipwise.training.folder.names import previous

KIND = "skipwise-checkpoint-"
FORMAT = 3
"""Increases when the meaning of a checkpoint's state changes."""

Found = tuple[dict[str, Tensor], Any]
"""Tensors by name, and the state."""


def save_checkpoint(path: Path, tensors: dict[str, Tensor], state: Any, *, instead: bool = False) -> None:
    """Writes tensors and a state that JSON can hold to `path`. The file that was there becomes the previous one.

    Args:
        instead: replace the file that was there, and keep the previous one.

    Raises:
        SkipwiseError: the disk is full or read-only, for example. The old files are kept then.
    """
    text = json.dumps(state, sort_keys=True)
    # Files hold rows one after the other, whatever the layout in memory; so must what is hashed. Copies, since tied
    # weights share their memory, which safetensors refuses.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = {"format": f"{KIND}{FORMAT}", "state": text, "sha256": _digest(tensors, text)}
    with atomic(path, old=None if instead else previous(path)) as temporary:
        temporary.write_bytes(save(tensors, metadata=metadata))


def load_checkpoints(path: Path, notice: Callable[[str], None] = lambda _: None) -> Iterator[Found]:
    """The intact checkpoints at `path`: the newest, and the one before it.

    Args:
        notice: is called with a sentence about a damaged file, and if none is intact.

    Raises:
        SkipwiseError: a file can't be opened, or was written by another version of Skipwise.
    """
    there = [candidate for candidate in (path, previous(path)) if candidate.exists()]
    intact = 0
    for candidate in there:
        found = _read(candidate)
        if found is None:
            notice(f"{candidate} is damaged and is not used.")
        else:
            intact += 1
            yield found
    if there and not intact:
        notice("No checkpoint is intact: the run starts again.")


def _read(path: Path) -> Found | None:
    try:
        path.open("rb").close()
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            form = metadata.get("format", "")
            version = form.removeprefix(KIND)
            if form.startswith(KIND) and version.isdecimal() and int(version) != FORMAT:
                written = "a newer" if int(version) > FORMAT else "an older"
                raise SkipwiseError(
                    f"{path} was written by {written} Skipwise; resume with that version, or remove the file to start "
                    "the run again."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except OSError as error:  # not damaged: a disk or a network that may be back tomorrow
        raise SkipwiseError(f"{path} can't be read ({error.strerror or error}); the run was left as it is.") from error
    except SafetensorError:
        return None
    text = metadata.get("state", "")
    if form != f"{KIND}{FORMAT}" or metadata.get("sha256") != _digest(tensors, text):
        return None
    try:
        return tensors, json.loads(text)
    except (ValueError, RecursionError):  # the checksum is right, and the state is not ours
        return None


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

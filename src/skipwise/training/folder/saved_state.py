"""What the file of a saved state says of itself, read without its tensors and without torch."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from skipwise.core.files.earlier_names import with_current_names
from skipwise.training.folder.names import previous
from skipwise.training.folder.record import RunSpec
from skipwise.training.folder.state import TrainState


@dataclass(frozen=True)
class SavedState:
    """The record in a saved state, besides its tensors."""

    spec: RunSpec
    state: TrainState

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"state": "standing"}


def as_saved(state: Any) -> SavedState:
    """The record, from what its file holds.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    return msgspec.convert(with_current_names(state, SavedState), SavedState)


def saved_steps(path: Path) -> int:
    """The number of steps of the newest saved state at a path, as its file says; -1 without one."""
    found = -1
    for candidate in (path, previous(path)):
        with contextlib.suppress(msgspec.ValidationError):
            found = max(found, as_saved(_read(candidate)).state.steps)
    return found


def _read(path: Path) -> Any:
    """What a file of a saved state holds besides its tensors, without looking whether it is intact; None without it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads((file.metadata() or {})["state"])
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError):
        return None

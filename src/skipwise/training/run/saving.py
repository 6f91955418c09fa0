"""When a run's state is saved, and which saved state it goes on from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import msgspec
from torch import Tensor

from skipwise.core.files.earlier_names import with_current_names
from skipwise.training.loop.trainer import Training
from skipwise.training.run.checkpoint import load_checkpoints, save_checkpoint
from skipwise.training.run.record import RunSpec
from skipwise.training.run.state import TrainState

CHECKPOINT_SECONDS = 15.0
"""Between two checkpoints within an epoch, at least; at its end there is one sooner."""
SAVING_SHARE = 0.01
"""The largest share of the time that goes into saving; where saving takes long there are fewer checkpoints."""


@dataclass(frozen=True)
class _Saved:
    """What a checkpoint says beside its tensors."""

    spec: RunSpec
    state: TrainState

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"state": "standing"}


class Saves:
    """The saved states of one run.

    Args:
        path: of the newest checkpoint.
        notice: is told of one that is damaged.
    """

    def __init__(self, path: Path, spec: RunSpec, notice: Callable[[str], None]) -> None:
        self.path, self.spec, self.notice = path, spec, notice
        self._instead = False  # whether the newest checkpoint is worth nothing, and the next one takes its place
        self._distrusted: set[int] = set()  # the steps of states that led astray at once
        self._at, self._took = time.monotonic(), 0.0  # the last time, and how long it took
        self._steps: int | None = None  # of the state written last

    def newest(self) -> tuple[TrainState, dict[str, Tensor]] | None:
        """The newest state that can be trusted: where the run stood, and `Training.tensors`; None if there is none.

        Raises:
            SkipwiseError: it can't be opened, or was written by another version of Skipwise.
        """

        def damaged(sentence: str) -> None:
            self._instead = True
            self.notice(sentence)

        for tensors, state in load_checkpoints(self.path, damaged):
            try:
                stored = msgspec.convert(with_current_names(state, _Saved), _Saved)
            except msgspec.ValidationError as error:
                damaged(f"{self.path} says nothing that can be gone on from ({error}), and is not used.")
                continue
            if stored.spec == self.spec and stored.state.steps not in self._distrusted:
                return stored.state, tensors
            self._instead = True
        return None

    def diverged(self, came_from: int | None) -> None:
        """Gives up the newest state, after a run went astray.

        Args:
            came_from: the steps of the saved state the run had gone on from, if it had: one from which it goes astray
                before the next one is saved was not as good as it looked, and the one before it is better.
        """
        self._instead = True
        if came_from is not None:
            self._distrusted.add(came_from)

    def due(self, *, epoch_closed: bool) -> bool:
        """Whether it is time to save again."""
        apart = 0.0 if epoch_closed else CHECKPOINT_SECONDS
        return time.monotonic() - self._at >= max(apart, self._took / SAVING_SHARE)

    def save(self, training: Training) -> None:
        """Writes down where the training stands, unless that is nowhere: then the older states are worth more."""
        if not training.between_steps:
            return
        started = time.monotonic()
        if all(bool(tensor.isfinite().all()) for tensor in training.tensors().values()):
            self.write(training)
        self._at = time.monotonic()
        self._took = self._at - started

    def write(self, training: Training) -> None:
        """Writes down where the training stands.

        Raises:
            SkipwiseError: the disk is full, read-only, ...; the older states are untouched then.
        """
        state = msgspec.to_builtins(_Saved(self.spec, training.state))
        # After an epoch's last step and at its end the weights are the same: two copies would be lost together.
        instead = self._instead or training.state.steps == self._steps
        save_checkpoint(self.path, training.tensors(), state, instead=instead)
        self._instead, self._steps = False, training.state.steps

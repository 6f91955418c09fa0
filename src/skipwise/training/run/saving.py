"""The times at which a run's state is saved, and the choice of the saved state from which it is resumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from torch import Tensor

from skipwise.training.folder.record import RunSpec
from skipwise.training.folder.saved_state import SavedState, as_saved
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.trainer import Training
from skipwise.training.run.checkpoint import load_checkpoints, save_checkpoint

CHECKPOINT_SECONDS = 15.0
"""The least time between two checkpoints within an epoch. At the end of an epoch there may be one sooner."""
SAVING_SHARE = 0.01
"""The largest share of the time that is spent on saving. Where saving takes long there are fewer checkpoints."""


class Saves:
    """The saved states of one run.

    Args:
        path: of the newest checkpoint.
        notice: is called with a sentence about a damaged one.
    """

    def __init__(self, path: Path, spec: RunSpec, notice: Callable[[str], None]) -> None:
        self.path, self.spec, self.notice = path, spec, notice
        self._instead = False  # whether the newest checkpoint is of no use, and the next one replaces it
        self._distrusted: set[int] = set()  # the steps of states from which the loss diverged at once
        self._at, self._took = time.monotonic(), 0.0  # the last time, and how long it took
        self._steps: int | None = None  # of the state written last

    def newest(self) -> tuple[TrainState, dict[str, Tensor]] | None:
        """The newest state that can be trusted, and `Training.tensors` at that time; None if there is none.

        Raises:
            SkipwiseError: it can't be opened, or was written by another version of Skipwise.
        """

        def damaged(sentence: str) -> None:
            self._instead = True
            self.notice(sentence)

        for tensors, state in load_checkpoints(self.path, damaged):
            try:
                stored = as_saved(state)
            except msgspec.ValidationError as error:
                damaged(f"{self.path} holds no state that a run can be resumed from ({error}), and is not used.")
                continue
            if stored.spec == self.spec and stored.state.steps not in self._distrusted:
                return stored.state, tensors
            self._instead = True
        return None

    def diverged(self, came_from: int | None) -> None:
        """Gives up the newest state, after the loss has diverged.

        Args:
            came_from: the number of steps of the saved state that the run was resumed from, if it was. If the loss
                diverges before the next state is saved, that state was bad already, and the one before it is used.
        """
        self._instead = True
        if came_from is not None:
            self._distrusted.add(came_from)

    def due(self, *, epoch_closed: bool) -> bool:
        """Returns whether it is time to save again."""
        apart = 0.0 if epoch_closed else CHECKPOINT_SECONDS
        return time.monotonic() - self._at >= max(apart, self._took / SAVING_SHARE)

    def save(self, training: Training) -> None:
        """Saves the state, unless the loss is diverging: then the older states are better."""
        if not training.between_steps:
            return
        started = time.monotonic()
        if all(bool(tensor.isfinite().all()) for tensor in training.tensors().values()):
            self.write(training)
        self._at = time.monotonic()
        self._took = self._at - started

    def write(self, training: Training) -> None:
        """Saves the state.

        Raises:
            SkipwiseError: the disk is full or read-only, for example. The older states are kept then.
        """
        state = msgspec.to_builtins(SavedState(self.spec, training.state))
        # The weights after the last step of an epoch and at its end are the same. If they are bad, both states are.
        instead = self._instead or training.state.steps == self._steps
        save_checkpoint(self.path, training.tensors(), state, instead=instead)
        self._instead, self._steps = False, training.state.steps

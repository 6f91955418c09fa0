"""Reports of `train` and `compare` while they work: the class `Callback` and the records that it is given."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from skipwise.core.errors import SkipwiseError
from skipwise.training.folder.state import EpochMetrics, TrainState
from skipwise.training.machine.faults import in_short

if TYPE_CHECKING:
    from skipwise.training.folder.record import RunRecord

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Start:
    """The plan is fixed and written down, and the runs begin or continue.

    Args:
        folder: where the results go.
        plan: what is carried out: the `RunPlan` of `train`, or the `Plan` of `compare`.
        forecast: how long a new comparison is expected to take; None where it continues, and in `train`.

    Example:
        >>> class SayWhere(Callback):
        ...     def on_start(self, start: Start) -> None:
        ...         print(f"results in {start.folder.name}")
        >>> SayWhere().on_start(Start(folder=Path("runs/train/images"), plan=None))
        results in images
    """

    folder: Path
    plan: Any
    forecast: Any = None


@dataclass(frozen=True, kw_only=True)
class Phase:
    """The next part of a comparison: tuning, the runs up to an interim look, or what follows the runs. In `train`, the
    next part of the tuning, or the training that follows it.

    Args:
        name: a title, such as "Look 1 of 3" or "Writing the report".
        runs: the runs of this part, as `Job` records; the `folder` of a job is the `run` of an `Epoch`.
        ended: those of `runs` that have ended before.

    Example:
        >>> phase = Phase(name="Writing the report")
        >>> f"{phase.name}: {len(phase.runs)} runs"
        'Writing the report: 0 runs'
    """

    name: str
    runs: tuple[Any, ...] = ()
    ended: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Epoch(EpochMetrics):
    """One finished epoch of one run.

    Args:
        epoch: its number, counted from 1.
        train_loss: the mean loss over the steps of the epoch, in nats.
        learning_rate: of the next step; after the last step, of that one.
        val: accuracy (a fraction) and negative log-likelihood (nats) on the validation images; None without them.
        seconds: of training and validation together.
        run: the run's folder, relative to the folder of the comparison; in `train`, the folder's name, or of a run that
            tunes its folder in that of the run, such as "tuning/t3".
        model: the network.
        seed: the seed of initial weights, data order and augmentation.
        outcome: what the comparison is about, on the validation images, such as the balanced accuracy (a fraction);
            None where there are none, and in `train`.
        images_per_second: training images, without the time of the validation.

    Example:
        >>> from skipwise.evaluation.metrics import Metrics
        >>> epoch = Epoch(
        ...     epoch=1, train_loss=0.7, learning_rate=0.1, val=Metrics(accuracy=0.8, nll=0.5), seconds=2.0,
        ...     run="runs/resnet18-s0", model="resnet18", seed=0, images_per_second=900.0,
        ... )
        >>> f"{epoch.model}, seed {epoch.seed}: {epoch.val.accuracy:.0%}"
        'resnet18, seed 0: 80%'
    """

    run: str
    model: str
    seed: int
    outcome: float | None = None
    images_per_second: float

    @property
    def metrics(self) -> EpochMetrics:
        """The line of `metrics.jsonl`."""
        return EpochMetrics(self.epoch, self.train_loss, self.learning_rate, self.val, self.seconds)


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """A run has ended; its folder is complete.

    Args:
        run: as in `Epoch`.
        record: how it ended, with its metrics; `record.status` is "finished" or "failed".
        earlier: whether it had ended before this call began.

    Example:
        >>> class CountNewRuns(Callback):
        ...     count = 0
        ...     def on_run_end(self, end: RunEnd) -> None:
        ...         self.count += not end.earlier
    """

    run: str
    record: RunRecord
    earlier: bool = False


@dataclass(frozen=True, kw_only=True)
class End:
    """The work is over, or was stopped.

    Args:
        folder: where the results are.
        result: what `train` or `compare` returns; None where the work was stopped.
        error: what stopped it: an error, or KeyboardInterrupt.

    Example:
        >>> End(folder=Path("runs/train/images"), error=KeyboardInterrupt()).result is None
        True
    """

    folder: Path
    result: Any = None
    error: BaseException | None = None


class Callback:
    """The methods that `train` and `compare` call while they work. Override what you need; the methods here do nothing.

    All methods are called in the process and the thread that called `train` or `compare`, one at a time, in the order
    in which the callbacks were given. Runs of a comparison are done in other processes; what they report is handed
    over, so that a callback may keep its state in its own attributes, and needs no lock. Training continues in the
    other processes meanwhile; in `train` it waits for the callback.

    The order of the calls is: `on_prepare` while the images are read; `on_start`; then `on_phase`, `on_step`,
    `on_epoch` and `on_run_end`; `on_end` last. `on_notice` may come at any time before that. `on_end` is always called
    once `on_start` was, whatever happens in between. If the work had ended before this call, `on_start` and what
    follows it are not called. The epochs of one run come in order, each of them once, before its `on_run_end`; those of
    different runs are mixed. For a run that is resumed, `on_epoch` is called with the epochs after the saved state;
    after a crash it may have been called with some of these before. In `train`, a run whose loss diverges goes back to
    an earlier state, and its epochs come again. Under torchrun only the first process calls its callbacks.

    When `on_epoch` is called, the run's `metrics.jsonl` has the epoch already.

    A callback does not see the network, which may be in another process. `skipwise.DepthNorms` has sizes of activations
    and gradients recorded there; its `on_start` writes down what is asked, where the runs find it.

    If a callback raises an error, the work stops: the runs save their state, and `train` or `compare` raises a
    SkipwiseError that names the callback. The same call resumes it.

    Example:
        >>> class PrintLoss(Callback):
        ...     def on_epoch(self, epoch: Epoch) -> None:
        ...         print(f"{epoch.model} (seed {epoch.seed}), epoch {epoch.epoch}: loss {epoch.train_loss:.3f}")
        >>> PrintLoss().on_epoch(
        ...     Epoch(
        ...         epoch=3, train_loss=0.25, learning_rate=0.1, val=None, seconds=2.0,
        ...         run="runs/resnet18-s0", model="resnet18", seed=0, images_per_second=900.0,
        ...     )
        ... )
        resnet18 (seed 0), epoch 3: loss 0.250
    """

    def on_prepare(self, what: str, done: int, total: int) -> None:
        """Images are inspected or decoded: `done` of `total` so far; a total of 0 is not known yet."""

    def on_notice(self, sentence: str) -> None:
        """Something that a person should know, and that is not an error."""

    def on_start(self, start: Start) -> None:
        """The runs begin or continue."""

    def on_phase(self, phase: Phase) -> None:
        """A comparison, or a run that is tuned, begins its next part."""

    def on_step(self, state: TrainState) -> None:
        """`train` has made one more step. A comparison does not call this. Return quickly: training waits."""

    def on_epoch(self, epoch: Epoch) -> None:
        """A run has finished one more epoch."""

    def on_run_end(self, end: RunEnd) -> None:
        """A run has ended. This is called once for each run, and also for those that had ended earlier."""

    def on_end(self, end: End) -> None:
        """The work is over, or was stopped."""


class CallbackFailed(SkipwiseError):
    """A callback raised an error."""


class Callbacks(Callback):
    """Several callbacks as one, called in their order.

    Args:
        callbacks: instances of `Callback`.

    Raises:
        SkipwiseError: one of them is something else. Calling a method raises `CallbackFailed` where a callback fails.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise SkipwiseError(f"callbacks takes instances of skipwise.Callback, not {callback!r}.")
        # Those of several are called by this one, which names the one that fails.
        nested = [each.callbacks if isinstance(each, Callbacks) else (each,) for each in callbacks]
        self.callbacks: tuple[Callback, ...] = tuple(itertools.chain.from_iterable(nested))

    def on_prepare(self, what: str, done: int, total: int) -> None:
        self._call("on_prepare", what, done, total)

    def on_notice(self, sentence: str) -> None:
        self._call("on_notice", sentence)

    def on_start(self, start: Start) -> None:
        self._call("on_start", start)

    def on_phase(self, phase: Phase) -> None:
        self._call("on_phase", phase)

    def on_step(self, state: TrainState) -> None:
        self._call("on_step", state)

    def on_epoch(self, epoch: Epoch) -> None:
        self._call("on_epoch", epoch)

    def on_run_end(self, end: RunEnd) -> None:
        self._call("on_run_end", end)

    def on_end(self, end: End) -> None:
        self._call("on_end", end)

    def _call(self, method: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            try:
                getattr(callback, method)(*arguments)
            except BrokenPipeError:  # nobody reads what is printed any more; the command line ends quietly
                raise
            except Exception as error:
                whose = getattr(callback, "observer", callback)  # an adapter of an observer stands for it
                raise CallbackFailed(
                    f"The callback {type(whose).__name__} failed in {method} ({in_short(error)}); what was saved is "
                    "kept, and the same call resumes it once the callback is corrected."
                ) from error


def with_callbacks(callback: Callback, start: Start, work: Callable[[], R]) -> R:
    """Does the work between a callback's `on_start` and `on_end`, and returns its result."""
    try:
        callback.on_start(start)
        result = work()
    except BaseException as error:
        try:
            callback.on_end(End(folder=start.folder, error=error))
        except CallbackFailed as second:  # the first error is the one to correct
            warnings.warn(str(second), stacklevel=2)
        raise
    callback.on_end(End(folder=start.folder, result=result))
    return result

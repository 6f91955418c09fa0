"""Limits of time and memory for a network from a file.

Loops are refused when a file is read, but a file without loops can still ask for years of computing or for terabytes.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.memory import no_more_than_is_free

BATCH_SECONDS = 600.0
"""Seconds for a batch of up to 32 images and a network of up to 100 MB. A busy machine needs seconds, a slow one a
minute."""
_IMAGES, _BYTES = 32, 10**8
_ENDING_SECONDS = 10.0

_Result = TypeVar("_Result")


def allowed_seconds(images: int, size: int) -> float:
    """Returns the seconds that a batch of images may take, for a network whose file has `size` bytes."""
    return BATCH_SECONDS * max(1.0, images / _IMAGES) * max(1.0, size / _BYTES)


class Bounded:
    """Does work in a thread of its own, within a limit of time and with the memory that is free.

    After one piece of work that takes too long, all others are refused.

    Args:
        path: the network's file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._given_up: SkipwiseError | None = None
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._one = threading.Lock()
        threading.Thread(target=_work, args=(self._jobs,), daemon=True).start()
        weakref.finalize(self, self._jobs.put, None)

    def __call__(self, work: Callable[[], _Result], seconds: float, stop: Callable[[], None]) -> _Result:
        """Does `work` and returns or raises what it does.

        Args:
            work: the work.
            seconds: how long it may take.
            stop: asks it to end early. Where it does not, its thread is left behind and ends with the process.

        Raises:
            SkipwiseError: it takes longer than it may.
            MemoryError: it needs more memory than is free.
        """
        with self._one:
            if self._given_up is not None:
                raise self._given_up
            answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
            with no_more_than_is_free():
                self._jobs.put((work, answer))
                try:
                    result, error = _waited_for(answer, seconds)
                except queue.Empty:
                    stop()
                    with contextlib.suppress(queue.Empty):  # so that it is not in the middle of something at the end
                        answer.get(timeout=_ENDING_SECONDS)
                    self._given_up = SkipwiseError(
                        f"{self._path} took longer than {_minutes(seconds)} for one batch and was stopped; export it "
                        "again, or answer fewer images at once."
                    )
                    raise self._given_up from None
                except BaseException:  # Ctrl-C or a signal; a backend is only left between batches
                    with contextlib.suppress(queue.Empty):
                        answer.get(timeout=_ENDING_SECONDS)
                    raise
            if error is not None:
                raise error
            return result


def _minutes(seconds: float) -> str:
    return "1 minute" if seconds == 60 else f"{seconds / 60:,.3g} minutes"


def _waited_for(answers: queue.SimpleQueue[_Result], seconds: float) -> _Result:
    """The first answer. Seconds are counted one by one, so that time during which the process was suspended is not
    counted."""
    for _ in range(math.ceil(seconds) - 1):
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=1)
    return answers.get(timeout=1)


def _work(jobs: queue.SimpleQueue[Any]) -> None:
    while (job := jobs.get()) is not None:
        work, answer = job
        try:
            answer.put((work(), None))
        except BaseException as error:  # it is raised where the work was asked for
            answer.put((None, error))
        del job, work, answer  # or the last pixels would stay

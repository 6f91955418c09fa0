"""The speed of an exported file on this machine."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.machine.system import usable_cores
from skipwise.core.reporting import Progress
from skipwise.cost.interleaved import Timing, interleaved
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.formats import Backend
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.verify.variants import PYTORCH

BATCHES = (1, 8, 32)
TIMED_SECONDS = 0.4
"""Seconds for each backend, batch size and number of threads."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """The time that a backend takes for a batch of resized pixels.

    Args:
        name: the backend's, for people.
        batch: images in a batch.
        threads: threads of the backend.
        timing: in seconds per batch.
    """

    name: str
    batch: int
    threads: int
    timing: Timing


def speeds(
    folder: Path, artifact: Artifact, backends: Iterable[Backend], reference: Session | None, progress: Progress
) -> tuple[Speed, ...]:
    """Times each backend on resized pixels, which is what `predict` gives it. The backends take turns.

    Args:
        reference: the network in PyTorch, which is timed, too.
    """
    size, channels = artifact.preprocessing.size, artifact.preprocessing.channels
    counts = sorted({1, usable_cores()})
    found = []
    cells = list(itertools.product(counts, BATCHES))
    for number, (threads, batch) in enumerate(cells):
        progress("Timing", number, len(cells))
        pixels = np.random.default_rng(0).integers(0, 256, (batch, size, size, channels), dtype=np.uint8)
        timed: dict[str, Callable[[], object]] = {}
        if reference is not None:
            timed[PYTORCH] = functools.partial(_with_torch_threads, threads, reference.predict_resized, pixels)
        for backend in backends:
            session = ModelSession(backend, artifact.model_file(folder), threads)
            timed[backend.title] = functools.partial(session.predict_resized, pixels)
        seconds = TIMED_SECONDS * len(timed)
        for name, timing in interleaved(timed, seconds=seconds, least_rounds=3, warm_up=True).items():
            found.append(Speed(name=name, batch=batch, threads=threads, timing=timing))
    return tuple(found)


def _with_torch_threads(
    threads: int, answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]], pixels: NDArray[np.uint8]
) -> NDArray[np.float32]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return answer(pixels)
    finally:
        torch.set_num_threads(before)

"""How fast an exported file answers on this machine."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.machine.system import usable_cores
from skipwise.cost.interleaved import Timing, interleaved
from skipwise.deploy.artifact.artifact import MODEL_FILES, Artifact
from skipwise.deploy.runtime.engines import Backend, Opened
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.verify.backends import BACKEND_NAMES, PYTORCH, Progress

BATCHES = (1, 8, 32)
TIMED_SECONDS = 0.4
"""For each arm, each batch size and each number of threads."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds to answer a batch of fitted pixels."""

    name: str
    batch: int
    threads: int
    timing: Timing


def speeds(
    folder: Path, artifact: Artifact, names: Iterable[Backend], reference: Session | None, tell: Progress
) -> tuple[Speed, ...]:
    """How long each engine takes, in turn, for fitted pixels, as `predict` gives them."""
    path = folder / MODEL_FILES[artifact.format][0]
    size, channels = artifact.preprocessing.size, artifact.preprocessing.channels
    counts = sorted({1, usable_cores()})
    found = []
    cells = list(itertools.product(counts, BATCHES))
    for number, (threads, batch) in enumerate(cells):
        tell("Timing", number, len(cells))
        pixels = np.random.default_rng(0).integers(0, 256, (batch, size, size, channels), dtype=np.uint8)
        ways: dict[str, Callable[[], object]] = {}
        if reference is not None:
            ways[PYTORCH] = functools.partial(_with_torch_threads, threads, reference.predict_resized, pixels)
        for engine_name in names:
            engine = Opened(engine_name, path, threads)
            ways[BACKEND_NAMES[engine_name]] = functools.partial(engine.predict_resized, pixels)
        for name, timing in interleaved(ways, seconds=TIMED_SECONDS * len(ways), least_rounds=3, warm_up=True).items():
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

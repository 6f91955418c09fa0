"""One version of a network that is open: its session, its batches, and what is known of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.scan.inspection import PixelFormat
from skipwise.deploy.runtime.session import ArtifactSession, open_artifact
from skipwise.deploy.runtime.soundness import faults, shaped
from skipwise.serving.engine.batcher import Batcher
from skipwise.serving.engine.engine import deliver
from skipwise.serving.engine.work import Answer, Broken, Item
from skipwise.serving.models.certified import Certified, read_certified


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Settings for opening networks.

    Args:
        batch_size: the most images per forward pass.
        wait: seconds that an image waits for others.
        threads: threads of a network; None is one per core.
        backend: what runs it; None is the format's own.
        check: raises SkipwiseError where a folder is not to be served, because of its signature for instance.
        say: prints a sentence for whoever runs the server.
        batch: is told of each batch: the network's name, how many images, and how many seconds it took.
    """

    batch_size: int
    wait: float
    threads: int | None = None
    backend: str | None = None
    check: Callable[[Path], None]
    say: Callable[[str], None]
    batch: Callable[[str, int, float], None]

    @property
    def sizes(self) -> list[int]:
        """The sizes of batches: powers of two up to the largest; a backend prepares for each of them."""
        powers = [2**power for power in range(self.batch_size.bit_length()) if 2**power < self.batch_size]
        return [*powers, self.batch_size]


class Version:
    """A version of a network that is open. It is warm: each size of batch was answered once.

    Args:
        name: the network's name in requests.
        number: the version's name in requests.
        folder: the artifact's.
        opening: how it is opened.

    Attributes:
        session: the network.
        certified: what its certificate says; None without one.

    Raises:
        SkipwiseError: the artifact is damaged, of a newer version, not signed as it has to be, or gives no answers.
    """

    def __init__(self, name: str, number: str, folder: Path, opening: Opening) -> None:
        opening.check(folder)
        self.name, self.number, self._opening = name, number, opening
        self.session: ArtifactSession = open_artifact(folder, threads=opening.threads, backend=opening.backend)
        self.classes = self.session.classes
        self.identity = self.session.identity
        self.pixel_format = PixelFormat.from_preprocessing(self.session.preprocessing)
        self.explains = self.session.artifact.heat_maps is not None
        self.certified: Certified | None = read_certified(folder, self.identity)
        for size in opening.sizes:
            pixels = np.zeros((size, *self.pixel_format.shape), np.uint8)
            answers = shaped(self.session.predict_resized(pixels), size, len(self.classes))
            fault = faults(answers)[0]
            if fault is not None:
                raise SkipwiseError(f"{folder} can't be served: {fault}; export it again.")
        self.batcher = Batcher(self._answer, sizes=opening.sizes, wait=opening.wait)

    def _answer(self, batch: Sequence[Item]) -> None:
        """Answers a batch, in the batcher's thread; what goes wrong is each item's answer."""
        awaited = [item for item in batch if item.awaited]
        if not awaited:
            return
        loop: asyncio.AbstractEventLoop = awaited[0].future.get_loop()
        results: list[tuple[Item, Answer | Exception]]
        began = time.monotonic()
        try:
            results = list(zip(awaited, self._answers(awaited), strict=True))
        except BaseException as error:  # whatever the code of a backend raises, nobody waits for an answer in vain
            self._opening.say(f"{self.name} version {self.number} gave no answer: {error}")
            results = [(item, Broken(str(error))) for item in awaited]
        self._opening.batch(self.name, len(awaited), time.monotonic() - began)
        deliver(loop, results)

    def _answers(self, batch: Sequence[Item]) -> list[Answer | Exception]:
        pixels = np.frombuffer(b"".join(item.square for item in batch), np.uint8)
        pixels = pixels.reshape(len(batch), *self.pixel_format.shape)
        maps: Sequence[NDArray[np.float32] | None] = [None] * len(batch)
        if batch[0].explain:
            found, of_each = self.session.explain_resized(pixels)
            maps = list(of_each)
        else:
            found = self.session.predict_resized(pixels)
        found = shaped(found, len(batch), len(self.classes))
        return [
            Answer(version=self, probabilities=row, square=square, shorter_side=item.shorter_side, map=map)
            if fault is None
            else Broken(fault)
            for item, row, square, map, fault in zip(batch, found, pixels, maps, faults(found), strict=True)
        ]

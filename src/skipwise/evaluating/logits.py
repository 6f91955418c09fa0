"""The logits that an open network gives for labelled images now."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import usable_cores
from skipwise.core.reporting import Progress
from skipwise.data.scan.inspection import PixelFormat
from skipwise.deploy.predict.decoding import InputImage, decoded
from skipwise.deploy.predict.predictor import Predictor
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.trained.images import LabelledImages

BATCH = 32
"""Images that are answered at a time."""


def logits_of(images: LabelledImages, session: Session, progress: Progress | None) -> tuple[NDArray[np.floating], str]:
    """The logits of the images [N, classes], and a hash of their bytes.

    PyTorch gives them as they are. Of a network that gives probabilities they are the logarithms of these, which are
    logits as good as any, but for what rounding took from probabilities near 0.

    Raises:
        SkipwiseError: an image can't be read, or the network gives no numbers.
    """
    contents, done, parts = hashlib.sha256(), 0, []

    def given() -> Iterator[InputImage]:
        for position, content in enumerate(images.encoded()):
            contents.update(hashlib.sha256(content).digest())
            yield InputImage(name=images.id(position), content=content)

    exact = getattr(session, "logits_resized", None)
    for part in _logarithms(session, given()) if exact is None else _as_they_are(session, exact, given()):
        parts.append(part)
        done += len(part)
        if progress is not None:
            progress("Answering", done, len(images))
    return np.concatenate(parts), contents.hexdigest()


def _as_they_are(
    session: Session, logits: Callable[[NDArray[np.uint8]], NDArray[np.float32]], given: Iterator[InputImage]
) -> Iterator[NDArray[np.floating]]:
    format = PixelFormat.from_preprocessing(session.preprocessing)
    pixels = decoded(given, format, workers=usable_cores(), ahead=BATCH)
    with contextlib.closing(pixels):
        while batch := list(itertools.islice(pixels, BATCH)):
            several = np.empty((len(batch), *format.shape), dtype=np.uint8)
            for place, (name, content) in enumerate(batch):
                if not isinstance(content, bytes):
                    raise SkipwiseError(f"{name} has no answer ({content}); repair or remove it.")
                several[place] = np.frombuffer(content, np.uint8).reshape(format.shape)
            yield logits(several)


def _logarithms(session: Session, given: Iterator[InputImage]) -> Iterator[NDArray[np.floating]]:
    smallest = np.log(np.finfo(np.float32).tiny)
    with Predictor(session) as predictor:
        for batch in predictor.batches(given):
            for name, error in zip(batch.names, batch.errors, strict=True):
                if error is not None:
                    raise SkipwiseError(f"{name} has no answer ({error}); repair or remove it.")
            with np.errstate(divide="ignore"):
                yield np.maximum(np.log(batch.probabilities.astype(np.float64)), smallest)

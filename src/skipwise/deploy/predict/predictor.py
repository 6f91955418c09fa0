"""Answers for images, for programs: a network is opened once and answers images one at a time or many."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import usable_cores
from skipwise.core.shown import Shown
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.scan.inspection import PixelFormat
from skipwise.deploy.predict.decoding import InputImage, decode_all, decoded
from skipwise.deploy.predict.given_image import Image, as_input, refuse_single
from skipwise.deploy.runtime.session import ArtifactSession, Session, open_session
from skipwise.deploy.runtime.soundness import faults, shaped

THUMBNAIL = 96
"""Pixels a side of a prediction's small picture, at most."""


@dataclass(frozen=True, kw_only=True)
class Prediction(Shown):
    """The answer for one image.

    Args:
        label: the most likely class; "" where there is an `error`.
        probability: the probability of that class, from 0 to 1; NaN where there is an `error`, so that no threshold is
            passed.
        probabilities: the probability of each class by its name, the most likely first; empty where there is an
            `error`.
        error: None, or why there is no answer: the image can't be read, or the network's file is damaged.
        thumbnail: uint8 [T, T, channels], a small copy of what the network saw, at most 96 pixels a side, which
            notebooks show; None in answers of `predict_many`, of which there may be millions.

    Example:
        >>> prediction = Prediction(label="cat", probability=0.75, probabilities={"cat": 0.75, "dog": 0.25})
        >>> Prediction(error="no such file or directory").probability >= 0.5
        False
    """

    label: str = ""
    probability: float = float("nan")
    probabilities: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    thumbnail: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatMap(Shown):
    """A map of the parts of an image that an answer comes from.

    Args:
        prediction: the answer.
        square: uint8 [size, size, channels], the part of the image that the network sees, as large as it sees it.
        map: float64 [size, size], the class activation map of the answer over that square, in units of its logit; below
            zero is what speaks against it.
    """

    prediction: Prediction
    square: NDArray[np.uint8]
    map: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """The answers for a batch of N images, as numbers.

    Args:
        names: what the images are called.
        probabilities: [N, classes], in the order of the network's classes; zeros where there is an error.
        errors: for each image None, or why there is no answer.
    """

    names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    errors: tuple[str | None, ...]


class Predictor:
    """A network that answers images. Opening it takes up to a second; keep one for as long as there are images.

    An image is any of

    - encoded bytes, as a file or an upload holds them: `bytes`, `bytearray` or `memoryview`;
    - the path of a file: `str` or `pathlib.Path`;
    - a `PIL.Image.Image` of any mode, which is turned as its EXIF data say;
    - a NumPy array of pixels, height x width (grey), or height x width x channels with 1 (grey), 3 (red, green, blue)
      or 4 channels (and opacity): `uint8`, or `uint16` without opacity. Channels of OpenCV's are the other way round:
      give `image[:, :, ::-1]`.

    Decoding and resizing follow the rules of training, so an image gets the same answer in all of these forms, and the
    one that `skipwise predict` gives it. What counts as white in images of 16 bits is part of the exported network.

    It may be used from several threads at once: the network answers one batch after the other, and images are decoded
    in parallel. A process that was forked needs a Predictor of its own.

    Args:
        path (str | Path | Session): the folder of an exported network, which needs no PyTorch, or of a finished run,
            which does; or a network that is open already, for which `backend`, `threads` and `trust` say nothing.
        backend (str | None): what runs an exported network: "onnxruntime", "openvino" or "torch", as far as its format
            allows. None, the default, is the format's own.
        threads (int | None): threads of the network. None, the default, is one per core.
        workers (int | None): threads that read and decode images in `predict_many`. None, the default, is one per core.
        batch_size (int): images that the network answers at a time in `predict_many`, 32 by default. Probabilities may
            change in their last digits with it.
        trust (bool | str): for a run of a network of your own, whose code is Python that runs here: True, or the
            network's name. False by default.

    Attributes:
        classes (tuple[str, ...]): the names of the classes.
        identity (str): a hash of the network; where it is the same, so are the answers.
        batch_size (int): as given.

    Raises:
        SkipwiseError: the folder holds no network or a damaged one, the backend does not run its format or is not
            installed, a number is below 1, or the run's network is not trusted.

    Example:
        >>> import skipwise
        >>> with skipwise.Predictor("runs/export/images-onnx-fp32") as predictor:
        ...     prediction = predictor.predict("photo.jpg")
        ...     answers = list(predictor.predict_many(["photo.jpg", "missing.jpg"]))
        >>> prediction.label in predictor.classes and prediction.probability > 0
        True
        >>> prediction.probabilities[prediction.label] == prediction.probability
        True
        >>> [answer.error for answer in answers]
        [None, 'no such file or directory']
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Session,
        *,
        backend: str | None = None,
        threads: int | None = None,
        workers: int | None = None,
        batch_size: int = 32,
        trust: bool | str = False,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("workers", workers), ("threads", threads)):
            if value is not None and value < 1:
                raise SkipwiseError(f"{name} must be at least 1, not {value}.")
        if isinstance(path, str | os.PathLike):
            session: Session = open_session(path, trust=trust, threads=threads, backend=backend)
        elif hasattr(path, "classes"):
            session = path
        else:
            raise SkipwiseError(f"path has to be the folder of an exported network or of a run, and not {path!r}.")
        self.classes = session.classes
        self.identity = session.identity
        self.batch_size = batch_size
        self._workers = workers or usable_cores()
        self._pixel_format = PixelFormat.from_preprocessing(session.preprocessing)
        self._session: Session | None = session

    def __enter__(self) -> Predictor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the network and its memory. What is being answered in other threads is still answered."""
        self._session = None

    def predict(self, image: Image) -> Prediction:
        """The answer for one image. It is decoded in the calling thread.

        Args:
            image: bytes, a path, an image of Pillow's, or an array; see the class.

        Raises:
            SkipwiseError: the image can't be read, the network's answer is no probabilities because its file is
                damaged, it takes more time or memory than it may, or the Predictor is closed.
        """
        given = as_input(image, self._pixel_format)
        pixels = decode_all([given], self._pixel_format)
        answer = next(self._predictions(self._answer([given.name], pixels, fill=False)))
        if answer.error is not None:
            raise SkipwiseError(f"{given.name} can't be answered: {answer.error}.")
        assert isinstance(pixels[0], bytes)
        return replace(answer, thumbnail=_thumbnail(self._square(pixels[0])))

    def explain(self, image: Image) -> HeatMap:
        """The answer for one image, and what parts of it the answer comes from.

        Args:
            image: bytes, a path, an image of Pillow's, or an array; see the class.

        Raises:
            SkipwiseError: as `predict`, or the network is not one that was exported with `explain=True`.
        """
        session = self._opened()
        if not isinstance(session, ArtifactSession):
            raise SkipwiseError("A Predictor of a run gives no heat maps; use skipwise.explain, or export the run.")
        given = as_input(image, self._pixel_format)
        content = decode_all([given], self._pixel_format)[0]
        if not isinstance(content, bytes):
            raise SkipwiseError(f"{given.name} can't be answered: {content}.")
        square = self._square(content)
        found, maps = session.explain_resized(square[None])
        found = shaped(found, 1, len(self.classes))
        batch = Batch(names=(given.name,), probabilities=found, errors=tuple(faults(found)))
        answer = next(self._predictions(batch))
        if answer.error is not None:
            raise SkipwiseError(f"{given.name} can't be answered: {answer.error}.")
        return HeatMap(prediction=answer, square=square, map=session.grid.enlarge(maps[0], len(square)))

    def predict_many(self, images: Iterable[Image]) -> Iterator[Prediction]:
        """The answers for images, in their order, computed while they are asked for.

        The images are decoded in threads, a little ahead, and answered in batches; so memory stays flat and `images`
        may be endless. An answer comes when its batch is full: for images that arrive one at a time, use `predict`.

        An image that can't be read raises nothing: its answer has an `error`, and those around it are answered. One
        torn file among a million would otherwise end the work, and a server would refuse a whole request for it.

        Args:
            images: bytes, paths, images of Pillow's, or arrays; see the class. An array of four dimensions is several.

        Raises:
            SkipwiseError: `images` is one image, the network takes more time or memory than it may, or the Predictor is
                closed.
        """
        refuse_single(images)
        self._opened()
        batches = self.batches(as_input(image, self._pixel_format) for image in images)
        return itertools.chain.from_iterable(map(self._predictions, batches))

    def batches(self, images: Iterable[InputImage], *, answered: int = 0) -> Iterator[Batch]:
        """The answers for images, in their order, a batch at a time.

        Args:
            answered: how many images of the same work were answered before these.

        Raises:
            SkipwiseError: as `predict_many`, or an archive can't be read any more.
        """
        pixels = decoded(images, self._pixel_format, workers=self._workers, ahead=self.batch_size)
        with contextlib.closing(pixels):
            while batch := list(itertools.islice(pixels, self.batch_size)):
                # The last batch is filled up, because a backend prepares for each new number of images, which takes
                # longer than answering some more.
                fill = answered > 0 or len(batch) == self.batch_size
                yield self._answer([name for name, _ in batch], [content for _, content in batch], fill=fill)
                answered += len(batch)

    def _square(self, content: bytes) -> NDArray[np.uint8]:
        return np.frombuffer(content, np.uint8).reshape(self._pixel_format.shape)

    def _opened(self) -> Session:
        if self._session is None:
            raise SkipwiseError("This Predictor is closed; open another one.")
        return self._session

    def _answer(self, names: Sequence[str], contents: Sequence[bytes | UnreadableImage], *, fill: bool) -> Batch:
        """The answers for the pixels of at most a batch of images.

        Args:
            fill: whether the network is given a whole batch, filled up with the last image.
        """
        session = self._opened()
        readable = [content for content in contents if isinstance(content, bytes)]
        count = self.batch_size if fill else len(readable)
        pixels = np.empty((count, *self._pixel_format.shape), dtype=np.uint8)
        for position in range(count if readable else 0):
            image = readable[min(position, len(readable) - 1)]
            pixels[position] = np.frombuffer(image, np.uint8).reshape(pixels.shape[1:])
        found = np.empty((0, len(self.classes)), np.float32)
        if readable:
            found = shaped(session.predict_resized(pixels), count, len(self.classes))[: len(readable)]
        wrong = iter(faults(found))
        errors = tuple(next(wrong) if isinstance(each, bytes) else str(each) for each in contents)
        if len(readable) == len(contents):
            return Batch(names=tuple(names), probabilities=found, errors=errors)
        all_of_them = np.zeros((len(contents), len(self.classes)), np.float32)
        all_of_them[[isinstance(each, bytes) for each in contents]] = found
        return Batch(names=tuple(names), probabilities=all_of_them, errors=errors)

    def _predictions(self, batch: Batch) -> Iterator[Prediction]:
        order = np.argsort(-batch.probabilities, axis=1, kind="stable")
        sorted_values = np.take_along_axis(batch.probabilities, order, axis=1)
        for numbers, values, error in zip(order.tolist(), sorted_values.tolist(), batch.errors, strict=True):
            if error is not None:
                yield Prediction(error=error)
            else:
                label = self.classes[numbers[0]]
                of = {self.classes[number]: value for number, value in zip(numbers, values, strict=True)}
                yield Prediction(label=label, probability=values[0], probabilities=of)


def _thumbnail(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small copy of a square [S, S, C]: the mean of each block of pixels."""
    from PIL import Image

    flat = square[:, :, 0] if square.shape[2] == 1 else square
    small = Image.fromarray(flat).reduce(-(-len(square) // THUMBNAIL))
    return np.array(small).reshape(small.height, small.width, square.shape[2])

"""The engine: images are decoded in threads, off the event loop, and answered in batches; only so many may wait.

The steps are those of `Predictor`, so an image gets the answer that `skipwise predict` gives it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from skipwise.data.image.decode import UnreadableImage
from skipwise.data.names import printable
from skipwise.deploy.predict.decoding import pixels_of
from skipwise.deploy.predict.given_image import Image, as_input
from skipwise.serving.engine.work import Answer, Item, Overloaded, TooLate, Unreadable
from skipwise.serving.engine.workers import Workers

if TYPE_CHECKING:
    from skipwise.serving.models.version import Version

R = TypeVar("R")

MOST_HELD = 256 * 2**20
"""Bytes of requests, and of answers that their clients have not taken yet, that may be in memory."""
MOST_SCANS = 400
"""Scans of a progressive JPEG; programs write ten, and bytes of metadata may look like some."""
_NO_MEMORY = "there is not enough memory for it"


class Watcher(Protocol):
    """Is told of each answer, in the event loop: it must not take long, and raises nothing."""

    def answered(self, image: Image, answer: Answer) -> None:
        """Takes an image, as it came, and its answer."""


class Engine:
    """Answers images. All methods are called in the event loop.

    Args:
        workers: threads that decode.
        queue: the most images that may be on their way.
        watchers: are told of each answer.

    Attributes:
        waiting: how many images are on their way.
        held: bytes of requests and answers that are in memory.
    """

    def __init__(self, *, workers: int, queue: int, watchers: Sequence[Watcher] = ()) -> None:
        self.queue, self.watchers = queue, tuple(watchers)
        self.waiting = self.held = 0
        self._decoding = Workers(workers, "skipwise decoding")
        self._aside = Workers(1, "skipwise requests")
        self._seconds = 0.05  # for an image, about

    def check(self, images: int = 1) -> None:
        """Raises Overloaded where so many images more may not wait."""
        if self.waiting + images > self.queue:
            raise self.overloaded()

    def overloaded(self) -> Overloaded:
        """The error, with the time that what waits now will take."""
        return Overloaded(max(1, math.ceil(self.waiting * self._seconds)))

    def hold(self, size: int) -> None:
        """Counts bytes of a request or an answer, until they are given back by a negative size.

        Raises:
            Overloaded: there are too many.
        """
        if size > 0 and self.held + size > MOST_HELD:
            raise self.overloaded()
        self.held += size

    @contextlib.contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Counts bytes until the context ends.

        Raises:
            Overloaded: there are too many.
        """
        self.hold(size)
        try:
            yield
        finally:
            self.hold(-size)

    @property
    def busy(self) -> bool:
        """True while images wait for others, since there are more of them than threads that decode."""
        return self.waiting > self._decoding.number

    @property
    def working(self) -> bool:
        """True while every thread that images need is there."""
        return self._decoding.working and self._aside.working

    def answer(
        self, version: Version, images: Sequence[Image], *, deadline: float, explain: bool = False
    ) -> Coroutine[Any, Any, list[Answer | Unreadable]]:
        """The answers for images, in their order; where one can't be read, why not.

        The work begins with the call. Between looking up a version and the call nothing may be awaited, since a version
        that was replaced ends when it has answered what it was given.

        Args:
            version: the network.
            images: encoded bytes, or arrays of pixels.
            deadline: the moment of the monotonic clock until which they are to be answered.
            explain: whether heat maps are wanted.

        Raises:
            Overloaded: there is too much to do; the others are raised where the answers are awaited.
            TooLate: the deadline is over.
            Broken: the network gave no answer.
        """
        self.check(len(images))
        loop = asyncio.get_running_loop()
        items = [Item(image=image, explain=explain, deadline=deadline, future=loop.create_future()) for image in images]
        version.batcher.expect(len(items))
        self.waiting += len(items)
        for item in items:
            item.future.add_done_callback(self._done)
            self._decoding.submit(_decode, item, version, loop)
        return self._answers(items)

    async def _answers(self, items: Sequence[Item]) -> list[Answer | Unreadable]:
        loop, began, deadline = asyncio.get_running_loop(), time.monotonic(), items[0].deadline
        futures = [item.future for item in items]
        try:
            async with asyncio.timeout_at(loop.time() + deadline - time.monotonic()):
                found = await asyncio.gather(*futures, return_exceptions=True)
        except TimeoutError:
            raise TooLate from None
        finally:
            for item in items:
                item.future.cancel()
                if item.future.cancelled():  # a decoder that is busy for long must not hold what nobody waits for
                    item.image = b""
        self._seconds += 0.05 * ((time.monotonic() - began) / max(self.waiting, len(items)) - self._seconds)
        answers: list[Answer | Unreadable] = []
        for item, each in zip(items, found, strict=True):
            if isinstance(each, Answer):
                for watcher in self.watchers:
                    watcher.answered(item.image, each)
            elif not isinstance(each, Unreadable):
                raise each
            answers.append(each)
        return answers

    async def aside(self, job: Callable[..., R], *arguments: Any, deadline: float) -> R:
        """Does what takes a while with a request besides, such as reading a large form, in a thread.

        Raises:
            TooLate: the deadline is over.
        """
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self._aside.run(job, *arguments)
        except TimeoutError:
            raise TooLate from None

    def close(self) -> None:
        """Lets the threads end when they have decoded what they were given."""
        self._decoding.close()
        self._aside.close()

    def _done(self, _: asyncio.Future[Answer]) -> None:
        self.waiting -= 1


def _decode(item: Item, version: Version, loop: asyncio.AbstractEventLoop) -> None:
    """Decodes an image, in a thread, and hands it on to its network."""
    failed: Exception
    try:
        if not item.awaited:
            failed = TooLate()
        else:
            _check_scans(item.image)
            content = as_input(item.image, version.pixel_format).content
            item.square, side = pixels_of(content, version.pixel_format)
            item.shorter_side = min(item.image.shape[:2]) if isinstance(item.image, np.ndarray) else side
            version.batcher.put(item)
            return
    except UnreadableImage as error:
        text = printable(str(error))
        failed = Overloaded(1) if text == _NO_MEMORY else Unreadable(text)
    except MemoryError:
        failed = Overloaded(1)
    except BaseException as error:  # it is raised where the answer is awaited
        failed = error if isinstance(error, Exception) else RuntimeError(repr(error))
    version.batcher.give_up()
    deliver(loop, [(item, failed)])


def _check_scans(image: Image) -> None:
    """Raises UnreadableImage for a JPEG with thousands of scans, of which each goes over the whole image: ten megabytes
    of them would keep a thread busy for half an hour."""
    if isinstance(image, bytes) and image.startswith(b"\xff\xd8") and image.count(b"\xff\xda") > MOST_SCANS:
        raise UnreadableImage(f"it is a JPEG of more than {MOST_SCANS} scans")


def deliver(loop: asyncio.AbstractEventLoop, results: Sequence[tuple[Item, Answer | Exception]]) -> None:
    """Hands results to the event loop, from another thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(_set, results)


def _set(results: Sequence[tuple[Item, Answer | Exception]]) -> None:
    for item, result in results:
        if item.future.done():  # nobody waits any more
            continue
        if isinstance(result, Answer):
            item.future.set_result(result)
        else:
            item.future.set_exception(result)

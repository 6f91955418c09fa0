"""Inspecting files in several processes at once.

Decoding small images is mostly Python, which threads cannot run in parallel. And a decoder written in C may crash on
bytes that were made to crash it, which must not end the program. So `decoder_process` reads and decodes the files, in
processes of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import usable_cores
from skipwise.data.columns.names import Names
from skipwise.data.containers import Container, Shareable
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.scan.decoder_process import TIMEOUT_SIGNAL
from skipwise.data.scan.inspection import Inspection, PixelFormat, failed_inspection
from skipwise.data.scan.messages import Job, Setup, receive, send, to_text

Indices = Sequence[int] | NDArray[np.int64]
"""Numbers of images."""

CHUNK = 64
"""Images per job. A message costs as much as decoding a few images; larger jobs leave processes idle at the end."""
TIME_LIMIT = 60.0
"""Seconds of processor time per image, hundreds of times what the largest sound image takes."""
MOST_WAITING = 2**26
"""Bytes of files that wait to be inspected, or one file that is larger."""


class DecoderPool:
    """Processes that inspect files of one container.

    Use it as a context manager, or call `end`. Processes start when there is work, and no more of them than pay off.

    Args:
        container: where the files are.
        images: how many files there are to inspect.
    """

    def __init__(self, container: Container, images: int) -> None:
        self.count = max(1, min(usable_cores(), -(-images // CHUNK)))
        kind = container.kind if isinstance(container, Shareable) else ""
        self.setup = Setup(kind, to_text(os.fspath(container.path.absolute())), TIME_LIMIT)
        self.threads = ThreadPoolExecutor(self.count)
        # Last in, first out: a process that runs is used before another is started.
        self.idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(self.count):
            self.idle.put(None)
        self.started: list[_Process] = []
        self.ended = False

    def __enter__(self) -> DecoderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ends the processes now, whatever they are doing."""
        self.ended = True
        for process in list(self.started):
            process.end()
        self.threads.shutdown(cancel_futures=True)

    def inspect(
        self, addresses: Iterable[str], count: int, pixel_format: PixelFormat | None
    ) -> Iterator[list[Inspection]]:
        """Inspects `count` files by their addresses, and yields the results in order, some at a time."""
        size = max(1, min(CHUNK, -(-count // self.count)))
        texts = map(to_text, addresses)
        return self.run(Job(pixel_format, tuple(itertools.islice(texts, size))) for _ in range(0, count, size))

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Inspection]]:
        """The results of jobs, in order. Only a few jobs are in memory at a time."""
        waiting: deque[tuple[int, Future[list[Inspection]]]] = deque()
        for job in jobs:
            waiting.append((job.size, self.threads.submit(self._do, job)))
            del job  # so that the files are freed before the results are taken
            while len(waiting) > 3 * self.count or sum(size for size, _ in waiting) > MOST_WAITING:
                yield waiting.popleft()[1].result()
        while waiting:
            yield waiting.popleft()[1].result()

    def _do(self, job: Job) -> list[Inspection]:
        process = self.idle.get() or self._start()
        try:
            found = process.do(job)
            if found is not None:
                return found
            # One of the files ended the process; the others are inspected one by one.
            self._finish(process)
            found = []
            for position in range(len(job)):
                process = self._start()
                found += process.do(job.single(position)) or [failed_inspection(process.reason_of_death)]
                self._finish(process)
            return found
        finally:
            self.idle.put(process if process.alive else None)

    def _finish(self, process: _Process) -> None:
        process.end()
        self.started.remove(process)

    def _start(self) -> _Process:
        process = _Process(self.setup)
        self.started.append(process)
        if self.ended:
            process.end()
        return process


def inspect_files(
    container: Container,
    files: Sequence[str],
    pixel_format: PixelFormat | None,
    indices: Indices,
    pool: DecoderPool | None = None,
) -> Generator[tuple[Indices, list[Inspection]]]:
    """Inspects `files[index]` for each index, and yields results with their indices, some at a time, in any order.

    Args:
        pool: the processes to use; None starts some that end with the iterator.

    Raises:
        SkipwiseError: the container itself can no longer be read.
    """
    with DecoderPool(container, len(indices)) if pool is None else contextlib.nullcontext(pool) as decoders:
        if isinstance(container, Shareable):
            position = 0
            addresses = (container.address(files[index]) for index in indices)
            for found in decoders.inspect(addresses, len(indices), pixel_format):
                yield indices[position : position + len(found)], found
                position += len(found)
        else:
            order: deque[int] = deque()
            for found in decoders.run(_jobs_with_contents(container, files, pixel_format, indices, order)):
                yield [order.popleft() for _ in found], found


def _jobs_with_contents(
    container: Container,
    files: Sequence[str],
    pixel_format: PixelFormat | None,
    indices: Indices,
    order: deque[int],
) -> Iterator[Job]:
    """Jobs with the files' bytes, for a container that only one process can read; `order` receives the indices."""
    names, wanted = Names.of(files), np.zeros(len(files), np.bool_)
    wanted[np.asarray(indices, np.int64)] = True
    contents: list[tuple[bytes, str]] = []
    expected = iter(indices)  # most containers give the files in the order in which they are asked for
    for name, content in container.stream(names[int(index)] for index in indices):
        index = int(next(expected, 0))
        index = index if names[index] == name and wanted[index] else names.find(name)
        while index < len(names) and names[index] == name:  # a table may list a file in several lines
            if wanted[index]:
                wanted[index] = False
                order.append(index)
                contents.append((b"", str(content)) if isinstance(content, UnreadableImage) else (content, ""))
            index += 1
        if len(contents) >= CHUNK or sum(len(data) for data, _ in contents) > 2**24:
            yield Job(pixel_format, contents=tuple(contents))
            contents = []
    if contents:
        yield Job(pixel_format, contents=tuple(contents))


class _Process:
    """One decoder process, and the pipes to it."""

    def __init__(self, setup: Setup) -> None:
        self.time_limit = setup.time_limit
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            # -P keeps modules in the current folder out of the imports.
            [sys.executable, "-P", "-m", "skipwise.data.scan.decoder_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
        )
        with contextlib.suppress(BrokenPipeError):
            send(self._pipe(self.process.stdin), setup)

    def do(self, job: Job) -> list[Inspection] | None:
        """The results of a job, or None if the process died."""
        try:
            send(self._pipe(self.process.stdin), job)
            answer = receive(self._pipe(self.process.stdout), list[Inspection] | str)
        except BrokenPipeError:
            answer = None
        if isinstance(answer, str):
            raise SkipwiseError(answer)
        # A process that ends by itself has an error of ours; one that a file ended was killed by a signal.
        if answer is None and self.process.wait() > 0 and not self.log.closed:
            self.log.seek(0)
            raise RuntimeError(f"a decoder process failed:\n{self.log.read().decode(errors='replace')}")
        return answer

    @property
    def reason_of_death(self) -> str:
        """The cause of the process's death, as a reason why an image cannot be read."""
        if self.process.wait() == -TIMEOUT_SIGNAL:
            return f"decoding it takes more than {self.time_limit:.3g} seconds"
        return "decoding it crashes the decoder"

    @property
    def alive(self) -> bool:
        """True if it can take another job."""
        return self.process.poll() is None

    def end(self) -> None:
        """Ends it now."""
        if self.log.closed:
            return
        self.process.kill()
        with contextlib.suppress(BrokenPipeError), self.process, self.log:
            pass

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe

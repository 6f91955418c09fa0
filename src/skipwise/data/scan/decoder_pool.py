"""Looking at files in several processes at once.

Decoding small images is mostly Python, which threads can't share; and a decoder written in C may crash on bytes made
for that, which must not end the program. So files are read and decoded in processes:

    python -m skipwise.data.scan.decoder_pool

reads messages on standard input, the container's path and then `_Job`s, and answers each job with its `Look`s.
Messages are msgpack behind four bytes of length.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import usable_cores
from skipwise.data.containers import Container, Reader, Shareable, reopen
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.scan.inspection import Look, Square, fault, look

CHUNK = 64
"""Images per job: a message costs as much as some of them, and the last job keeps one process waiting."""
PATIENCE = 60.0
"""Seconds of a core for an image: hundreds of times what the largest takes, and what some are made to exceed."""
MOST_HELD = 2**26
"""Bytes of files that wait to be looked at, or one file that is larger."""


_TIRED = getattr(signal, "SIGPROF", 0)
"""The signal of a timer that counts what a process computes; Windows has none."""


@dataclass(frozen=True)
class _Place:
    """A container by kind and path; no kind where the files come with the jobs. `patience` is how many seconds of a
    core one file may take."""

    kind: str
    path: str
    patience: float


@dataclass(frozen=True)
class _Job:
    """Files by address, or, where the container can't be shared, what was read of each and what is wrong with it."""

    square: Square | None
    addresses: tuple[str, ...] = ()
    contents: tuple[tuple[bytes, str], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of files in it."""
        return sum(len(data) for data, _ in self.contents)


class Team:
    """Processes that look at files of one container, `images` of them. Use as a context manager, or `end` it.

    They start when there is work, and no more of them than is worth it.
    """

    def __init__(self, container: Container, images: int) -> None:
        self.count = max(1, min(usable_cores(), -(-images // CHUNK)))
        kind = container.kind if isinstance(container, Shareable) else ""
        self.place = _Place(kind, _text(os.fspath(container.path.absolute())), PATIENCE)
        self.threads = ThreadPoolExecutor(self.count)
        # Last in, first out: one that runs is taken before another is started.
        self.idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(self.count):
            self.idle.put(None)
        self.started: list[_Process] = []
        self.ended = False

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ends the processes now, and with them what they were doing."""
        self.ended = True
        for process in list(self.started):
            process.end()
        self.threads.shutdown(cancel_futures=True)

    def looks(self, addresses: Iterable[str], count: int, square: Square | None) -> Iterator[list[Look]]:
        """A look at each of `count` files, in order, some at a time."""
        size = max(1, min(CHUNK, -(-count // self.count)))
        texts = map(_text, addresses)
        return self.answers(_Job(square, tuple(itertools.islice(texts, size))) for _ in range(0, count, size))

    def answers(self, jobs: Iterable[_Job]) -> Iterator[list[Look]]:
        """The jobs' looks in order. Only a few are under way at a time, so that memory stays flat."""
        waiting: deque[tuple[int, Future[list[Look]]]] = deque()
        for job in jobs:
            waiting.append((job.size, self.threads.submit(self._do, job)))
            del job  # the thread lets go of the files before their looks are taken
            while len(waiting) > 3 * self.count or sum(size for size, _ in waiting) > MOST_HELD:
                yield waiting.popleft()[1].result()
        while waiting:
            yield waiting.popleft()[1].result()

    def _do(self, job: _Job) -> list[Look]:
        process = self.idle.get() or self._start()
        try:
            seen = process.do(job)
            if seen is not None:
                return seen
            # The process died of one of the files; the others are sound.
            self._finish(process)
            seen = []
            for position in range(max(len(job.addresses), len(job.contents))):
                process = self._start()
                one = slice(position, position + 1)
                single = _Job(job.square, job.addresses[one], job.contents[one])
                seen += process.do(single) or [fault(process.death)]
                self._finish(process)
            return seen
        finally:
            self.idle.put(process if process.alive else None)

    def _finish(self, process: _Process) -> None:
        process.end()
        self.started.remove(process)

    def _start(self) -> _Process:
        process = _Process(self.place)
        self.started.append(process)
        if self.ended:
            process.end()
        return process


def looks(
    container: Container, files: Sequence[str], square: Square | None, indices: Sequence[int], team: Team | None = None
) -> Generator[tuple[Sequence[int], list[Look]]]:
    """A look at each of `files[index]`, some at a time with their indices, in whatever order is quick.

    Args:
        team: who looks; None for processes that end with the iterator.

    Raises:
        SkipwiseError: the container itself can't be read any more.
    """
    with Team(container, len(indices)) if team is None else contextlib.nullcontext(team) as lookers:
        if isinstance(container, Shareable):
            position = 0
            addresses = (container.address(files[index]) for index in indices)
            for seen in lookers.looks(addresses, len(indices), square):
                yield indices[position : position + len(seen)], seen
                position += len(seen)
        else:
            order: deque[int] = deque()
            for seen in lookers.answers(_read_here(container, files, square, indices, order)):
                yield [order.popleft() for _ in seen], seen


def _read_here(
    container: Container, files: Sequence[str], square: Square | None, indices: Sequence[int], order: deque[int]
) -> Iterator[_Job]:
    """Jobs with the files' bytes, for a container that only one process can read; `order` gets their indices."""
    numbers = {files[index]: index for index in indices}
    contents: list[tuple[bytes, str]] = []
    for name, content in container.stream(numbers):
        order.append(numbers[name])
        contents.append((b"", str(content)) if isinstance(content, UnreadableImage) else (content, ""))
        if len(contents) == CHUNK or sum(len(data) for data, _ in contents) > 2**24:
            yield _Job(square, contents=tuple(contents))
            contents = []
    if contents:
        yield _Job(square, contents=tuple(contents))


class _Process:
    """A process that looks at files."""

    def __init__(self, place: _Place) -> None:
        self.patience = place.patience
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        # -P keeps the folder the user stands in, and whatever modules lie there, out of our imports.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "skipwise.data.scan.decoder_pool"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
        )
        with contextlib.suppress(BrokenPipeError):
            _send(self._pipe(self.process.stdin), place)

    def do(self, job: _Job) -> list[Look] | None:
        """The looks, or None if the process died."""
        try:
            _send(self._pipe(self.process.stdin), job)
            answer = _receive(self._pipe(self.process.stdout), list[Look] | str)
        except BrokenPipeError:
            answer = None
        if isinstance(answer, str):
            raise SkipwiseError(answer)
        if (
            answer is None and self.process.wait() > 0 and not self.log.closed
        ):  # not by a signal: an error of ours, not of the file
            self.log.seek(0)
            raise RuntimeError(f"a reading process failed:\n{self.log.read().decode(errors='replace')}")
        return answer

    @property
    def death(self) -> str:
        """What it died of."""
        if self.process.wait() == -_TIRED:
            return f"decoding it takes more than {self.patience:.3g} seconds"
        return "decoding it crashes the decoder"

    @property
    def alive(self) -> bool:
        """Whether it can be given another job."""
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


def _text(name: str) -> str:
    """A file's name as msgpack can carry it: bytes that are no UTF-8 as a character each."""
    return os.fsencode(name).decode("latin-1")


def _name(text: str) -> str:
    return os.fsdecode(text.encode("latin-1"))


def _send(pipe: IO[bytes], message: Any) -> None:
    data = msgspec.msgpack.encode(message)
    pipe.write(len(data).to_bytes(4, "big"))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes], kind: Any) -> Any:
    """The next message, or None at the end."""
    length = pipe.read(4)
    if len(length) < 4:
        return None
    data = pipe.read(int.from_bytes(length, "big"))
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError:  # cut off by the other side's death
        return None


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    place = _receive(requests, _Place)
    if place is None:
        return
    try:
        shared = reopen(place.kind, Path(_name(place.path))).reader() if place.kind else contextlib.nullcontext()
        with shared as read:
            while (job := _receive(requests, _Job)) is not None:
                _send(answers, list(_answer(job, read, place.patience)))
    except SkipwiseError as error:
        _send(answers, str(error))


def _answer(job: _Job, read: Reader | None, patience: float) -> Iterator[Look]:
    for data, reason in job.contents:
        with _limited(patience):
            found = fault(reason) if reason else look(data, job.square)
        yield found
    for address in job.addresses:
        assert read is not None
        with _limited(patience):
            try:
                found = look(read(_name(address)), job.square)
            except UnreadableImage as error:
                found = fault(str(error))
        yield found


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Ends the process by the signal _TIRED where a block takes more seconds of a core, whatever code it is in."""
    if not _TIRED:
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is waiting for us
    warnings.simplefilter("ignore")  # Pillow's, about odd metadata
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print; only answers may reach the pipe
    with contextlib.suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, output)

"""A client of HTTP that costs little, since it shares the cores with the server: requests are bytes made beforehand."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

MOST_CONNECTIONS = 512
"""Connections of an open loop. When all are in use, a request waits, and that counts as its latency."""
BROKEN = 0
"""The status of a request that was sent and got no whole answer."""
REFUSED = -1
"""The status of a request for which there was no connection: the server does not listen any more."""


@dataclass(frozen=True)
class Target:
    """A server, and requests to it."""

    port: int
    requests: Sequence[bytes]


@dataclass
class Load:
    """The result of some requests: the number with each status, and the latency of each in seconds, by status."""

    seconds: float = 0.0
    latencies: dict[int, list[float]] = field(default_factory=dict)

    def add(self, status: int, latency: float) -> None:
        self.latencies.setdefault(status, []).append(latency)

    @property
    def statuses(self) -> Counter[int]:
        return Counter({status: len(each) for status, each in self.latencies.items()})

    @property
    def good(self) -> list[float]:
        return self.latencies.get(200, [])

    @property
    def per_second(self) -> float:
        return len(self.good) / self.seconds

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.good, share)) if self.good else float("nan")


class Connection:
    """A connection that is kept, and opened again when the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> int:
        """Sends a request and returns the status of its answer."""
        if self._reader is None or self._reader.at_eof():
            await self.close()
            try:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
            except OSError:
                return REFUSED
        assert self._writer is not None
        try:
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            headers = head.lower()
            length = int(headers.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await self._reader.readexactly(length)
            if b"connection: close" in headers:
                await self.close()
            return int(head[9:12])
        except (OSError, EOFError, ValueError):
            await self.close()
            return BROKEN

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        self._reader = self._writer = None


async def closed(
    target: Target, *, connections: int, seconds: float, stop: Callable[[Load], bool] = lambda _: False
) -> Load:
    """So many clients, each of which asks again as soon as it has its answer."""
    load, requests, end = Load(), itertools.cycle(target.requests), time.perf_counter() + seconds

    async def client() -> None:
        connection = Connection(target.port)
        while (began := time.perf_counter()) < end and not stop(load):
            load.add(await connection.ask(next(requests)), time.perf_counter() - began)
        await connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    load.seconds = time.perf_counter() - began
    return load


async def at_rate(target: Target, *, rate: float, seconds: float, seed: int = 0) -> Load:
    """Requests that come at random moments, so many a second, whatever became of those before.

    A latency counts from the moment at which its request was to be sent.
    """
    load, requests = Load(), itertools.cycle(target.requests)
    moments = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds)))
    free: list[Connection] = []
    room = asyncio.Semaphore(MOST_CONNECTIONS)

    async def one(request: bytes, due: float) -> None:
        async with room:
            connection = free.pop() if free else Connection(target.port)
            status = await connection.ask(request)
            load.add(status, time.perf_counter() - due)
            free.append(connection)

    began = time.perf_counter()
    waiting: set[asyncio.Task[None]] = set()
    for moment in moments.tolist():
        due = began + moment
        if (left := due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        task = asyncio.create_task(one(next(requests), due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    load.seconds = time.perf_counter() - began
    for connection in free:
        await connection.close()
    return load


def request(path: str, body: bytes, content_type: str) -> bytes:
    """A request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body

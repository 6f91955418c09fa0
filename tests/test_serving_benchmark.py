"""How benchmarks/serving.py asks and counts."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

import pytest

Answer = Callable[[int], bytes | None]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("serving.client")


async def against(answer: Answer, load: Callable[[int], Awaitable], *, seconds: float = 0.0) -> object:
    """What a load finds of a server that answers request number n with `answer(n)`, and hangs up where that is None."""
    number = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(4)
                found = answer(number)
                number += 1
                await asyncio.sleep(seconds)
                if found is None:
                    break
                writer.write(found)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        return await load(server.sockets[0].getsockname()[1])


def test_every_request_is_counted_with_its_status(client: ModuleType) -> None:
    answers = [GOOD, BUSY, None, GOOD]
    asked = client.request("/v1/predict", b"1234", "image/jpeg")

    async def four(port: int) -> list[int]:
        connection = client.Connection(port)
        found = [await connection.ask(asked) for _ in answers]
        await connection.close()
        return found

    assert asyncio.run(against(lambda number: answers[number], four)) == [200, 503, client.BROKEN, 200]
    nobody = client.Connection(1)
    assert asyncio.run(nobody.ask(asked)) == client.REFUSED


def test_clients_that_ask_again_at_once(client: ModuleType) -> None:
    target = lambda port: client.Target(port, [client.request("/", b"1234", "image/jpeg")])  # noqa: E731
    load = asyncio.run(
        against(lambda _: GOOD, lambda port: client.closed(target(port), connections=3, seconds=0.3), seconds=0.02)
    )
    assert load.statuses[200] == len(load.good)
    assert 3 <= len(load.good) <= 3 * 16
    assert load.quantile(0.5) >= 0.02


def test_a_latency_counts_from_when_the_request_was_due(client: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one connection and a server of 50 ms, requests that come at once wait for each other."""
    monkeypatch.setattr(client, "MOST_CONNECTIONS", 1)
    target = lambda port: client.Target(port, [client.request("/", b"1234", "image/jpeg")])  # noqa: E731
    load = asyncio.run(
        against(lambda _: GOOD, lambda port: client.at_rate(target(port), rate=100, seconds=0.1), seconds=0.05)
    )
    assert len(load.good) == 10
    assert max(load.good) >= 0.35

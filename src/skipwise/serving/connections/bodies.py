"""Reads the body of a request within limits of size and time, however it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from skipwise.core.text import byte_size
from skipwise.serving.connections.problems import Problem, too_slow
from skipwise.serving.engine.engine import Engine

R = TypeVar("R")


@contextlib.asynccontextmanager
async def body_of(request: Request, engine: Engine, *, most: int, deadline: float) -> AsyncIterator[bytes]:
    """The body of a request, which counts as held in memory until the context ends.

    Args:
        engine: counts the bytes.
        most: the most bytes.
        deadline: the moment of the monotonic clock until which it has to be there.

    Raises:
        Problem: it is larger than it may be, packed, or sent too slowly.
        Overloaded: too many bytes are held.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Problem(415, "This server does not unpack requests; send it without Content-Encoding.")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    held = 0
    try:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                async for part in request.stream():
                    engine.hold(len(part))
                    held += len(part)
                    if held > most:
                        raise _too_large(most)
                    parts.append(part)
        except TimeoutError:
            raise too_slow() from None
        except ClientDisconnect:
            raise Problem(400, "The request broke off before its end.") from None
        yield b"".join(parts)
    finally:
        engine.hold(-held)


async def while_connected(request: Request, work: Coroutine[Any, Any, R]) -> R:
    """The result of some work, which is given up as soon as the client has gone.

    Args:
        request: its body was read.

    Raises:
        Problem: the client has gone, so nobody reads it.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Problem(400, "The client has gone before the answer came.")
    finally:
        working.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _too_large(most: int) -> Problem:
    return Problem(
        413,
        f"The request has more than {byte_size(most)}; send a smaller image or fewer. Whoever runs this server can "
        "allow more with --max-bytes.",
    )

"""The server's life: it begins, checks its connections, and ends when it is asked to, without losing a request.

Asked to end, it first says so to load balancers, and asks clients to close their connections with the next answer. Only
then it stops listening, finishes what it accepted, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Generator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from skipwise.serving.connections.deadline import end_within
from skipwise.serving.connections.protocol import BoundedProtocol
from skipwise.serving.listening import BACKLOG

NOTICE_SECONDS = 1.0
"""Seconds in which clients are asked to go before the server stops listening."""
ENDING_SECONDS = 3.0
"""Seconds at the end of the time to drain: those that are left get 503, the log is written, the process ends."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """A server on a socket that listens already.

    Args:
        app: the app.
        limits: the class of its connections.
        drain: seconds for what was accepted, once it is asked to end.
        ending: called when it is asked to end.
        began: called when it takes requests, in its event loop.

    Attributes:
        unanswered: at the end, how many requests the time was not enough for.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        protocol: type[BoundedProtocol],
        drain: float,
        began: Callable[[], None],
        ending: Callable[[], None],
    ) -> None:
        config = uvicorn.Config(
            app,
            http=protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # a warning for each request that is none would fill a disk
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=max(1, round(drain - NOTICE_SECONDS - ENDING_SECONDS)),
            backlog=BACKLOG,
        )
        super().__init__(config)
        self._began, self._ending = began, ending
        self._longest = max(drain - 1, NOTICE_SECONDS + ENDING_SECONDS)
        self._asked: float | None = None
        self._listening: list[socket.socket] = []
        self.unanswered = 0

    @property
    def time_left(self) -> float:
        """Seconds for what is left to do once it has ended; 1 at least."""
        return max(1.0, self._longest - 1 + (self._asked or time.monotonic()) - time.monotonic())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to take requests."""
        self._listening = [each.dup() for each in sockets or ()]
        await super().startup(sockets)
        self._began()

    async def on_tick(self, counter: int) -> bool:
        """Looks after the connections, ten times a second."""
        ended = await super().on_tick(counter)
        if counter % 10 == 0:
            self._check()
        if self._asked is not None:
            for connection in list(self.server_state.connections):
                connection.end_soon()  # type: ignore[union-attr]
            return time.monotonic() - self._asked >= NOTICE_SECONDS
        return ended

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finishes what was accepted."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # event loops of Windows watch no readers
            for each in sockets or ():
                loop.remove_reader(each.fileno())
        await asyncio.sleep(0.05)  # what was accepted is not a connection yet, and closing the server would drop it
        for server in self.servers:
            server.close()
        await self._accept_the_rest()
        watching = asyncio.create_task(self._watch())
        # uvicorn reports each task whose time is over as an error; `unanswered` says how many there were.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        try:
            await super().shutdown(sockets)
        finally:
            watching.cancel()
            self.unanswered = len(self.server_state.tasks)

    async def _accept_the_rest(self) -> None:
        """Takes the connections that the system has made already and nobody has taken; they would be reset."""
        loop = asyncio.get_running_loop()
        for each in self._listening:
            taken = []
            with each, contextlib.suppress(OSError):  # there is none any more
                each.setblocking(False)
                while True:
                    taken.append(each.accept()[0])
            for connection in taken:
                connection.setblocking(False)
                with contextlib.suppress(OSError):
                    await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._check()

    def _check(self) -> None:
        for connection in list(self.server_state.connections):
            connection.check(time.monotonic())  # type: ignore[union-attr]

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Takes the signals that ask a server to end. Unlike uvicorn it does not raise them again at its end, since
        being asked is no failure."""
        before = {each: signal.signal(each, self.handle_exit) for each in SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Asks the server to end; a second signal, a second later or more, does not wait for anything."""
        del sig, frame
        now = time.monotonic()
        if self._asked is None:
            self._asked = now
            end_within(self._longest)
            self._ending()
        elif now - self._asked > 1:
            self.force_exit = True

"""HTTP/1.1 as uvicorn speaks it over llhttp, with limits for clients that are slow, send too much, or are too many.

llhttp refuses what two servers in a row might read differently: both Content-Length and Transfer-Encoding, either of
them twice, other encodings than chunked, line ends without a carriage return, and spaces before a colon. uvicorn limits
neither the size of a request's head nor the time that a client takes, so that happens here.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from skipwise.serving.connections.guard import HEADERS
from skipwise.serving.connections.problems import MEDIA_TYPE, Problem, too_slow

MOST_HEAD = 32 * 1024
"""Bytes of a request before its body; more are refused."""
HEAD_SECONDS = 10.0
"""Seconds for a request's head from its first byte on, and for the first byte on a new connection."""
LAST_SECONDS = 4.0
"""Seconds for the first byte of a request, where the server is about to end: on a new connection, and on one that was
answered a moment ago, whose client has perhaps not heard yet that it is to close it."""
RECENT_SECONDS = 5.0
"""Since when an answer counts as a moment ago."""
SENDING_SECONDS = 30.0
"""Seconds for a client to take an answer."""
PROBE_SECONDS = 0.1
"""Seconds after which a client that sends no more is asked whether it is still there; at once where the server is busy.
"""
LOOK_SECONDS = 0.02
"""Seconds between two looks at what came of it."""
_PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"

_LONG_HEAD = Problem(431, f"The head of the request has more than {MOST_HEAD:,} bytes; send shorter headers.")
_OF_BODY = (b"content-length", b"transfer-encoding")
_UPGRADE = Problem(
    400,
    "This server speaks HTTP/1.1 only; send the request without the header Upgrade (curl --http1.1; in Java "
    "HttpClient.Version.HTTP_1_1).",
)


class BoundedProtocol(HttpToolsProtocol):
    """A connection. The server calls `check` about once a second.

    Attributes:
        most_connections: more of them are turned away.
        most_body: bytes of a body, as it is sent, with room for how it is cut into chunks.
        body_seconds: seconds for a whole request to come in.
    """

    most_connections: ClassVar[int] = 1000
    most_body: ClassVar[int] = 10_000_000
    body_seconds: ClassVar[float] = 30.0

    def busy(self) -> bool:
        """Returns whether images wait for others."""
        return False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a connection, or turns it away where there are too many."""
        super().connection_made(transport)
        self._since: float | None = time.monotonic()  # since when a request has been coming in; None between two
        self._sending: float | None = None
        self._in_head, self._begun, self._between = True, False, False
        self._later: Problem | None = None  # for what came behind a request that is not answered yet
        self._taken = self._head = 0
        self._ending = False
        self._answered = -math.inf  # when the last answer was complete
        # An answer is complete when the system has taken all of it; until then it counts as held.
        transport.set_write_buffer_limits(high=0)
        if len(self.connections) > self.most_connections:
            self._refuse(Problem(503, "There are too many connections; try again soon.", {"Retry-After": "1"}))

    def data_received(self, data: bytes) -> None:
        """Takes what a client sends, as far as it may send so much."""
        if self.transport.is_closing() or self._later is not None:
            return
        if self._since is None:
            self._since = time.monotonic()
        self._taken += len(data)
        self._begun = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._begun and not self._in_head:  # its body began in these bytes
            self._taken += len(data)
        if self._in_head and self._taken > MOST_HEAD:
            self._refuse(_LONG_HEAD)
        elif self._since is not None and self._taken > 4 * self.most_body + MOST_HEAD:
            self._refuse(Problem(413, "The request is too large."))

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more. It gets the answer that it waits for.

        Most of those that say so have gone altogether, and under load they must not keep the networks busy. Both look
        alike until something is sent. So a client that waits for long gets an interim answer, which every client of
        HTTP/1.1 has to pass over (RFC 9110, 15.2); the system of one that has gone refuses it.

        Returns:
            Whether the connection stays open for answers.
        """
        if self._since is not None and (self._taken or self._begun):
            self._refuse(Problem(400, "The request broke off before its end; send it again."))
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        if self._later is None:
            cycle.keep_alive = False
        asyncio.get_running_loop().call_later(0.0 if self.busy() else PROBE_SECONDS, self._probe)
        return True

    def _probe(self) -> None:
        """Sends an interim answer to a client that sends no more, unless an answer is on its way."""
        cycle = self.cycle
        if self.transport.is_closing() or self.pipeline or cycle.response_started:
            return
        if cycle.scope["http_version"] == "1.1":
            self.transport.write(_PROBE)
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Ends the connection if the client's system refused what was sent; nothing else tells, since nothing is read
        any more."""
        if self.transport.is_closing() or self.cycle.response_started:
            return
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
        else:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._taken, self._head = True, 0, 0
        self._begun, self._between = True, False
        self._since = time.monotonic()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those behind a body are left out, since the request was judged without them."""
        self._head += len(name) + len(value)
        if self._head > MOST_HEAD:
            self._refuse(_LONG_HEAD)
            raise ValueError("the head is too long")  # which ends the parser
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there, and the request is begun with."""
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name in _OF_BODY and value != b"0" for name, value in self.headers):
            self._refuse(_UPGRADE)  # the parser would leave out its body, and take it for the next request
            raise ValueError("the request wants another protocol")  # which ends the parser
        self._in_head = False
        super().on_headers_complete()
        if self._ending or upgrade:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The whole request is there."""
        super().on_message_complete()
        self._since, self._between = None, True

    def on_response_complete(self) -> None:
        """An answer is on its way."""
        self._answered = time.monotonic()
        super().on_response_complete()
        if self._later is not None and self.cycle.response_complete:
            self._write(self._later)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, and closes."""
        del msg
        self._refuse(
            Problem(400, "This is no request of HTTP/1.1 that this server takes; leave it to an HTTP library.")
        )

    def check(self, now: float) -> None:
        """Closes the connection where the client takes too long.

        Args:
            now: the monotonic clock.
        """
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self._sending = now if self._sending is None else self._sending
            if now - self._sending > SENDING_SECONDS:
                self.transport.abort()
            return
        self._sending = None
        if self._since is None:
            idle = self.cycle is None or self.cycle.response_complete
            if self._ending and idle and now - self._answered > LAST_SECONDS:
                self.transport.close()
            return
        if self._ending and not self._taken:
            allowed = LAST_SECONDS
        else:
            allowed = min(HEAD_SECONDS, self.body_seconds) if self._in_head else self.body_seconds
        if now - self._since > allowed and not self.flow.read_paused:
            self._refuse(too_slow())

    def end_soon(self) -> None:
        """The connection ends with the request that is in it or comes next."""
        self._ending = True
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Ends the connection unless a request is coming in or being answered."""
        self.end_soon()
        if self._since is None and time.monotonic() - self._answered > RECENT_SECONDS:
            super().shutdown()

    def _refuse(self, problem: Problem) -> None:
        """Sends a problem and closes: at once, unless an answer has begun, or else behind the answers to the requests
        that came before."""
        if self.transport.is_closing() or self._later is not None:
            return
        cycle = self.cycle
        behind = cycle is not None and (self._in_head or self._between)  # the cycle is that of the request before
        if behind and not cycle.response_complete:
            self._later = problem
            self.flow.pause_reading()
            return
        if cycle is None or behind or not cycle.response_started:
            self._write(problem)
            return
        self._give_up()

    def _write(self, problem: Problem) -> None:
        """Sends a problem, and closes."""
        if self.transport.is_closing():
            return
        headers: dict[str, Any] = {**HEADERS, **problem.headers, "Content-Type": MEDIA_TYPE, "Connection": "close"}
        body = problem.body
        lines = [f"{name.lower()}: {value}\r\n".encode() for name, value in headers.items()]
        length = f"content-length: {len(body)}\r\n\r\n".encode()
        self.transport.write(b"".join((STATUS_LINE[problem.status], *lines, length, body)))
        self._give_up()

    def _give_up(self) -> None:
        """Closes the connection, and lets the request that is in it end."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

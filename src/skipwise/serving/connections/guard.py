"""Access to the server: the names that it is called by, origins of pages, and the token.

A page from elsewhere can send requests to this machine's own addresses. The header Host tells those of a name that was
made to point here (DNS rebinding), and Origin those of another page.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skipwise.serving.connections.problems import Problem

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""Headers of every answer. A page may use only what this server itself sends."""

_OPEN = ("/", "/health/live", "/health/ready", "/v2", "/v2/health/live", "/v2/health/ready")
"""Paths that need no token: the page, which asks for the token itself, and what load balancers ask."""
_OPEN_BELOW = "/page/"


def is_loopback(host: str) -> bool:
    """Returns whether only this machine reaches an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Rules for access to the server.

    Args:
        hosts: the names that the server is called by, in lower case, without a port.
        addresses: whether it may be called by any address, too; no page can make one point elsewhere.
        origins: other origins whose pages may ask.
        token: what has to be sent; None for nothing.
    """

    hosts: frozenset[str]
    addresses: bool = False
    origins: frozenset[str] = frozenset()
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        host: str,
        *,
        names: Iterable[str] = (),
        origins: Iterable[str] = (),
        token: str | None = None,
    ) -> Rules:
        """The rules for a server that listens at `host`."""
        shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return cls(
            hosts=frozenset(each.lower() for each in (*LOOPBACK, shown, *names)),
            addresses=not is_loopback(host),
            origins=frozenset(origins),
            token=token,
        )

    def check_host(self, hosts: list[str]) -> None:
        """Raises Problem unless the header Host is there once and has a name of this server's."""
        if len(hosts) != 1:
            raise Problem(400, "A request needs the header Host exactly once.")
        name = _without_port(hosts[0]).lower()
        if name in self.hosts or (self.addresses and _is_address(name)):
            return
        raise Problem(
            421,
            "This server is not called by that name; whoever runs it can allow the name in the header Host with "
            "--host-name.",
        )

    def check_origin(self, origin: str | None, host: str) -> None:
        """Raises Problem for a request that a page of another origin sends, unless that is allowed."""
        if origin is None or origin in self.origins:
            return
        if origin.partition("://")[2] == host:
            return
        raise Problem(
            403, "Pages of that origin may not ask here; whoever runs this server can allow it with --allow-origin."
        )

    def check_token(self, path: str, authorization: list[str]) -> None:
        """Raises Problem unless the token is there, or not needed."""
        if self.token is None or path in _OPEN or path.startswith(_OPEN_BELOW):
            return
        scheme, _, given = (authorization[0] if len(authorization) == 1 else "").partition(" ")
        # Bytes, since digests of text have to be ASCII.
        right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self.token.encode())
        if scheme.lower() != "bearer" or not right:
            raise Problem(
                401,
                "This server answers only those who have its token; send the header 'Authorization: Bearer TOKEN'.",
                {"WWW-Authenticate": 'Bearer realm="skipwise"'},
            )


class Guard:
    """Lets only allowed requests through to an app, and adds the headers that every answer has.

    Args:
        app: the app behind it.
        rules: who may ask.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = _values(scope, b"origin")
        allowed = bool(origin) and origin[0] in self._rules.origins
        more = _cors(origin[0]) if allowed else []

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                mine = [*message["headers"], *more]
                there = {name for name, _ in mine}
                rest = [(name, value) for name, value in self._headers if name not in there]
                message = {**message, "headers": [*mine, *rest]}
            await send(message)

        try:
            hosts = _values(scope, b"host")
            self._rules.check_host(hosts)
            self._rules.check_origin(origin[0] if origin else None, hosts[0])
            if allowed and scope["method"] == "OPTIONS":  # a browser asks beforehand, and sends no token then
                await sent({"type": "http.response.start", "status": 204, "headers": []})
                await sent({"type": "http.response.body", "body": b""})
                return
            self._rules.check_token(scope["path"], _values(scope, b"authorization"))
        except Problem as problem:
            await problem.response()(scope, receive, sent)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await sent(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:  # the server ends, and the time that it had for that is over
            if not begun:
                ended = Problem(503, "This server ended before it could answer; ask again.", {"Retry-After": "1"})
                await ended.response()(scope, receive, sent)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for each, value in scope["headers"] if each == name]


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", b"authorization, content-type, inference-header-content-length"),
        (b"access-control-expose-headers", b"retry-after, inference-header-content-length"),
        (b"access-control-max-age", b"600"),
        (b"vary", b"Origin"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]


def _without_port(host: str) -> str:
    head, colon, port = host.rpartition(":")
    return head if colon and port.isdigit() and (head.startswith("[") or ":" not in head) else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True

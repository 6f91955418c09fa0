"""Answers that count as held in memory until their clients have taken them."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from skipwise.serving.engine.engine import Engine


class HeldResponse(Response):
    """An answer whose bytes an engine counts until the system has taken them all.

    A client that reads slowly keeps its answer in the memory of the server, and many of them could fill it.

    Args:
        engine: counts the bytes.
        content: the body.
        media_type: its type.
        headers: more headers.
    """

    def __init__(self, engine: Engine, content: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(content, headers=headers, media_type=media_type)
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer.

        Raises:
            Overloaded: too many bytes are held, and nothing was sent.
        """
        del scope, receive
        with self._engine.holding(len(self.body)):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})  # which waits until nothing is left to write

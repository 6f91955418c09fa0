"""Errors as `application/problem+json` (RFC 9457): what is wrong with a request, and what to do about it."""

from __future__ import annotations

import http
from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from skipwise.core.text import printable, shortened
from skipwise.serving.engine.work import Overloaded

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Ends a request with an error.

    Args:
        status: the status of HTTP.
        detail: a sentence or two: what is wrong, and the mend.
        headers: more headers of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = shortened(printable(detail), 600)
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        """The document. `error` is where clients of the Open Inference Protocol look for the sentence."""
        title = http.HTTPStatus(self.status).phrase
        document = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        return msgspec.json.encode(document | {"error": self.detail})

    def response(self) -> Response:
        """The answer."""
        return Response(self.body, self.status, self.headers, MEDIA_TYPE)


def overloaded(error: Overloaded) -> Problem:
    """The problem of a request that comes when there is too much to do."""
    return Problem(
        503,
        f"There is too much to do at the moment; ask again in {error.seconds} s.",
        {"Retry-After": str(error.seconds)},
    )


def too_slow() -> Problem:
    """The problem of a client that takes too long to send its request."""
    return Problem(
        408,
        "The request did not come in in time; send it again, over a faster connection perhaps.",
        {"Connection": "close"},
    )


def too_late(seconds: float) -> Problem:
    """The problem of a request whose time is over."""
    return Problem(
        503,
        f"This took longer than {seconds:g} s and was stopped; ask again later, or with less.",
        {"Retry-After": "1"},
    )


BROKEN = "The server failed to answer this; its log says why."
"""The answer to a client where the fault is not the request's: nothing of paths and code."""

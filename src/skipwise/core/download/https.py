"""One request by HTTPS, whose answer begins within a time; certificates are verified."""

from __future__ import annotations

import concurrent.futures
import http.client
import re
import ssl
import threading
import urllib.error
import urllib.request
from email.message import Message
from typing import IO, Any
from urllib.parse import urlsplit

from skipwise.core.errors import SkipwiseError

SILENCE = 30.0
"""Seconds that a server may say nothing."""
PATIENCE = 60.0
"""Seconds until the headers of an answer have to be there."""


class BrokenConnection(Exception):
    """The connection broke; what has arrived is kept."""


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another address of HTTPS and to nothing else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_scheme(newurl, req.full_url)
        except SkipwiseError:
            fp.close()  # nobody else has this answer
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def check_scheme(url: str, asked: str) -> None:
    if urlsplit(url).scheme.lower() != "https":
        by = "" if url == asked else f", to which {asked} redirects,"
        raise SkipwiseError(f"{url}{by} is not downloaded, since only https can be trusted to bring what was sent.")


def open_url(url: str, headers: dict[str, str]) -> Any:
    """The answer of a server, whose headers have arrived, within a time; certificates are verified.

    Raises:
        HTTPError: it has an error instead.
        BrokenConnection: there is no answer.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _OnlyHttps(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"User-Agent": "skipwise", "Accept-Encoding": "identity", **headers})
    asked: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def ask() -> None:
        found: Any
        try:
            found = opener.open(request, timeout=SILENCE)
        except Exception as error:
            found = error
        try:
            asked.set_result(found)
        except concurrent.futures.InvalidStateError:  # it was given up on
            if not isinstance(found, Exception) or isinstance(found, urllib.error.HTTPError):
                found.close()

    # Each header may come just in time, for ever; so it is not this thread that waits for them.
    threading.Thread(target=ask, daemon=True).start()
    concurrent.futures.wait([asked], PATIENCE)
    if asked.cancel():
        raise BrokenConnection("the server does not answer")
    found = asked.result()
    if isinstance(found, urllib.error.HTTPError | SkipwiseError):
        raise found
    if isinstance(found, urllib.error.URLError) and isinstance(found.reason, ssl.SSLCertVerificationError):
        raise SkipwiseError(
            f"{url} can't be downloaded, since the server's certificate can't be verified "
            f"({found.reason.verify_message}); where your network has one of its own, name its file in SSL_CERT_FILE."
        )
    if isinstance(found, OSError | http.client.HTTPException):
        raise BrokenConnection(reason_of(found)) from found
    if isinstance(found, Exception):
        raise found
    return found


def range_of(status: int, headers: Message, have: int) -> tuple[int, int]:
    """Returns where the answer's bytes begin, and the length of the file; 0 if the server does not say."""
    length = headers.get("Content-Length", "")
    if status != 206:
        return 0, int(length) if length.isdecimal() else 0
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
    if said is None or int(said[1]) != have:
        raise BrokenConnection("the server sends another part than was asked for")
    return have, int(said[2])


def validator_of(headers: Message) -> str:
    """Returns the header that changes with the file. A weak ETag may stay while the bytes change."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


def reason_of(error: Exception) -> str:
    # Only the bare URLError hides its reason.
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(inner) or type(inner).__name__

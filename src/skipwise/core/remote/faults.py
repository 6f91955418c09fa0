"""The errors of servers and of the libraries that ask them, as sentences; and trying again what may work again."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from skipwise.core.addresses import redacted_text, scheme_of
from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.remote.kinds import KINDS, Kind

T = TypeVar("T")

ATTEMPTS = 4
"""The number of times that something is tried."""
ENDURING = 7
"""The same where the server has answered before, so that work is under way that waits half a minute for it."""
WAIT = 0.5
"""Seconds before the second try; twice as many before each further one."""
_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
_FORBIDDEN = frozenset((401, 403))
_NOBODY = ("NoCredentials", "CredentialRetrieval", "PartialCredentials", "DefaultCredentials", "LocalTokenNotFound")
_BROKEN = (
    "ClientConnection",
    "ClientConnector",
    "ClientOSError",
    "ClientPayload",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "EndpointConnection",
    "HTTPClientError",
    "IncompleteRead",
    "NoValidConnections",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "ResponseParser",
    "ResponseStreaming",
    "ServerDisconnected",
    "ServerTimeout",
    "ServiceRequest",
    "ServiceResponse",
    "SSHException",
)
"""Words in the names of errors after which the same may work again. The libraries are not imported to look."""
_FINAL = ("AuthenticationException", "BadHostKey", "PasswordRequired")
_ERRNO = frozenset(getattr(errno, name, -1) for name in ("EREMOTEIO", "EBUSY", "EIO", "ECONNRESET", "EPIPE"))


class Truncated(Exception):
    """An answer that is shorter, or longer, than it should be."""


class Changed(SkipwiseError):
    """A file at an address changed while it was read."""


def insisting(act: Callable[[], T], address: str, *, enduring: bool = False) -> T:
    """Returns `act()`, tried again with longer and longer pauses where that may help.

    Args:
        enduring: whether the server has answered before, and is asked more often.

    Raises:
        SkipwiseError: it did not help; the sentence names the address and what to do.
    """
    attempts = ENDURING if enduring else ATTEMPTS
    for attempt in range(attempts):
        try:
            return act()
        except SkipwiseError:
            raise
        except Exception as error:
            if attempt == attempts - 1 or not may_pass(error):
                raise sentence_of(error, address, attempts) from error
            # Not all at the same moment, where many were turned away together.
            time.sleep(WAIT * 2**attempt * random.uniform(0.7, 1.3))
    raise AssertionError


@contextlib.contextmanager
def explained(address: str) -> Iterator[None]:
    """Turns what a server or a library says into a sentence."""
    try:
        yield
    except SkipwiseError:
        raise
    except Exception as error:
        raise sentence_of(error, address) from error


def may_pass(error: BaseException) -> bool:
    """Returns whether the same may work a moment later."""
    if _any(error, _is_final):
        return False
    for each in _chain(error):
        name, status = type(each).__name__, status_of(each)
        if status in _BUSY or isinstance(each, TimeoutError | ConnectionError | EOFError | Truncated):
            return True
        if status in _FORBIDDEN or status == 404:
            return False
        if any(word in name for word in _BROKEN) or (isinstance(each, OSError) and each.errno in _ERRNO):
            return True
    return False


def sentence_of(error: BaseException, address: str, attempts: int = 1) -> SkipwiseError:
    """The error as a sentence that says what to do, after so many attempts."""
    kind = next(each for each in KINDS if scheme_of(address) in each.schemes)
    reasons = [_said(each) for each in _chain(error)]
    why = next((reason for reason in reasons if reason), "it says no more")
    if _any(error, lambda each: any(word in type(each).__name__ for word in _NOBODY)):
        return SkipwiseError(f"{address} can't be read, since there are no credentials here; {kind.login}.")
    if _any(error, lambda each: "known_hosts" in str(each) or "BadHostKey" in type(each).__name__):
        return SkipwiseError(
            f"{address} can't be read, since the key of its host is not the one in ~/.ssh/known_hosts, or is not there;"
            " connect with ssh once, and compare it."
        )
    if _any(error, _is_unknown):
        return SkipwiseError(f"The server of {address} is not found; check its name, and the connection.")
    if _any(error, _is_forbidden):
        return SkipwiseError(f"{address} can't be read: it is forbidden ({why}); {kind.login}.")
    if _any(error, lambda each: "NoSuchBucket" in str(each) or "bucket does not exist" in str(each)):
        return SkipwiseError(f"There is no bucket of {address}; check its name, and where its server is.")
    if may_pass(error):
        asked = f", though it was asked {attempts} times" if attempts > 1 else ""
        return SkipwiseError(
            f"{address} does not answer ({why}){asked}; check the connection, and give the same command again, which "
            "goes on from there."
        )
    if _any(error, lambda each: isinstance(each, FileNotFoundError) or status_of(each) == 404 or _is_missing(each)):
        return missing(address, kind)
    return SkipwiseError(f"{address} can't be read ({why}); check the address.")


def missing(address: str, kind: Kind) -> SkipwiseError:
    """The error for an address where nothing lies."""
    where = "the bucket and the path" if kind.has_folders and kind.package != "paramiko" else "the address"
    return SkipwiseError(f"There is nothing at {address}; check {where}.")


def status_of(error: BaseException) -> int:
    """The status of HTTP that an error of any of the libraries carries; 0 if it has none."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    for holder, name in (
        (error, "status"),
        (error, "status_code"),
        (response, "status_code"),
        (error, "code"),
    ):
        found = getattr(holder, name, None)
        if isinstance(found, int) or (isinstance(found, str) and found.isdecimal()):
            return int(found)
    return 0


def _is_forbidden(error: BaseException) -> bool:
    denied = isinstance(error, PermissionError) or "AuthenticationException" in type(error).__name__
    return denied or status_of(error) in _FORBIDDEN or "GatedRepo" in type(error).__name__


def _is_final(error: BaseException) -> bool:
    name = type(error).__name__
    return any(word in name for word in (*_FINAL, *_NOBODY)) or "known_hosts" in str(error) or _is_unknown(error)


def _is_unknown(error: BaseException) -> bool:
    """Returns whether there is no server of that name, as far as is known here."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME


def _is_missing(error: BaseException) -> bool:
    return "NotFound" in type(error).__name__


def _any(error: BaseException, holds: Callable[[BaseException], bool]) -> bool:
    return any(map(holds, _chain(error)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the first cause last."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _said(error: BaseException) -> str:
    """The reason as far as it is meant for people, without secrets and without the address itself."""
    status = status_of(error)
    if isinstance(error, Truncated):
        return str(error)
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "no answer in time"
    if isinstance(error, FileNotFoundError) and status == 0:
        return ""  # which only repeats the path
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        said = str(response.get("Error", {}).get("Message", ""))
        return redacted_text(said or f"HTTP status {status}")
    if status:
        return f"HTTP status {status}"
    return redacted_text(reason_of(error)) if isinstance(error, Exception) else ""

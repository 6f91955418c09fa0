"""The address where the server listens, and the lines that are printed once it does."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

from skipwise.core.errors import SkipwiseError

OTHER_FILES = 200
"""Files that may be open besides connections: those of networks that are being opened, and of the log."""
BACKLOG = 2048
"""Connections that may wait to be accepted."""


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A server that takes requests.

    Args:
        url: where its page is.
        models: the networks and their versions, the newest last.
        notes: what whoever runs it should know, a sentence each.
        authorized: whether a token has to be sent.
        alone: whether only this machine reaches it.
    """

    url: str
    models: tuple[tuple[str, tuple[str, ...]], ...]
    notes: tuple[str, ...]
    authorized: bool
    alone: bool


@dataclass(frozen=True)
class Told:
    """The receivers of reports: of progress, of the moment when requests are taken, and of sentences for the user."""

    progress: Callable[[str, int, int], None]
    began: Callable[[Listening], None]
    notice: Callable[[str], None]


def allow_open_files(connections: int) -> None:
    """Lets this process have so many connections, and its own files, open at a time, as far as the system allows it.
    Many systems begin with 1,024, and then connections wait in place of being turned away."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        SkipwiseError: it can't, with the mend.
    """
    try:
        return _bound(host, port)
    except UnicodeError as error:  # a name with a part that is empty or too long
        raise SkipwiseError(f"{host!r} is no address and no name of a machine; give another --host.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SkipwiseError(
                f"Port {port} of {host} is in use already; stop what uses it, or take another with --port {port + 1}."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise SkipwiseError(
                f"Port {port} needs rights that you don't have; take one from 1024 on, such as --port 8000."
            ) from error
        raise SkipwiseError(f"Can't listen at {host}: {error.strerror}; is that an address of this machine?") from error


def _bound(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made

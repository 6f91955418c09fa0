"""Checks of what a user says of a server, before anything is opened."""

from __future__ import annotations

import os
import re

from skipwise.core.errors import SkipwiseError
from skipwise.core.options import flag
from skipwise.serving.options import TOKEN_VARIABLE, ServeOptions

LEAST_TOKEN = 16
LARGEST_BATCH = 1024
_SECONDS = ("request_timeout", "drain_time")
_DAY = 24 * 60 * 60
_TOKEN = re.compile(r"[!-~]+")
_ORIGIN = re.compile(r"https?://[^/\s]+|null")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]")


def checked(options: ServeOptions) -> str | None:
    """The token, if there is one.

    Raises:
        SkipwiseError: an option is out of range, or the address is beyond this machine and nothing protects it.
    """
    from skipwise.serving.connections.guard import is_loopback
    from skipwise.serving.engine.engine import MOST_HELD

    address, limits, engine = options.address, options.limits, options.engine
    for name, value in {**vars(limits), "workers": engine.workers, "threads": engine.threads}.items():
        if value is not None and name not in _SECONDS and not value >= 1:
            raise SkipwiseError(f"{flag(name)} must be at least 1, not {value:g}.")
    for name in _SECONDS:
        if not 0.1 <= getattr(limits, name) <= _DAY:
            raise SkipwiseError(f"{flag(name)} takes seconds from 0.1 to {_DAY}, not {getattr(limits, name):g}.")
    if not 1 <= engine.batch_size <= LARGEST_BATCH:
        raise SkipwiseError(f"--batch-size takes from 1 to {LARGEST_BATCH} images, not {engine.batch_size}.")
    if limits.max_bytes > MOST_HELD:
        raise SkipwiseError(
            f"--max-bytes takes {MOST_HELD} at most, since all requests together may have as many, not "
            f"{limits.max_bytes}."
        )
    if not 0 <= engine.max_wait <= 10_000:
        raise SkipwiseError(f"--max-wait takes milliseconds from 0 to 10000, not {engine.max_wait:g}.")
    if not 0 <= address.port <= 65535:
        raise SkipwiseError(f"--port takes a number from 0 to 65535, not {address.port}.")
    threshold = options.answers.threshold
    if threshold is not None and not 0 <= threshold <= 1:
        raise SkipwiseError(f"--threshold takes a probability from 0 to 1, not {threshold:g}.")
    if options.answers.log_images and options.answers.log is None:
        raise SkipwiseError("--log-images keeps images beside the log; give --log FILE, too.")
    for origin in address.allow_origin or ():
        if not _ORIGIN.fullmatch(origin):
            raise SkipwiseError(f"{origin!r} is no origin; --allow-origin takes one such as https://example.org.")
    for name in address.host_name or ():
        if not _HOST_NAME.fullmatch(name):
            raise SkipwiseError(f"{name!r} is no name of a host; --host-name takes one such as images.example.org.")
    token = address.token if address.token is not None else os.environ.get(TOKEN_VARIABLE) or None
    if token is not None and (len(token) < LEAST_TOKEN or not _TOKEN.fullmatch(token)):
        raise SkipwiseError(
            f"The token has to be {LEAST_TOKEN} characters or more, without spaces; 'openssl rand -hex 16' makes one."
        )
    if token is not None and address.no_auth:
        raise SkipwiseError("--no-auth answers everyone, and a token is given; leave one of them out.")
    if token is None and not address.no_auth and not is_loopback(address.host):
        raise SkipwiseError(
            f"{address.host} can be reached from other machines; give a --token (or {TOKEN_VARIABLE} in the "
            "environment), or --no-auth to answer everyone."
        )
    return token

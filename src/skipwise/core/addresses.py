"""Addresses of files that are elsewhere (`s3://bucket/pets`), and keeping what is secret in them out of every text.

An address may carry a password or a signature. Such an address is replaced by the one without it as soon as it is
given, and only the memory of this process knows what it was. So no file, no log, no error and no printed command holds
a secret.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

KNOWN = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "http", "https", "ssh", "sftp")
"""The schemes of addresses that are read; each has a row in `core/remote/kinds.py`."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://+(.*)", re.IGNORECASE | re.DOTALL)
_COLLAPSED = re.compile(rf"({'|'.join((*KNOWN, 'ftp', 'git', 'file'))}):/+(.*)", re.IGNORECASE | re.DOTALL)
"""The same after it was made a path, which keeps one stroke of two."""
_IN_TEXT = re.compile(r"\b[a-z][a-z0-9+.-]+://?[^\s'\"<>|\\^`{}]+", re.IGNORECASE)
_SIGNING = re.compile(
    r"x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|signature|sig|se|sp|sv|sr|st|spr|skoid|sktid|skt|ske|sks|skv|"
    r"expires|policy|key-pair-id",
    re.IGNORECASE,
)
"""Parameters of signed addresses. They say who may read, and not what is read."""
_SECRET = re.compile(r".*(?:token|secret|passw|pwd|auth|apikey|api_key|credential|session|access_?key).*|key", re.I)
_PLAIN = re.compile(r"[\w.,:/@ -]{0,40}")
"""A value that is too short and plain to be a key."""

LONGEST_NAME = 24
"""Letters of the name of a person before an address, at most; a longer one is taken for a token."""

_whole: dict[str, str] = {}
"""The addresses with their secrets, by those without."""
_told: contextvars.ContextVar[Callable[[str, int, int], None] | None] = contextvars.ContextVar("_told", default=None)
_looked_at: contextvars.ContextVar[dict[str, Path] | None] = contextvars.ContextVar("_looked_at", default=None)


def is_address(given: str | os.PathLike[str]) -> bool:
    """Returns whether something is an address and not a path. A path that exists is a path.

    Example:
        >>> is_address("s3://bucket/pets"), is_address("pets/cats"), is_address("huggingface:owner/name")
        (True, False, False)
    """
    text = os.fspath(given)
    if ":/" not in text or not (_ADDRESS.fullmatch(text) or _COLLAPSED.fullmatch(text)):
        return False
    try:
        return not Path(text).exists()
    except (OSError, ValueError):  # too long for a path
        return True


def scheme_of(address: str) -> str:
    """The scheme of an address, in lower case."""
    return address.partition(":")[0].lower()


def normal(given: str | os.PathLike[str]) -> str:
    """An address with two strokes after its scheme, also where it was made a path in between."""
    scheme, _, rest = os.fspath(given).partition(":")
    return f"{scheme.lower()}://{rest.lstrip('/')}"


def concealed(given: str | os.PathLike[str]) -> str:
    """An address without its password and signature, which this process remembers.

    Raises:
        ValueError: another address differs from it in nothing but what is secret.
    """
    address = normal(given)
    shown = redacted(address)
    if shown != address:
        known = _whole.setdefault(shown, address)
        if known != address and _what_is_read(known) != _what_is_read(address):
            raise ValueError(shown)
        _whole[shown] = address
    return shown


def without_secrets(value: Any) -> Any:
    """An argument, where it is an address, or `NAME=address`, or a list of such, without what is secret in it.

    Raises:
        ValueError: as `concealed`.
    """
    if isinstance(value, list | tuple):
        return type(value)(map(without_secrets, value)) if type(value) in (list, tuple) else value
    if not isinstance(value, str | os.PathLike) or ":/" not in os.fspath(value):
        return value
    if is_address(value):
        shown = concealed(value)
        return value if shown == normal(value) else shown
    name, sign, rest = os.fspath(value).partition("=")
    return f"{name}={without_secrets(rest)}" if sign and is_address(rest) else value


@contextlib.contextmanager
def asked_once() -> Iterator[None]:
    """Within it each address is looked at once, so that one command sees one version of what lies there."""
    token = _looked_at.set(_looked_at.get() if _looked_at.get() is not None else {})
    try:
        yield
    finally:
        _looked_at.reset(token)


@contextlib.contextmanager
def telling(progress: Callable[[str, int, int], None]) -> Iterator[None]:
    """Within it, what is copied without a progress of its own tells this one: progress(what, done, total)."""
    token = _told.set(progress)
    try:
        yield
    finally:
        _told.reset(token)


def told() -> Callable[[str, int, int], None]:
    """Returns the function that is told of the progress of copies."""
    return _told.get() or (lambda *_: None)


def looked_at() -> dict[str, Path] | None:
    """The copies of the addresses that were looked at; None outside of `asked_once`."""
    return _looked_at.get()


def revealed(shown: str) -> str:
    """The address with the secrets that `concealed` took out of it; itself if there were none."""
    return _whole.get(shown, shown)


def redacted(address: str) -> str:
    """An address without what may be secret in it.

    Example:
        >>> redacted("https://me:pass@example.org/pets.zip?X-Amz-Signature=0f&part=2")
        'https://me@example.org/pets.zip?part=2'
    """
    try:
        parts = urlsplit(address)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:  # no address after all, such as one with half a pair of brackets
        return re.sub(r"//[^/@]*@|\?.*", lambda found: "//" if found[0].startswith("//") else "", address)
    user, at, host = parts.netloc.rpartition("@")
    shown = [(name, value) for name, value in query if not _is_secret(name, value)]
    kept = parts.query if len(shown) == len(query) and (query or not parts.query) else urlencode(shown)
    hashed = f"#{parts.fragment}" if parts.fragment else ""  # object stores allow it in a name
    name, _, password = user.partition(":")
    # Servers of the web take a token as the name, without a password or with one that says nothing.
    no_password = user != name and password in ("", "x-oauth-basic")
    if parts.scheme.lower() in ("http", "https") and (no_password or len(name) > LONGEST_NAME):
        name = at = ""
    plain = urlunsplit((parts.scheme, name + at + host, parts.path, kept, ""))
    if name + at == parts.netloc[: len(parts.netloc) - len(host)] and kept == parts.query:
        return address
    return plain + hashed


def redacted_text(text: str) -> str:
    """A text without the passwords and signatures of the addresses in it."""
    return _IN_TEXT.sub(lambda found: _redacted_word(found[0]), text) if ":/" in text else text


def _redacted_word(word: str) -> str:
    address = word.rstrip(".,;:)]")
    shown = redacted(normal(address))
    if "://" not in address:
        shown = shown.replace("://", ":/", 1)
    return word if shown == normal(address) else shown + word[len(address) :]


def _is_secret(name: str, value: str) -> bool:
    return bool(_SIGNING.fullmatch(name) or _SECRET.fullmatch(name) or not _PLAIN.fullmatch(value))


def _what_is_read(address: str) -> str:
    """The address without its signature, which may be another each time."""
    parts = urlsplit(address)
    query = [each for each in parse_qsl(parts.query, keep_blank_values=True) if not _SIGNING.fullmatch(each[0])]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))

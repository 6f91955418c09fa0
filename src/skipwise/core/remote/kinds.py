"""The kinds of addresses that are read, and the filesystem of fsspec that reads each.

To add one, write a row: everything else asks this table.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skipwise.core.addresses import KNOWN, revealed, scheme_of
from skipwise.core.errors import SkipwiseError, missing_extra

SILENCE = 20.0
"""Seconds that a server may say nothing."""
CONNECTING = 10.0
"""Seconds until there is a connection."""


def _fresh() -> dict[str, Any]:
    return {"use_listings_cache": False}  # each command is to see what is there now


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of address.

    Args:
        schemes: what its addresses begin with.
        title: what it is called in a sentence.
        package: the package that reads it, beside fsspec.
        extra: the extra of Skipwise that installs that.
        login: how people say who they are.
        options: makes the options of the filesystem; they are not written anywhere.
        at_once: requests at a time.
        has_folders: whether there are files below an address; else it is always one file.
    """

    schemes: tuple[str, ...]
    title: str
    package: str
    extra: str
    login: str
    options: Callable[[], dict[str, Any]] = _fresh
    at_once: int = 32
    has_folders: bool = True


def _s3() -> dict[str, Any]:
    # botocore itself tries again after an answer of 500 and a silence; what is left is tried again by `insisting`.
    retries = {"mode": "standard", "max_attempts": 3}
    return _fresh() | {
        "config_kwargs": {
            "read_timeout": SILENCE,
            "connect_timeout": CONNECTING,
            "retries": retries,
            "max_pool_connections": 64,
        },
        "default_block_size": 2**23,
    }


def _http() -> dict[str, Any]:
    import aiohttp

    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECTING, sock_read=SILENCE)
    # Bytes as they lie there: a server that compresses on the way gives other lengths than it says.
    return _fresh() | {
        "client_kwargs": {"timeout": limits, "trust_env": True},
        "headers": {"Accept-Encoding": "identity", "User-Agent": "skipwise"},
    }


def _ssh() -> dict[str, Any]:
    return {"timeout": CONNECTING, "banner_timeout": SILENCE, "auth_timeout": SILENCE}


KINDS: tuple[Kind, ...] = (
    Kind(
        schemes=("s3", "s3a"),
        title="S3",
        package="s3fs",
        extra="remote",
        login="set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true where everybody "
        "may read",
        options=_s3,
    ),
    Kind(
        schemes=("gs", "gcs"),
        title="Google Cloud Storage",
        package="gcsfs",
        extra="remote-gs",
        login="run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
    ),
    Kind(
        schemes=("az", "abfs", "abfss"),
        title="Azure Blob Storage",
        package="adlfs",
        extra="remote-az",
        login="set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_CONNECTION_STRING",
    ),
    Kind(
        schemes=("hf",),
        title="the Hugging Face hub",
        package="huggingface_hub",
        extra="remote-hf",
        login="run hf auth login, or set HF_TOKEN",
        at_once=8,
    ),
    Kind(
        schemes=("http", "https"),
        title="the web",
        package="aiohttp",
        extra="remote",
        login="give the address with its signature, or with user:password@, which are not written anywhere",
        options=_http,
        at_once=16,
        has_folders=False,
    ),
    Kind(
        schemes=("ssh", "sftp"),
        title="SSH",
        package="paramiko",
        extra="remote-ssh",
        login="let ssh log in there without a password first (ssh-copy-id, ssh-add)",
        options=_ssh,
        at_once=4,
    ),
)
"""A row for each kind of address."""


def kind_of(address: str) -> Kind:
    """The kind of an address.

    Raises:
        SkipwiseError: there is none of that scheme, or its package is not installed.
    """
    scheme = scheme_of(address)
    kind = next((each for each in KINDS if scheme in each.schemes), None)
    if kind is None:
        raise SkipwiseError(
            f"Addresses that begin with {scheme}:// are not read, only {', '.join(f'{each}://' for each in KNOWN)}; "
            "copy the files to one of these, or to this machine."
        )
    for package, extra in (("fsspec", "remote"), (kind.package, kind.extra)):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(extra, package)
    return kind


def open_filesystem(address: str) -> tuple[Any, str]:
    """The filesystem of fsspec for an address, and the address's path in it. No connection need be opened yet.

    Args:
        address: as `concealed` gave it; what is secret in it is known to this process only.

    Raises:
        SkipwiseError: addresses of that kind are not read, or a package is missing.
        Exception: whatever the filesystem raises.
    """
    kind = kind_of(address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies
        import fsspec
        from fsspec.core import url_to_fs

        if kind.extra == "remote-ssh":
            from skipwise.core.remote.ssh import KnownHosts

            for scheme in kind.schemes:
                fsspec.register_implementation(scheme, KnownHosts, clobber=True)
        found, path = url_to_fs(revealed(address), **kind.options())
    return found, str(path)

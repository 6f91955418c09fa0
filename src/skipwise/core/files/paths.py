"""Paths that a user names where a file or a folder is expected."""

from __future__ import annotations

import os
import re
from pathlib import Path

from skipwise.core.addresses import is_address, normal, redacted, scheme_of
from skipwise.core.errors import SkipwiseError
from skipwise.core.text import quoted

_ADDRESS = re.compile(r"(?P<kind>https?|ftp|s3|gs|gcs|hf|az|abfss?|sftp|ssh|git|file):/+(?P<rest>.*)", re.IGNORECASE)
_HUGGING_FACE = "hf download --repo-type dataset --local-dir {name} {found}"
_DOWNLOADS = (
    ("https", r"(?:www\.)?kaggle\.com/datasets/([^/?#]+/[^/?#]+)", "kaggle datasets download --unzip {found}"),
    ("https", r"(?:www\.)?kaggle\.com/competitions/([^/?#]+)", "kaggle competitions download {found}"),
    (
        "https",
        r"huggingface\.co/datasets/([^/?#]+/[^/?#]+)/?$",
        _HUGGING_FACE,
    ),
    ("hf", r"datasets/([^/?#]+/[^/?#]+)/?$", _HUGGING_FACE),
    ("https", r"(?:drive|docs)\.google\.com/(.*)", "gdown --fuzzy {address}"),
    ("https", r"github\.com/([^/?#]+/[^/?#]+?)(?:\.git)?/?$", "git clone {address}"),
    ("s3", r"((?:.*/)?[^/.]+)/?$", "aws s3 cp --recursive {address} {name}"),
    ("s3", r"(.*)", "aws s3 cp {address} {name}"),
    ("gs", r"(.*)", "gcloud storage cp --recursive {address} ."),
    ("https|http|ftp", r"(.*)", "curl --location --output {name} {address}"),
)
"""Commands that download a web address: the kind of address, a pattern for the rest, and the command."""
_PAGES = [row for row in _DOWNLOADS if row[0] == "https" and row[1] != r"(.*)"]
_COPIES = {
    "s3": "aws s3 cp --recursive FOLDER {address}",
    "gs": "gcloud storage cp --recursive FOLDER {address}",
    "hf": "hf upload REPOSITORY FOLDER",
    "ssh": "scp -r FOLDER HOST:PATH",
    "sftp": "scp -r FOLDER HOST:PATH",
    "az": "azcopy copy --recursive FOLDER URL",
}
"""Commands that copy a folder to an address."""


def refuse_address(given: str | os.PathLike[str]) -> None:
    """Raises SkipwiseError for an address of the web, with the command that downloads it.

    Args:
        given: what the user named, or the path that was made of it.
    """
    if not is_address(given):
        return
    text = os.fspath(given)
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise SkipwiseError(f"{redacted(text)} is an address, and Skipwise reads files here; download it first.")
    kind, rest = found["kind"].lower(), found["rest"]
    if kind == "file":
        raise SkipwiseError(f"{text} is the address of a file; give its path: /{rest}")
    address = redacted(f"{kind}://{rest}")  # of the two strokes a path keeps one
    rest = address.partition("://")[2]
    sentence = f"{address} is an address of the web, and Skipwise reads files; download it first"
    name = Path(rest.partition("?")[0].rstrip("/")).name or "download"
    for kinds, pattern, command in _DOWNLOADS:
        match = re.match(pattern, rest)
        if re.fullmatch(kinds, kind) and match:
            words = {"address": address, "name": name, "found": match[1]}
            line = command.format(**{word: quoted(value) for word, value in words.items()})
            raise SkipwiseError(f"{sentence}: {line}")
    raise SkipwiseError(f"{sentence}.")


def refuse_page(given: str | os.PathLike[str]) -> None:
    """Raises SkipwiseError for the address of a page about files, and for kinds of addresses that have no files."""
    found = _ADDRESS.fullmatch(os.fspath(given))
    if found is None:
        return
    page = any(found["kind"].lower() == "https" and re.match(row[1], found["rest"]) for row in _PAGES)
    if page or found["kind"].lower() in ("ftp", "git", "file"):
        refuse_address(given)


def user_path(given: str | os.PathLike[str]) -> Path:
    """The path that a user named, "~" being the home folder.

    Raises:
        SkipwiseError: it is nobody's home folder, or an address of the web.
    """
    if "\0" in os.fspath(given):
        raise SkipwiseError(f"{os.fspath(given)!r} holds a zero byte, which no path can; give another one.")
    refuse_address(given)
    return _expanded(given)


def output_path(given: str | os.PathLike[str]) -> Path:
    """The path that a user named for results, "~" being the home folder.

    Raises:
        SkipwiseError: it is nobody's home folder, or an address: results are made in folders that can be locked, and
            they are put in their place by renaming, which no object store has.
    """
    if is_address(given):
        address = redacted(normal(given))
        line = _COPIES.get(scheme_of(address), "")
        copy = f": {line.format(address=quoted(address))}" if line else "."
        raise SkipwiseError(
            f"Results can't be written to {address}, since they are made in a folder of this machine, which can be "
            f"locked and resumed; give such a folder with --output, and copy it when it is done{copy}"
        )
    return user_path(given)


def _expanded(given: str | os.PathLike[str]) -> Path:
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise SkipwiseError(f"There is no home folder for {os.fspath(given)!r} here; give the whole path.") from error

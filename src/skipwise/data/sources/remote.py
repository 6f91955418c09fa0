"""Data sets by the name that another library gives them, and what to do about addresses of the web."""

from __future__ import annotations

import re

from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.source import Source
from skipwise.errors import SkipwiseError

_ADDRESS = re.compile(r"(?P<kind>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def open_remote(data: str, options: ReadingOptions) -> Source | None:
    """A data set of torchvision's or Hugging Face's; None for what is no such name.

    Raises:
        SkipwiseError: there is none of that name, it can't be downloaded, or it is an address of the web.
    """
    library, colon, name = data.partition(":")
    if library == "torchvision" and colon:
        from skipwise.data.sources.torchvision_sets import open_torchvision

        return open_torchvision(name)
    if library in ("huggingface", "hf") and colon and not name.startswith("//"):
        from skipwise.data.sources.huggingface import open_huggingface

        return open_huggingface(name, options)
    refuse_address(data)
    return None


def refuse_address(text: str) -> None:
    """Raises SkipwiseError for an address of the web or of an object store, with the way to download it first."""
    match = _ADDRESS.match(text)
    if match is None:
        return
    tool = {"s3": "aws s3 cp --recursive", "gs": "gsutil -m cp -r"}.get(match["kind"].lower(), "curl -LO")
    raise SkipwiseError(
        f"{text} is an address, and Skipwise opens files that are here; download it first ({tool} {text}) and give the "
        "path of what came."
    )

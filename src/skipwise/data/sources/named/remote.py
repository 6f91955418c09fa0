"""Data sets by the name that another library gives them, and what to do about addresses of the web."""

from __future__ import annotations

from skipwise.core.files.paths import refuse_address
from skipwise.data.containers import Progress
from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.source import Source


def open_remote(data: str, options: ReadingOptions, progress: Progress | None = None) -> Source | None:
    """A data set of torchvision's or Hugging Face's; None for what is no such name.

    Raises:
        SkipwiseError: there is none of that name or it can't be downloaded, or it is an address of the web.
    """
    library, colon, name = data.partition(":")
    if library == "torchvision" and colon:
        from skipwise.data.sources.named.torchvision_sets import open_torchvision

        return open_torchvision(name, progress)
    if library in ("huggingface", "hf") and colon and not name.startswith("//"):
        from skipwise.data.sources.named.huggingface import open_huggingface

        return open_huggingface(name, options)
    refuse_address(data)
    return None

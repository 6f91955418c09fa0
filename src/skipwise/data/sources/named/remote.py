"""Data sets by their names in other libraries: `torchvision:NAME` and `huggingface:OWNER/NAME`."""

from __future__ import annotations

from skipwise.core.reporting import Progress
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.source import Source


def open_remote(data: str, options: ReadingOptions, progress: Progress | None = None) -> Source | None:
    """Opens a data set of torchvision or Hugging Face; None if `data` is not such a name.

    Raises:
        SkipwiseError: there is no data set of that name, or it cannot be downloaded.
    """
    library, colon, name = data.partition(":")
    if library == "torchvision" and colon:
        from skipwise.data.sources.named.torchvision_sets import open_torchvision

        return open_torchvision(name, progress)
    if library in ("huggingface", "hf") and colon and not name.startswith("//"):
        from skipwise.data.sources.named.huggingface import open_huggingface

        return open_huggingface(name, options)
    return None

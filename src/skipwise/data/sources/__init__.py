"""What a user names -> labelled images that have not been read yet.

`LAYOUTS` is the table of all layouts that are recognised, in order: each is a file here with a function `recognise`
that looks at names and first rows, and returns what reads the rest; docs/data.md has the same table.
"""

from __future__ import annotations

from skipwise.data.sources.opening import LAYOUTS, Layout, open_images, open_source
from skipwise.data.sources.options import Ambiguous, ReadingOptions
from skipwise.data.sources.source import Source

__all__ = ["LAYOUTS", "Ambiguous", "Layout", "ReadingOptions", "Source", "open_images", "open_source"]

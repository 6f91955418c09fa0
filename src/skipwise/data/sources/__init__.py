"""Sources of labelled images: from the name that a user gives to images that have not been read yet.

`LAYOUTS` is the table of all layouts that are recognised, in order. Each is a file in `layouts/` with a function
`recognise`, which looks at names and first rows only, and returns a function that reads the rest. docs/data.md has the
same table.
"""

from __future__ import annotations

from skipwise.data.options import ReadingOptions
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.opening import LAYOUTS, Layout, open_images, open_source
from skipwise.data.sources.source import Source

__all__ = ["LAYOUTS", "Ambiguous", "Layout", "ReadingOptions", "Source", "open_images", "open_source"]

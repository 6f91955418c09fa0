"""The options of `study`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions

PAGES = "docs/studies"
"""The folder of the pages where no other is named."""


@options("Study")
class DesignOptions:
    """Options for the size of a study, and for its seeds and images."""

    scale: str = option(
        "small", "The size of the study: small, for two cores and some minutes, or full, for a GPU.", metavar="SCALE"
    )
    seed: int = option(0, "The first seed of the runs; the others follow it. The split of the images stays the same.")
    data: str | os.PathLike[str] | Sequence[str] = option(
        (),
        "Where a data set lies that cannot be found by its name, as NAME=PLACE: cifar10=cifar10.zip. May be given "
        "several times.",
        metavar="NAME=PLACE",
        repeated=True,
    )
    pages: str = option(PAGES, "The folder for the page and its record.", metavar="FOLDER", path=True)
    dry_run: bool = option(False, "Train nothing: print the design, and how long it takes.")


@options()
class StudyOptions:
    """The options of `study`."""

    design: DesignOptions = group(DesignOptions)
    folder: FolderOptions = group(FolderOptions)

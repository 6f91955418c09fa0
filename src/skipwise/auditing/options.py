"""The options of `audit`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.data.options import DataOptions, ReadingOptions


@options("Audit")
class FindingOptions:
    """Sources of findings other than the images themselves."""

    run: str | None = option(
        None,
        "Find mislabelled images by the predictions of a run, or of a comparison, of these images.",
        metavar="FOLDER",
        path=True,
    )


@options()
class AuditOptions:
    """The options of `audit`."""

    images: DataOptions = group(DataOptions, only=("split",))
    finding: FindingOptions = group(FindingOptions)
    reading: ReadingOptions = group(ReadingOptions)
    folder: FolderOptions = group(FolderOptions, without=("resume",))

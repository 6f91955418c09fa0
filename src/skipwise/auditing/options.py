"""What a user may say of an audit; the options of `audit`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.data.options import DataOptions, ReadingOptions


@options("Audit")
class FindingOptions:
    """What is looked for besides what the images show by themselves."""

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

"""The options for the folder of results."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("Folder for the results")
class FolderOptions:
    """Options for the folder of results, and for results that are there already."""

    output: str | None = option(
        None, "The folder for the results.", unset="the next in runs/<verb>", metavar="FOLDER", short="-o", path=True
    )
    resume: bool = option(False, "Fail unless there is unfinished work to continue.")
    again: bool = option(
        False, "Do it once more, in the next folder, even if the same command has been finished before."
    )

"""What a user may say of the folder for the results."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("Folder for the results")
class FolderOptions:
    """Where the results go, and what happens to those that are there."""

    output: str | None = option(
        None, "The folder for the results.", unset="the next in runs/<verb>", metavar="FOLDER", short="-o", path=True
    )
    resume: bool = option(False, "Fail unless there is unfinished work to continue.")
    again: bool = option(
        False, "Do it once more, in the next folder, even if the same command has been finished before."
    )

"""What a user may say about how images are to be read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import shortened


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How the images are to be read, where their layout alone does not say it or says something else.

    Args:
        class_level: which level of folders holds the classes: "1" for the top, "2" for the folders in those, and so
            on, or "leaf" for the innermost; None for what the names suggest. What splits and wraps is not counted.
        image_column: the column of a table that names the images.
        label_column: the column of a table that names their classes.
        label_regex: a regular expression for the files' names; its first group, or all that it matches, is the class.
        group: the column that says which images belong together (one patient, one video), or "folder" where
            sub-folders of the classes do.
        group_regex: the same from the images' paths; a path from which nothing comes belongs with nothing.
        crop_boxes: whether each box that was drawn in an image is an image of its own.
        skip_unread_formats: whether pictures in formats that are not read are left out instead of refused.
    """

    class_level: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    label_regex: str | None = None
    group: str | None = None
    group_regex: str | None = None
    crop_boxes: bool = False
    skip_unread_formats: bool = False

    def check(self) -> None:
        """Raises SkipwiseError for values that nothing can be done with."""
        level = self.class_level
        if level is not None and level != "leaf" and re.fullmatch(r"[1-9][0-9]{0,2}", level) is None:
            raise SkipwiseError(f"--class-level takes 1, 2, ... or leaf, not {shortened(level)!r}.")


class Ambiguous(SkipwiseError):
    """The layout has two readings that are equally likely; the message has both, with their flags."""

"""The options for the images: for reading them, and for splitting them."""

from __future__ import annotations

import re

from skipwise.core.errors import SkipwiseError
from skipwise.core.options import option, options
from skipwise.core.text import shortened


@options("How the images are read")
class ReadingOptions:
    """Options for reading the images, where their layout alone does not say it or says something else.

    Example:
        >>> ReadingOptions(label_column="species", group="patient").group
        'patient'
        >>> ReadingOptions(class_level="3rd").check()
        Traceback (most recent call last):
        skipwise.core.errors.SkipwiseError: --class-level takes 1, 2, ... or leaf, not '3rd'.
    """

    class_level: str | None = option(
        None,
        "The level of folders that holds the classes: 1 for the top, 2 for the folders in those, and so on, or leaf "
        "for the innermost. Folders that only wrap or split the images do not count.",
        unset="what the folders' names say",
        metavar="1|2|leaf",
    )
    image_column: str | None = option(None, "The table's column that names the images.", metavar="COLUMN")
    label_column: str | None = option(None, "The table's column that names the classes.", metavar="COLUMN")
    label_regex: str | None = option(
        None,
        "The part of a file's name that is its class: '^([a-z]+)' finds cat in cat.0.jpg. The first group counts, or "
        "the whole match.",
        metavar="PATTERN",
    )
    group: str | None = option(
        None,
        "The table's column that says which images belong together (one patient), or 'folder' for sub-folders of the "
        "classes.",
        metavar="COLUMN",
    )
    group_regex: str | None = option(
        None,
        "Which images belong together, by a pattern in their paths, such as 'patient(\\d+)'.",
        metavar="PATTERN",
    )
    crop_boxes: bool = option(False, "Take each box of COCO annotations as an image of its own.")
    skip_unread_formats: bool = option(False, "Leave out pictures in formats that are not read (raw, PSD, ...).")

    def check(self) -> None:
        """Raises SkipwiseError for values that nothing can be done with."""
        level = self.class_level
        if level is not None and level != "leaf" and re.fullmatch(r"[1-9][0-9]{0,2}", level) is None:
            raise SkipwiseError(f"--class-level takes 1, 2, ... or leaf, not {shortened(level)!r}.")


@options("Images and splits")
class DataOptions:
    """Options that choose the images, their splits and their size."""

    img_size: int | None = option(
        None, "The size of the images, in pixels a side.", unset="their own, up to 128", metavar="PIXELS"
    )
    val_share: float | None = option(
        None,
        "The share of the images that is kept for validation.",
        unset="0.15, or 0.10 of training images that are given as such",
        metavar="SHARE",
    )
    split: str | None = option(
        None, "Split the images as this split.csv of earlier work does.", metavar="FILE", path=True
    )
    exclude: str | None = option(None, "Leave out the images that this audit.json flags.", metavar="FILE", path=True)
    strict: bool = option(False, "Fail if an image is, exactly or nearly, on two sides of a given split.")
    folds: int | None = option(
        None,
        "Cross-validate in this many parts, once per seed, instead of splitting the images. For small data sets.",
        metavar="K",
    )


def asked_reading(options: ReadingOptions, given: ReadingOptions | None = None) -> ReadingOptions | None:
    """Returns the options for reading that a user gave; None where there are none and images are read as before.

    Args:
        given: the options as one record, which functions took before they took each of them by its name.
    """
    if given is not None:
        return given
    return None if options == ReadingOptions() else options

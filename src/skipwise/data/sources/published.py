"""Published sets whose index files are kinds of their own."""

from __future__ import annotations

from collections.abc import Callable

from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """CUB-200-2011, Oxford Flowers and Pets, FGVC-Aircraft, ImageNet as Kaggle has it."""
    return None

"""The line in a notebook for work that had been finished before."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from skipwise.pages import card


def finished_before(folder: Path) -> Markup:
    """Says that nothing was done now, and how to have it done once more."""
    return card.said([f"{folder} was finished before; this is its result. again=True makes another."], soft=True)

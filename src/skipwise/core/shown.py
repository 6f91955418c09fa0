"""Records that a notebook shows as HTML."""

from __future__ import annotations

import importlib

DRAWN_BY = "skipwise.notebook.table"
"""The module that draws records. It is above all of them, so it is loaded by its name, when a notebook asks."""


class Shown:
    """A record that Jupyter and similar tools show as HTML, drawn by `skipwise.notebook`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """The record as HTML, for a notebook: light, without scripts, and with nothing loaded from elsewhere."""
        html: str = importlib.import_module(DRAWN_BY).html_of(self)
        return html

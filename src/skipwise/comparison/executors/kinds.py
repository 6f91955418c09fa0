"""All runs of one seed on one kind of machine, so that pairs of networks are compared fairly."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from skipwise.core.files.json_records import read_json, write_json

FILE = "machines.json"
"""The kind of machine of each seed, in the comparison's folder."""


class Kinds:
    """The kind of machine of each seed: the one that its first run was given to.

    Processors and GPUs of different kinds come to slightly different sums, so that the same run may have other weights.

    Args:
        folder: the comparison's folder, in which it is written down for a comparison that is resumed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._of: dict[int, str] = {}
        if self.path.exists():
            self._of = read_json(self.path, dict[int, str])

    def fits(self, seed: int, kind: str, there: Collection[str]) -> bool:
        """Returns whether a machine may do runs of a seed.

        Args:
            there: the kinds of machine that are working now. A seed whose kind is not among them waits for nobody.
        """
        chosen = self._of.get(seed)
        return chosen is None or chosen == kind or chosen not in there

    def choose(self, seed: int, kind: str) -> None:
        """A run of the seed is done on this kind of machine."""
        if self._of.get(seed) != kind:
            self._of[seed] = kind
            write_json(self.path, self._of)

"""All runs of one seed on one kind of machine, so that pairs of networks are compared fairly."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from skipwise.core.files.json_records import read_json, write_json


class Kinds:
    """The kind of machine of each seed: the one that its first run was given to.

    Processors and GPUs of different kinds come to slightly different sums, so that the same run may have other weights.

    Args:
        path: where it is written down, for a comparison that is resumed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of: dict[int, str] = {}
        if path.exists():
            self._of = read_json(path, dict[int, str])

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

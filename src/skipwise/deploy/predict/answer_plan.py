"""What a file of answers has the answers of. The same plan gives the same file."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from skipwise.deploy.predict.answers import RowFormat
from skipwise.deploy.predict.inputs import Named

VERSION = 1
"""The version of the file's format."""


@dataclass(frozen=True, kw_only=True)
class AnswerPlan:
    """What a file of answers was begun with.

    Args:
        version: the version of this record.
        model: the network's identity.
        inputs: what was named as images.
        format: how rows are written.
        top: how many classes a row has.
        probabilities: whether it has the probability of every class.
        batch_size: images that the network answers at a time; the last digits of a probability may depend on it.
    """

    version: int = VERSION
    model: str
    inputs: tuple[Named, ...]
    format: RowFormat
    top: int
    probabilities: bool
    batch_size: int

    def difference(self, other: AnswerPlan) -> str:
        """How another plan differs, as a phrase; "" if it does not."""
        if self.version != other.version:
            return "written by another version of Skipwise"
        if self.model != other.model:
            return "from another network"
        if self.inputs != other.inputs:
            return "for other images"
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(
            f"--{name.replace('_', '-')} was {theirs[name]}" for name in mine if mine[name] != theirs[name]
        )

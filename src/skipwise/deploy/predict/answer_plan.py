"""The plan of a file of answers. The same plan gives the same file."""

from __future__ import annotations

from dataclasses import dataclass, field

from skipwise.core.differences import compared, difference
from skipwise.deploy.predict.answers import RowFormat
from skipwise.deploy.predict.inputs import Named

VERSION = 1
"""The version of the file's format."""


@dataclass(frozen=True, kw_only=True)
class AnswerPlan:
    """The choices with which a file of answers was begun.

    Args:
        version: the version of this record.
        model: the network's identity.
        inputs: what was named as images.
        format: how rows are written.
        top: how many classes a row has.
        probabilities: whether it has the probability of every class.
        batch_size: images that the network answers at a time; the last digits of a probability may depend on it.
    """

    version: int = field(default=VERSION, metadata=compared("it was written by another version of Skipwise"))
    model: str = field(metadata=compared("it is of another network"))
    inputs: tuple[Named, ...] = field(metadata=compared("it is of other images"))
    format: RowFormat
    top: int
    probabilities: bool
    batch_size: int

    def same_as(self, other: AnswerPlan) -> bool:
        """Returns whether both give the same file."""
        return self == other

    def difference(self, other: AnswerPlan) -> str:
        """Returns a phrase for the user that names what differs."""
        return difference(self, other)

"""The decision whether training should start from published weights, from experiments on images like these."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.advice.table import Gain, Table, nearest, read_table
from skipwise.advice.traits import Traits
from skipwise.core.text import count

FROM_WEIGHTS = "weights"
OTHER_SIZES = ("weights-128", "weights-160")
BEYOND = 3
"""A number of images that is up to this many times larger than in the largest experiment is still near it."""


@dataclass(frozen=True, kw_only=True)
class StartingWeights:
    """The table's answer on published weights.

    Args:
        use: whether they help on images like these.
        reason: why, with the numbers, as a sentence.
        size: pixels a side at which they did best there; None where nothing was tried.
        like: the data set of the table that the images are most like.
        gain: the points they brought there, at the nearest number of training images; None where nothing was tried.
    """

    use: bool
    reason: str
    size: int | None
    like: str
    gain: Gain | None

    @property
    def why(self) -> str:
        """The reason where they are used, else ""."""
        return self.reason if self.use else ""

    @property
    def against(self) -> str:
        """The sentence that is printed where published weights are not used."""
        return f"From scratch: published weights are not expected to help. {self.reason}"


def should_start_from_weights(traits: Traits, table: Table | None = None) -> StartingWeights:
    """Returns whether published weights help where images are like these.

    They do if two things hold. They helped on the data set of the table that is most like these images, with about as
    many training images. And the images are photographs: published weights were not made from drawings, text or objects
    on one colour, and what one such set gave says little about another.

    Args:
        traits: see `traits_of`.
        table: what experiments gave; None is the one that comes with this version.
    """
    table = read_table() if table is None else table
    like = table.most_like(traits, FROM_WEIGHTS)
    gains = table.gains(like, FROM_WEIGHTS)
    if not gains:
        return StartingWeights(
            use=False, reason="No experiment was made on images like these.", size=None, like=like, gain=None
        )
    gain = nearest(gains, traits.train)
    photographs = traits.detail >= table.photographic
    beyond = traits.train > BEYOND * gains[-1].images
    measured = (
        f"On {table.titles[like]}, which is most like these images among the sets tried, a network trained on "
        f"{count(gain.images, 'image')} was {_points(gain)} with published weights than from scratch, at equal cost."
    )
    if not photographs:
        reason = f"Judging by their pixels, these images are not photographs. {measured}"
    elif beyond:
        reason = f"With {count(traits.train, 'training image')}, no experiment is near. {measured}"
    else:
        reason = measured
    return StartingWeights(
        use=photographs and not beyond and gain.sign > 0,
        reason=reason,
        size=_best_size(table, like, gain.images),
        like=like,
        gain=gain,
    )


def _best_size(table: Table, like: str, images: int) -> int | None:
    """The size of the variant that was most accurate at equal cost, of those tried with so many images, or with those
    nearest to it."""
    compared = [gain for variant in OTHER_SIZES for gain in table.gains(like, variant, FROM_WEIGHTS)]
    at = nearest(compared, images).images if compared else images
    rows = [row for variant in (FROM_WEIGHTS, *OTHER_SIZES) if (row := table.row(like, at, variant)) is not None]
    return max(rows, key=lambda row: row.mean).size if rows else None


def _points(gain: Gain) -> str:
    """ "21.0 points (17.5 to 24.5) more accurate"."""
    better = "more" if gain.value >= 0 else "less"
    low, high = sorted((gain.low, gain.high) if gain.value >= 0 else (-gain.high, -gain.low))
    return f"{abs(gain.value):.1f} points ({low:.1f} to {high:.1f}) {better} accurate"

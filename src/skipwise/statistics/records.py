"""Records of a judgement: estimates, pairs and verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from skipwise.statistics.shares import Share

Verdict = Literal["better", "worse", "equivalent", "unresolved"]


def verdict_of(low: float, high: float, margin: float) -> Verdict:
    """The verdict on the first of two networks, by the interval of how much better it is."""
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "equivalent" if -margin < low and high < margin else "unresolved"


@dataclass(frozen=True)
class Estimate:
    """A network's mean score (for accuracy a fraction), and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Pair:
    """A comparison of network `a` with `b`: `difference` = mean score of a - mean score of b.

    `verdict` is from a's side; "better" means the better network, also where lower scores are better. `equivalent` says
    that the whole interval lies inside the margin; beside `better` or `worse` it means real, and too small to matter.
    For an unresolved pair, `seeds_to_settle` and `images_to_settle` are about how many seeds (on these images) or test
    images (with these seeds) would settle it if what was observed is the truth; None where no number would, and for
    settled pairs. Where images belong together, `groups` is how many groups there are, and `groups_to_settle` takes the
    place of `images_to_settle`.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    verdict: Verdict
    equivalent: bool
    seeds: int
    images: int
    seeds_to_settle: int | None = None
    images_to_settle: int | None = None
    groups: int | None = None
    groups_to_settle: int | None = None

    def turned(self) -> Pair:
        """The same pair seen from b's side."""
        opposite: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            verdict=opposite.get(self.verdict, self.verdict),
        )


@dataclass(frozen=True)
class Judgement:
    """All pairs, simultaneously valid at `1 - alpha`, and every network's mean score, simultaneous among themselves.

    A network with fewer than two runs that learned has no accuracy here, and a pair with fewer than two common seeds is
    missing from `pairs`: there is nothing to base an interval on. `not_learned` is how many of each network's runs
    did not learn; they are in neither.
    """

    accuracies: dict[str, Estimate]
    pairs: tuple[Pair, ...]
    margin: float
    alpha: float
    looks: int
    images: int = 0
    groups: int | None = None
    not_learned: dict[str, Share] = field(default_factory=dict)

"""Records of a judgement: estimates, pairs and verdicts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from skipwise.statistics.runs.shares import Share

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


def _earlier_name(now: str, before: str) -> Any:
    """As in `skipwise.core.deprecation`, which statistics don't import."""

    def read(record: object) -> Any:
        warnings.warn(f"`{before}` is now `{now}`.", DeprecationWarning, stacklevel=2)
        return getattr(record, now)

    return property(read, doc=f"The earlier name of `{now}`.")


@dataclass(frozen=True)
class Pair:
    """A comparison of network `a` with `b`: `difference` = mean score of a - mean score of b.

    `verdict` is from a's side; "better" means the better network, also where lower scores are better. `equivalent` says
    that the whole interval lies inside the margin; beside `better` or `worse` it means real, and too small to matter.
    For an unresolved pair, `seeds_needed` and `images_needed` are about how many seeds (on these images) or test
    images (with these seeds) would decide it if what was observed is the truth; None where no number would, and for
    decided pairs. Where images belong together, `groups` is how many groups there are, and `groups_needed` takes the
    place of `images_needed`.
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
    seeds_needed: int | None = None
    images_needed: int | None = None
    groups: int | None = None
    groups_needed: int | None = None

    EARLIER_NAMES: ClassVar[dict[str, str]] = {
        "seeds_needed": "seeds_to_settle",
        "images_needed": "images_to_settle",
        "groups_needed": "groups_to_settle",
    }
    seeds_to_settle = _earlier_name("seeds_needed", "seeds_to_settle")
    images_to_settle = _earlier_name("images_needed", "images_to_settle")
    groups_to_settle = _earlier_name("groups_needed", "groups_to_settle")

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

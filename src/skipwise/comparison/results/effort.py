"""Estimates of the seeds, runs, hours and images that more evidence takes, from the comparison so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skipwise.comparison.results.records import Costs, Results
from skipwise.statistics import Pair


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A number that exists now, and the number that is needed, which is approximate."""

    now: int
    needed: int

    @property
    def more(self) -> int:
        """The number that has to be added."""
        return self.needed - self.now


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Ways to decide unresolved pairs, if the networks differ as much as was observed; None where a way would not do.

    Args:
        seeds: on the same test images.
        runs: how many more runs so many seeds take.
        seconds: about how long these runs take here; None where no run was timed.
        images: test images, with the same seeds.
        groups: groups of test images, with the same seeds, where images belong together.
    """

    seeds: Amount | None
    runs: int
    seconds: float | None
    images: Amount | None
    groups: Amount | None


def effort_for(pairs: Sequence[Pair], results: Results, costs: Costs | None = None) -> Effort:
    """Estimates what would decide all of these unresolved pairs.

    Args:
        pairs: at least one.
        costs: for how long runs take; None where that is not asked.
    """
    seeds = _most(pairs, lambda pair: (pair.seeds, pair.seeds_needed))
    candidates = {c.name: c for c in results.candidates}
    runs = {}
    if seeds is not None:
        for name in dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)):
            needed = max(pair.seeds_needed or 0 for pair in pairs if name in (pair.a, pair.b))
            done = len(candidates[name].seeds_that_count)
            runs[name] = max(needed - done, 0) * candidates[name].folds
    return Effort(
        seeds=seeds,
        runs=sum(runs.values()),
        seconds=_seconds(runs, costs),
        images=_most(pairs, lambda pair: (pair.images, pair.images_needed)),
        groups=_most(pairs, lambda pair: (pair.groups or 0, pair.groups_needed)),
    )


def _most(pairs: Sequence[Pair], counts: Callable[[Pair], tuple[int, int | None]]) -> Amount | None:
    """The largest number that any of the pairs needs; None where one can't be settled in this way."""
    found = [counts(pair) for pair in pairs]
    needed = [settles for _, settles in found if settles is not None]
    if len(needed) < len(pairs):
        return None
    return Amount(now=min(now for now, _ in found), needed=max(needed))


def _seconds(runs: dict[str, int], costs: Costs | None) -> float | None:
    """Estimates the seconds for so many runs of each candidate, as many at once as before."""
    if costs is None or not runs or not runs.keys() <= costs.run_seconds.keys():
        return None
    return sum(count * costs.run_seconds[name] for name, count in runs.items()) / costs.processes

"""The probability of an event that happened in some of a number of runs."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import special


@dataclass(frozen=True)
class Share:
    """`count` of `runs`, and the exact interval of the share in all runs there could be."""

    count: int
    runs: int
    low: float
    high: float


def share(count: int, runs: int, *, alpha: float = 0.05) -> Share:
    """The share with its exact binomial interval (Clopper and Pearson 1934, Biometrika 26:404).

    Args:
        count: how many of the runs it happened in.
        runs: how many there were.
        alpha: how often the interval may miss, half of it on each side.

    Raises:
        ValueError: more of them than runs, or fewer than none.

    Examples:
        >>> never = share(0, 5)
        >>> f"{never.count} of {never.runs}; up to {never.high:.0%} may"
        '0 of 5; up to 52% may'
    """
    if not 0 <= count <= runs:
        raise ValueError(f"{count} of {runs} runs is no share.")
    return Share(count, runs, *exact(count, runs, alpha))


def exact(count: float, total: float, alpha: float) -> tuple[float, float]:
    """The exact binomial interval of a share; counts need not be whole."""
    low = float(special.betaincinv(count, total - count + 1, alpha / 2)) if count > 0 else 0.0
    high = float(special.betaincinv(count + 1, total - count, 1 - alpha / 2)) if count < total else 1.0
    return low, high

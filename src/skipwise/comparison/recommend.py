"""Verdicts and costs -> a choice. It rests on what was shown, not on what was not."""

from __future__ import annotations

import math
from collections.abc import Mapping

from skipwise.comparison.results import Contender, Recommendation, Results
from skipwise.statistics import Pair

SETTLED = ("better", "worse")


def recommend(results: Results, latencies: Mapping[str, float]) -> Recommendation:
    """The cheapest contender among those shown to be no more than the margin below every other, else the one that
    was most often right.

    Args:
        latencies: seconds per image and contender; what cheap means.
    """
    able = [c for c in results.contenders if c.accuracy is not None]
    margin = results.question.margin / 100
    if len(able) < 2:
        left = f"only {able[0].name} has" if able else "no network has"
        return Recommendation(
            contender=None,
            shown=False,
            largest_loss=None,
            against=None,
            sentence=f"No network can be recommended: {left} two finished runs, and it takes two of each to compare.",
        )
    worst = {c.name: _worst(results, c, able) for c in able}
    shown = [c for c in able if worst[c.name].low > -margin]
    # Among equally cheap or equally accurate networks the smaller one, then the first named.
    if shown:
        choice = min(shown, key=lambda c: (latencies.get(c.name, math.inf), _size(c)))
    else:
        # Means over different seeds, after failures, may rank a network above one it was shown to be worse than.
        beaten = {pair.b if pair.verdict == "better" else pair.a for pair in results.pairs if pair.verdict in SETTLED}
        standing = [c for c in able if c.name not in beaten] or able
        choice = min(standing, key=lambda c: (-_accuracy(c), _size(c)))
    against = worst[choice.name]
    loss = max(-against.low, 0.0)
    return Recommendation(
        contender=choice.name,
        shown=bool(shown),
        largest_loss=loss,
        against=against.b,
        sentence=_sentence(results, choice, against, loss, shown, latencies) + _failures(choice),
    )


def _worst(results: Results, contender: Contender, able: list[Contender]) -> Pair:
    """The pair in which the contender may lose most, from its side."""
    pairs = []
    for other in able:
        if other is not contender:
            pair = results.pair(contender.name, other.name)
            # Two networks may each have runs and share fewer than two seeds; then anything may be lost.
            unknown = Pair(contender.name, other.name, 0.0, -1.0, 1.0, "unresolved", False, seeds=0, images=0)
            pairs.append(pair or unknown)
    return min(pairs, key=lambda pair: pair.low)


def _accuracy(contender: Contender) -> float:
    return contender.accuracy.value if contender.accuracy is not None else 0.0


def _size(contender: Contender) -> float:
    return contender.counts.parameters if contender.counts is not None else math.inf


def _sentence(
    results: Results,
    choice: Contender,
    against: Pair,
    loss: float,
    shown: list[Contender],
    latencies: Mapping[str, float],
) -> str:
    margin = f"{results.question.margin:g} points"
    if len(shown) > 1:
        latency = f" ({latencies[choice.name] * 1000:.2f} ms per image)" if choice.name in latencies else ""
        return (
            f"Use {choice.name}: it is the fastest on this machine's processor{latency} of the "
            f"{len(shown)} networks shown to lose less than {margin} to any other."
        )
    if shown:
        return f"Use {choice.name}: it alone is shown to lose less than {margin} to any other."
    accuracy = f"{_accuracy(choice) * 100:.2f}%"
    may_lose = f"it may still be up to {loss * 100:.1f} points behind {against.b}"
    rivals = [
        c.name
        for c in results.contenders
        if c is not choice and ((pair := results.pair(choice.name, c.name)) is None or pair.verdict == "unresolved")
    ]
    tested = f"{results.test_images:,} test images"
    if results.pairs and all(pair.verdict == "unresolved" for pair in results.pairs):
        return (
            f"These {tested} cannot tell the networks apart: {choice.name} was most often right ({accuracy}), so use "
            f"it if you must choose now, but {may_lose}."
        )
    return (
        f"Use {choice.name}, which was most often right ({accuracy}); these {tested} cannot tell it from "
        f"{' and '.join(rivals)}, and {may_lose}."
    )


def _failures(choice: Contender) -> str:
    if not choice.failed:
        return ""
    return f" Mind that {choice.failed} of its {len(choice.runs)} runs failed."

"""The cost of more certainty in words: in runs, time, machine-hours and money, and how likely it is to help."""

from __future__ import annotations

from collections.abc import Mapping

from skipwise.comparison.results.interim import Interim, NextLook
from skipwise.core.text import count, duration
from skipwise.cost.price import Price, spent

WORTH_SAYING = 0.1
"""The width of a range of chances from which on it is told."""


def after_look(interim: Interim, run_seconds: Mapping[str, float], processes: int, price: Price | None) -> str:
    """States what a look has settled, and what the next one costs and may settle; "" where there is none."""
    following = interim.next_look
    if following is None:
        return ""
    settled = sum(pair.verdict != "unresolved" for pair in interim.pairs)
    taken = f"Look {len(interim.looks)} of {len(interim.planned)}, after {count(interim.looks[-1], 'seed')}"
    said = f"{taken}: {settled} of {count(len(interim.pairs), 'pair')} {'is' if settled == 1 else 'are'} settled."
    return f"{said} {next_look(following, run_seconds, processes, price)}"


def next_look(following: NextLook, run_seconds: Mapping[str, float], processes: int, price: Price | None) -> str:
    """States what the next look costs, and what it may settle."""
    what = f"The next look, after {count(following.seeds, 'seed')}, takes {count(sum(following.runs.values()), 'run')}"
    range_of = if_alike(following.least, following.most)
    chance = f"and has {chance_of(following.chance)} to settle what is open{range_of}"
    if following.runs.keys() <= run_seconds.keys():
        seconds = sum(runs * run_seconds[name] for name, runs in following.runs.items()) / processes
        return f"{what}, about {duration(seconds)}: it costs about {spent(seconds, price)}, {chance}."
    return f"{what}, {chance}."


def chance_of(probability: float) -> str:
    """A probability as people say it: "a 40% chance"."""
    percent = _percent(probability)
    if not percent[0].isdigit():
        return f"a chance of {percent}"
    return f"{'an' if percent.startswith('8') or percent in ('11%', '18%') else 'a'} {percent} chance"


def if_alike(least: float | None, most: float | None) -> str:
    """States how far a chance depends on how much the networks differ; "" where that is little, or not known."""
    if least is None or most is None or most - least < WORTH_SAYING:
        return ""
    return f" ({_percent(least)} if the networks are much alike, {_percent(most)} if they are not)"


def _percent(probability: float) -> str:
    if probability < 0.01:
        return "less than 1%"
    if probability > 0.99:
        return "more than 99%"
    return f"{probability * 100:.0f}%"

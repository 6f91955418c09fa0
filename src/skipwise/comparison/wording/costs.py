"""The cost of more certainty in words: in runs, time, machine-hours and money, and how likely it is to help."""

from __future__ import annotations

from collections.abc import Mapping

from skipwise.comparison.results.interim import Interim, NextLook
from skipwise.core.text import count, duration
from skipwise.cost.price import Price, spent


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
    chance = f"and has {chance_of(following.chance)} to settle what is open"
    if following.runs.keys() <= run_seconds.keys():
        seconds = sum(runs * run_seconds[name] for name, runs in following.runs.items()) / processes
        return f"{what}, about {duration(seconds)}: it costs about {spent(seconds, price)}, {chance}."
    return f"{what}, {chance}."


def chance_of(probability: float) -> str:
    """A probability as people say it: "a 40% chance"."""
    if probability < 0.01:
        return "a chance of less than 1%"
    if probability > 0.99:
        return "a chance of more than 99%"
    percent = f"{probability * 100:.0f}"
    return f"{'an' if percent.startswith('8') or percent in ('11', '18') else 'a'} {percent}% chance"

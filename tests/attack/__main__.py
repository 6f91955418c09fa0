"""The command line of the attacks."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path

from tests.attack.campaign import attacks, serve
from tests.attack.kinds import KINDS
from tests.attack.outcome import Outcome

EVERY = 15.0
"""Seconds between two lines of progress."""


def main() -> int:
    """Attacks, and prints what became of it; 1 where something did not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.attack", description="Attacks on what Skipwise does and writes."
    )
    parser.add_argument("--minutes", type=float, help="for all kinds together [default: 10, or none with --count]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, separated by commas")
    parser.add_argument("--first", type=int, default=0, help="the number of the first attack of each kind")
    parser.add_argument("--count", type=int, help="how many attacks of each kind, at most")
    parser.add_argument("--folder", type=Path, help="where to work, and what to leave there [default: a temporary one]")
    parser.add_argument("--log", type=Path, help="write a line of JSON for each attack")
    parser.add_argument("--serve", nargs=6, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        kind, seed, first, end, root, seconds = given.serve
        serve(kind, int(seed), int(first), int(end), Path(root), float(seconds) if seconds else None)
        return 0
    kinds = given.only.split(",")
    if unknown := sorted(set(kinds) - set(KINDS)):
        parser.error(f"there is no kind {unknown[0]!r}; choose from {', '.join(KINDS)}")
    minutes = 10.0 if given.minutes is None and given.count is None else given.minutes
    with tempfile.TemporaryDirectory(prefix="attack") as temporary:
        root = given.folder or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        progress = Progress(minutes)
        for outcome in attacks(
            kinds, seed=given.seed, root=root.resolve(), minutes=minutes, first=given.first, count=given.count
        ):
            progress.add(outcome)
            if given.log:
                with given.log.open("a") as file:
                    file.write(json.dumps(asdict(outcome)) + "\n")
    return progress.conclude()


class Progress:
    """What is printed while it lasts and at the end.

    Args:
        minutes: that it may take; None where the number of attacks is given.
    """

    def __init__(self, minutes: float | None) -> None:
        self.minutes, self.began, self.told = minutes, time.monotonic(), 0.0
        self.counts: Counter[str] = Counter()
        self.failures: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Counts an attack; prints it if it failed, and how far things are now and then."""
        self.counts[outcome.kind] += 1
        if outcome.failure:
            self.failures.append(outcome)
            print(
                f"FAILED {outcome.kind} {outcome.number}: {outcome.what}\n    {outcome.failure}\n    {outcome.repeat}"
            )
        if time.monotonic() - self.told > EVERY:
            self.told = time.monotonic()
            passed = (self.told - self.began) / 60
            left = "" if self.minutes is None else f"; about {max(0.0, self.minutes - passed):.0f} min left"
            print(f"{passed:.1f} min: {self._counted()}{left}", flush=True)

    def conclude(self) -> int:
        """Prints counts and distinct failures; the exit status."""
        print(f"\n{self._counted()}: {len(self.failures)} failed, {(time.monotonic() - self.began) / 60:.1f} min")
        alike = defaultdict(list)
        for outcome in self.failures:
            alike[outcome.kind, re.sub(r"\d+", "N", outcome.failure)[:160]].append(outcome)
        for (kind, _), outcomes in sorted(alike.items(), key=lambda item: -len(item[1])):
            print(f"{len(outcomes)} of {kind}: {outcomes[0].failure[:400]}\n    {outcomes[0].repeat}")
        return 1 if self.failures else 0

    def _counted(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.counts.items()) or "nothing"


if __name__ == "__main__":
    sys.exit(main())

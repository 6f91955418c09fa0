"""The same command five times at once, some of them ended: no traceback, and the bytes of one alone."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.attack.judging import different, ended_badly
from tests.attack.kills import SIGNALS, again, died, send
from tests.attack.state import State
from tests.attack.tasks import WRITING, Task

CROWD = 5


class Crowds:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "crowds")

    def attack(self, rng: Random) -> tuple[str, str]:
        """Gives a command five times at once: what was done, and what did not hold."""
        task = rng.choice([task for task in WRITING if task.name != "train longer"])
        task = unnamed(task) if rng.random() < 0.4 else task
        expected = self.state.expected(task)
        cold = rng.random() < 0.5
        self.state.restore({*task.reads, "cache"} - ({"cache"} if cold else set()))
        hit = {place: rng.choice(SIGNALS) for place in range(rng.choice((0, 0, 1, 2)))}
        what = f"{task.name}{', no cache' if cold else ''}, {CROWD} at once, {len(hit)} of them ended"
        running = []
        for _ in range(CROWD):
            running.append(self.state.start(task.command))
            time.sleep(rng.choice((0, 0, 0.3 * rng.random())))
        for place, number in hit.items():
            time.sleep(rng.random() * expected.seconds / len(hit))
            send(running[place].pid, number)
        ends = [self.state.end(command, task) for command in running]
        for place, ended in enumerate(ends):
            failure = died(ended, hit[place], itself=True) if place in hit else ended_badly(ended)
            if failure:
                return what, failure
        if not any(ended.status == 0 for ended in ends) and not hit:
            return what, f"None of the {CROWD} did it: {ends[0].err[-200:]}"
        if not hit and (difference := different(ends[-1], expected, task)):
            return what, f"Five at once of {task.name} give something else than one: {difference}"
        return f"{what}; then the same command", again(self.state, task, expected)


def unnamed(task: Task) -> Task:
    """The task without a folder of its own, which Skipwise then finds; itself where its answers are one file."""
    if task.command[-2:] != ("-o", "out"):
        return task
    place = f"runs/{task.command[0]}/*"
    files = tuple(f"{place}/{pattern.removeprefix('out/')}" for pattern in task.files)
    return replace(task, name=f"{task.name}, no --output", command=task.command[:-2], files=files)

"""The same command five times at once, some of them ended: no traceback, and the bytes of one alone."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.attack.judging import different, ended_badly
from tests.attack.kills import SIGNALS, again, died, send
from tests.attack.state import Ended, State
from tests.attack.tasks import WRITING, Task

CROWD = 5


class Crowds:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "crowds")

    def attack(self, rng: Random) -> tuple[str, str]:
        """Gives a command five times at once: what was done, and what did not hold."""
        task = rng.choice([task for task in WRITING if task.name != "train longer"])
        # Without a name, `verify` writes into the artifact's folder.
        named = rng.random() < 0.6 or task.command[-1] != "out" or task.name == "verify"
        task = task if named else unnamed(task)
        expected = self.state.expected(task)
        cold = rng.random() < 0.5
        self.state.restore({*task.reads, "cache"} - ({"cache"} if cold else set()))
        hit = {place: rng.choice(SIGNALS) for place in range(rng.choice((0, 0, 1, 2)) if named else 0)}
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
        if not named:  # each may have made a folder of its own
            return what, self._folders(task, expected)
        if not hit and (difference := different(ends[-1], expected, task)):
            return what, f"Five at once of {task.name} give something else than one: {difference}"
        return f"{what}; then the same command", again(self.state, task, expected)

    def _folders(self, task: Task, expected: Ended) -> str:
        """Whether a folder that Skipwise chose holds anything but what one command alone makes."""
        made: dict[str, dict[str, bytes]] = {}
        for found, put in ((self.state.files(task), made), (expected.files, alone := {})):
            for name, data in found.items():
                folder, rest = name.split("/")[2], "/".join(name.split("/")[3:])
                put.setdefault(folder, {})[rest] = data
        (right,) = alone.values()
        wrong = [folder for folder, files in made.items() if files != right]
        return f"Five at once of {task.name} make {wrong[0]}, which is not what one makes." if wrong else ""


def unnamed(task: Task) -> Task:
    """The task without a folder that the user names, so that Skipwise chooses one."""
    place = f"runs/{task.command[0]}/*"
    files = tuple(f"{place}/{pattern.removeprefix('out/')}" for pattern in task.files)
    return replace(task, name=f"{task.name}, no --output", command=task.command[:-2], files=files)

"""Commands and their workers are ended by signals at any moment; the same command then gives the same bytes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from random import Random

from tests.attack.judging import crashed, different, ended_badly
from tests.attack.state import Ended, State, wait
from tests.attack.tasks import WRITING, Task
from tests.processes import children_of

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ENDS = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15), signal.SIGINT: (130, -2)}
"""What a command may end with, beside 0."""


class Kills:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "kills")

    def attack(self, rng: Random) -> tuple[str, str]:
        """Ends a command a few times and gives it again: what was done, and what did not hold."""
        task = rng.choices(WRITING, [3 if task.name == "compare" else 1 for task in WRITING])[0]
        expected = self.state.expected(task)
        cold = rng.random() < 0.5
        self.state.restore({*task.reads, "cache"} - ({"cache"} if cold else set()))
        done = []
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            how, failure = self._end(task, expected.seconds, rng)
            done.append(how)
            if failure:
                return f"{task.name}, {'; '.join(done)}", failure
        what = f"{task.name}{', no cache' if cold else ''}, {'; '.join(done)}; then the same command"
        return what, again(self.state, task, expected)

    def _end(self, task: Task, seconds: float, rng: Random) -> tuple[str, str]:
        share, number = rng.random() * 1.05, rng.choice(SIGNALS)
        to_worker, twice, which = rng.random() < 0.4, rng.random() < 0.3, rng.random()
        command = self.state.start(task.command)
        time.sleep(0.01 + share * seconds)
        team = family(command.pid) if command.poll() is None else []
        hit = team[int(which * len(team))] if to_worker and team else command.pid
        how = f"{number.name} to {'a worker' if hit != command.pid else 'it'} after {share:.2f} of its time"
        send(hit, number)
        if twice:
            time.sleep(rng.random() * 0.05)
            send(hit, number)
            how += ", twice"
        ended = self.state.end(command, task)
        if failure := died(ended, number, itself=hit == command.pid):
            return how, failure
        if not wait(lambda: not any(map(alive, team)), 40):
            for pid in team:
                send(pid, signal.SIGKILL)
            return how, "A worker goes on for more than 40 s."
        return how, ""


def died(ended: Ended, number: signal.Signals, *, itself: bool) -> str:
    """Whether a command that was sent a signal, or a worker of which was, ended otherwise than it may."""
    if itself and ended.status in ENDS[number]:
        return crashed(ended)
    return ended_badly(ended)


def again(state: State, task: Task, expected: Ended) -> str:
    """Gives the command that was ended once more: whether the outcome is another one than if nothing had been."""
    deadline = time.monotonic() + 60
    while True:
        ended = state.do(task)
        if not (ended.status == 2 and "Another Skipwise" in ended.err and time.monotonic() < deadline):
            break
        time.sleep(0.2)
    if failure := ended_badly(ended, allowed=(0,)):
        return failure
    if difference := different(ended, expected, task):
        return f"After it was ended, {task.name} gives something else: {difference}"
    left = state.hidden()
    return f"{left[0]} is left behind." if left else ""


def family(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    children = [int(child) for child in children_of(pid)]
    return [*children, *(each for child in children for each in family(child))]


def alive(pid: int) -> bool:
    """Whether a process is there and not dead already."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal, if the process is there."""
    try:
        if alive(pid):
            os.kill(pid, number)
    except ProcessLookupError:
        pass

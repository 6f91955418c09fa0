"""Damage to every file that Skipwise writes, and one of the commands that read it: noticed, or of no effect."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from random import Random

from tests.attack.damage import damaged
from tests.attack.judging import STATUSES, different, ended_badly, names
from tests.attack.state import Ended, State
from tests.attack.tasks import READING, Task


class Flips:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "flips")

    def attack(self, rng: Random) -> tuple[str, str]:
        """Damages one file: what was done, and what did not hold."""
        file, task = chosen(self.state.whole, rng)
        expected = self.state.expected(task)
        self.state.restore(task.reads)
        data, how = damaged((self.state.here / file).read_bytes(), rng)
        (self.state.here / file).write_bytes(data)
        ended = self.state.do(task)
        return f"{file}: {how}; then {task.name}", noticed(self.state, ended, expected, task, file)


def chosen(whole: Path, rng: Random, suffixes: tuple[str, ...] = ()) -> tuple[str, Task]:
    """A file that Skipwise wrote, and a task that reads it."""
    rows = []
    for weight, pattern, tasks in READING:
        files = [path.relative_to(whole).as_posix() for path in sorted(whole.glob(pattern)) if path.is_file()]
        files = [file for file in files if file.endswith(suffixes or "") and not file.endswith(".lock")]
        if files:
            rows.append((weight, files, tasks))
    _, files, tasks = rng.choices(rows, [weight for weight, _, _ in rows])[0]
    file, task = rng.choice(files), rng.choice(tasks)
    if not any(fnmatch(file.split("/")[0], part) for part in task.reads):
        raise ValueError(f"{task.name} does not read {file}")
    return file, task


def noticed(state: State, ended: Ended, expected: Ended, task: Task, file: str) -> str:
    """Whether a damaged file changed an answer in silence, or ended the command badly."""
    if failure := ended_badly(ended, allowed=STATUSES.get(task.command[0], (0, 2))):
        return failure
    if left := state.hidden():
        return f"{left[0]} is left behind."
    if ended.status == 2:
        sentence = next(line for line in ended.err.splitlines() if line.startswith("skipwise: "))
        return "" if names(sentence, file) else f"The sentence does not name {file}: {sentence}"
    if ended.status == 0 and (difference := different(ended, expected, task)):
        said = " (it said something of the file)" if file.rpartition("/")[2] in ended.err else ""
        return f"A silent difference in {task.name} by {file}{said}: {difference}"
    return ""

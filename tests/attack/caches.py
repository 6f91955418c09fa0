"""The cache is deleted, or its files are cut off, while a command uses it: a sentence at most, and the same bytes."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from random import Random

from tests.attack.judging import different, ended_badly
from tests.attack.kills import again
from tests.attack.state import State
from tests.attack.tasks import WRITING

USING = [task for task in WRITING if task.command[0] != "predict"]


class Caches:
    """See the module."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "caches")

    def attack(self, rng: Random) -> tuple[str, str]:
        """Takes the cache from a command: what was done, and what did not hold."""
        task = rng.choice(USING)
        expected = self.state.expected(task)
        cold = rng.random() < 0.3
        self.state.restore({*task.reads, "cache"} - ({"cache"} if cold else set()))
        moments = sorted(rng.random() * expected.seconds for _ in range(rng.choice((1, 1, 2, 4))))
        ways = [rng.choice((_delete, _delete_some, _cut_some)) for _ in moments]
        draws = Random(rng.getrandbits(64))
        began = time.monotonic()
        command = self.state.start(task.command)
        for moment, way in zip(moments, ways, strict=True):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            way(self.state.here / "cache", draws)
        ended = self.state.end(command, task)
        done = ", ".join(
            f"{way.__name__.strip('_')} at {moment:.2f} s" for moment, way in zip(moments, ways, strict=True)
        )
        what = f"{task.name}{', no cache' if cold else ''}; the cache: {done}"
        if failure := ended_badly(ended):
            return what, failure
        if ended.status == 0 and (difference := different(ended, expected, task)):
            return what, f"A silent difference in {task.name} by the cache: {difference}"
        return f"{what}; then the same command", again(self.state, task, expected)


def _delete(cache: Path, _: Random) -> None:
    shutil.rmtree(cache, ignore_errors=True)


def _delete_some(cache: Path, rng: Random) -> None:
    for path in _files(cache, rng):
        path.unlink(missing_ok=True)


def _cut_some(cache: Path, rng: Random) -> None:
    for path in _files(cache, rng):
        try:
            os.truncate(path, rng.choice((0, path.stat().st_size // 2)))
        except FileNotFoundError:
            continue


def _files(cache: Path, rng: Random) -> list[Path]:
    found = sorted(path for path in cache.rglob("*") if path.is_file() and path.name != ".lock")
    return [path for path in found if rng.random() < 0.6]

"""Every command on a disk that gets full at any of its writes: a sentence, and with space again the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from random import Random

from tests.attack.judging import different, ended_badly
from tests.attack.kills import again
from tests.attack.state import LARGEST, State
from tests.attack.tasks import WRITING, Task

ROOMY = 2**29
PAGE = 4096


class Disks:
    """See the module. Where nobody may mount a file system, files may not grow beyond a size."""

    def __init__(self, root: Path) -> None:
        self.state = State(root, "disks")
        self.mounted = mount(self.state.here, f"size={ROOMY}")
        self._bytes: dict[Task, int] = {}

    def attack(self, rng: Random) -> tuple[str, str]:
        """Gives a command where there is little space: what was done, and what did not hold."""
        task = rng.choice(WRITING)
        expected = self.state.expected(task)
        cold = rng.random() < 0.6
        parts = {*task.reads, "cache"} - ({"cache"} if cold else set())
        needed = self._needed(task)
        self.state.restore(parts)
        # Most writes are small ones at the beginning or at the end.
        free = rng.choice(
            (rng.randrange(needed), rng.randrange(min(needed, 32 * PAGE)), needed - rng.randrange(16 * PAGE))
        )
        free = max(0, free) // PAGE * PAGE
        what = f"{task.name}{', no cache' if cold else ''}, with {free} bytes free"
        variables = {}
        if rng.random() < 0.3:
            (self.state.here / "tmp").mkdir()
            variables = {"TMPDIR": str(self.state.here / "tmp")}
            what += ", also for temporary files"
        if self.mounted:
            mount(self.state.here, f"remount,size={max(PAGE, used(self.state.here) + free)}")
        else:
            variables[LARGEST] = str(free)
        ended = self.state.do(task, **variables)
        if self.mounted:
            mount(self.state.here, f"remount,size={ROOMY}")
        failure = ended_badly(ended)
        if not failure and ended.status == 0 and (difference := different(ended, expected, task)):
            failure = f"{task.name} says that it is done, and on a full disk it was not: {difference}"
        if not failure and ended.status == 2 and not _says_why(ended.err):
            failure = f"The sentence does not say that the disk is full: {ended.err.strip()[-300:]}"
        if failure:
            return what, failure
        shutil.rmtree(self.state.here / "tmp", ignore_errors=True)
        return f"{what}; then with space", again(self.state, task, expected)

    def _needed(self, task: Task) -> int:
        """Bytes that a task writes where there is no cache."""
        if task not in self._bytes:
            self.state.restore({*task.reads} - {"cache"})
            before = used(self.state.here)
            self.state.do(task)
            self._bytes[task] = used(self.state.here) - before + PAGE
        return self._bytes[task]


def used(folder: Path) -> int:
    """Bytes of a file system that are used, or of a folder on one that has other folders, too."""
    if os.path.ismount(folder):
        found = os.statvfs(folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def mount(folder: Path, options: str) -> bool:
    """Mounts a file system in memory there, in the namespace that this process is in."""
    if os.environ.get("ATTACK_OWN_NAMESPACE") != "1":
        return False
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def _says_why(said: str) -> bool:
    return any(word in said for word in ("disk is full", "No space left", "File too large", "space"))

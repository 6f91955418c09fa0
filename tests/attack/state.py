"""The folders that attacks are made on: everything that Skipwise writes, made once, and copies of parts of it.

images/       the data; home/: the user's, empty
whole/        everything, as commands made it
here/<kind>/  where the commands of an attack are given, made anew for each
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skipwise.core.files.locks import locked
from tests.attack.tasks import COMPARE, EVALUATE, IMAGES, JUDGE, LONG, SEVERAL, STUDY, TRAIN, Task
from tests.conftest import make_photos
from tests.processes import Command, time_briefly

RECORDS = frozenset({"run.json", "terms.json", "source.json"})
CLOCKS = frozenset({"seconds", "step", "evaluation", "run.json", "metrics.jsonl", ""})
"""Keys of what took how long, and of checksums of that."""
PATIENCE = 180.0
"""Seconds after which a command is taken to wait for ever."""
BEGUN, LARGEST, STUDIES = "ATTACK_BEGUN", "ATTACK_LARGEST", "ATTACK_STUDIES"
"""Variables: a file that says that a command has begun; the bytes of a file, at most; whether there is a tiny study."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, negative if a signal ended it and None if it had to be ended; what it
    printed; the bytes of its files by name."""

    status: int | None
    out: str
    err: str
    files: dict[str, bytes]
    seconds: float


class State:
    """The folders of one kind of attack.

    Args:
        root: where all of them are; what is not there yet is made.
    """

    def __init__(self, root: Path, kind: str) -> None:
        self.root, self.whole, self.here = root, root / "whole", root / "here" / kind
        self.images = root / "images"
        self._expected: dict[Task, Ended] = {}
        with locked(root, waiting=lambda: None):
            if not (root / "prepared").exists():
                _prepare(self)
                (root / "prepared").touch()
        self.here.mkdir(exist_ok=True)

    def restore(self, parts: Iterable[str]) -> None:
        """Makes the folder anew, with copies of parts of the whole."""
        self.empty()
        for source in (found for part in parts for found in self.whole.glob(part)):
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, self.here / source.name)

    def empty(self) -> None:
        """Makes the folder anew; it stays the one it is, for something may be mounted there."""
        for path in self.here.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def start(self, arguments: Iterable[str], **variables: str | None) -> Command:
        """Gives a command there; it has begun when this returns."""
        begun = self.root / "begun" / f"{self.here.name}-{time.monotonic_ns()}"
        environment = {
            "SKIPWISE_CACHE": str(self.here / "cache"),
            "HOME": str(self.root / "home"),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            BEGUN: str(begun),
        }
        given = [argument.replace(IMAGES, str(self.images)) for argument in arguments]
        environment |= {STUDIES: "1"} if given[0] == "study" else {}
        command = Command(*given, cwd=self.here, env=environment | variables, prepare=begin)
        while not begun.exists() and command.poll() is None:
            time.sleep(0.001)
        begun.unlink(missing_ok=True)
        return command

    def end(self, command: Command, task: Task) -> Ended:
        """How a command ends."""
        began = time.monotonic()
        _, status = command._process.join(PATIENCE), command.poll()
        if status is None:
            command.send_signal(signal.SIGKILL)
        out, err = (self.plain(said) for said in command.communicate())
        return Ended(status, out, err, self.files(task), time.monotonic() - began)

    def do(self, task: Task, **variables: str | None) -> Ended:
        """Gives the task's command and waits for its end."""
        began = time.monotonic()
        ended = self.end(self.start(task.command, **variables), task)
        return Ended(ended.status, ended.out, ended.err, ended.files, time.monotonic() - began)

    def expected(self, task: Task) -> Ended:
        """How it ends when nothing disturbs it."""
        if task not in self._expected:
            self.restore(task.reads)
            ended = self.do(task)
            assert ended.status == 0, f"{task.name} ends with {ended.status} where nothing is wrong: {ended.err}"
            self._expected[task] = ended
        return self._expected[task]

    def plain(self, said: str) -> str:
        """What was printed, whichever folder it was printed in."""
        return said.replace(str(self.here), "...").replace(str(self.root), "..")

    def files(self, task: Task) -> dict[str, bytes]:
        """Those of a task that are there."""
        paths = (path for pattern in task.files for path in sorted(self.here.glob(pattern)) if path.is_file())
        return {path.relative_to(self.here).as_posix(): without_clocks(path) for path in paths}

    def hidden(self) -> list[str]:
        """What lies about there and is no result."""
        meant = re.compile(r"\.lock|\..+\.skipwise\.(json|sums)")
        names = (path.relative_to(self.here) for path in sorted(self.here.rglob("*")))
        odd = (name for name in names if name.suffix == ".tmp" or name.name.startswith("."))
        return [name.as_posix() for name in odd if not meant.fullmatch(name.name)]


def without_clocks(path: Path) -> bytes:
    """What a file holds; of records that go by a clock, or that are kept as they were found, only what they say."""
    data = path.read_bytes()
    if path.name not in RECORDS:
        return data
    try:
        return json.dumps(_without(json.loads(data), CLOCKS), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return data


def _without(content: Any, keys: Collection[str]) -> Any:
    if isinstance(content, dict):
        return {key: _without(value, keys) for key, value in content.items() if key not in keys}
    return [_without(value, keys) for value in content] if isinstance(content, list) else content


def begin() -> None:
    """What a command's process does first."""
    time_briefly()
    if LARGEST in os.environ:
        largest = int(os.environ[LARGEST])
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    if STUDIES in os.environ:
        from skipwise.studies import table
        from tests.attack.tiny import TINY

        table.STUDIES[TINY.name] = TINY
    Path(os.environ[BEGUN]).touch()


def _prepare(state: State) -> None:
    for name in ("home", "here", "begun"):
        (state.root / name).mkdir()
    images = make_photos(state.images)
    shutil.copyfile(images / "stripes0/000.png", images / "stripes0/copy.png")  # there are pairs in the cache
    attacked, state.here = state.here, state.whole
    state.here.mkdir()
    _made(state, *TRAIN, "-o", "trained")
    _made(state, *COMPARE, "-o", "compared")
    _made(state, *SEVERAL, "-o", "several")
    _made(state, *JUDGE, "-o", "judged")
    _made(state, *STUDY, "-o", "studied")
    _made(state, "audit", IMAGES, "-o", "audited")
    for format in ("onnx", "openvino", "torch"):
        _made(state, "export", "trained", "--format", format, "-o", f"shipped-{format}")
        _made(state, "verify", f"shipped-{format}", "--no-timing")
    _made(state, *EVALUATE, "-o", "evaluated")
    answer = ("predict", "shipped-onnx", IMAGES, "-b", "4", "--probabilities", "-o")
    for name in ("answers", "begun"):
        _made(state, *answer, f"{name}.csv")
    lines = (state.here / "begun.csv").read_bytes().splitlines(keepends=True)
    # As a kill leaves it: the header, four batches, and a part of the fifth; checksums are lines of nine bytes.
    (state.here / "begun.csv").write_bytes(b"".join(lines[:18])[:-5])
    os.truncate(state.here / ".begun.csv.skipwise.sums", 4 * 9)
    _stopped(state, ("train", IMAGES, *LONG), "stopped", "resume.safetensors", "run.json")
    _stopped(state, COMPARE, "halfway", "runs/*/run.json", "comparison.json")
    state.here = attacked


def _made(state: State, *arguments: str) -> None:
    ended = state.do(Task(name="", command=arguments))
    assert ended.status == 0, f"{arguments} ends with {ended.status}: {ended.err}"


def _stopped(state: State, command: tuple[str, ...], folder: str, after: str, before: str) -> None:
    """Stops a command once there is a file, and before there is another."""
    running = state.start((*command, "-o", folder))
    wait(lambda: running.poll() is not None or any((state.here / folder).glob(after)))
    running.send_signal(signal.SIGTERM)
    running.communicate()
    assert not (state.here / folder / before).exists(), f"{command} was too quick to be stopped"


def wait(until: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it came true within some time."""
    deadline = time.monotonic() + seconds
    while not (true := until()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return true

"""Processes that need not import torch: they are forked from one that has, a server that each test process starts."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skipwise.comparison.budget.external_batch import BatchRequest, BatchResult

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.preloaded"])  # one list for all tests: the one set last holds

STREAMS = ("stdin", "stdout", "stderr")
Prepare = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a command line finds around it.

    Args:
        cwd: the folder it stands in.
        env: variables to set beside those of this process, or to unset where they are None.
        closed: the streams that are closed.
        to: files that streams go to.
        unread: the streams that are pipes which nobody reads any more.
        prepare: a function of a module, which the process calls first.
    """

    cwd: Path
    env: Mapping[str, str | None] = field(default_factory=dict)
    closed: Sequence[str] = ()
    to: Mapping[str, str] = field(default_factory=dict)
    unread: Sequence[str] = ()
    prepare: Prepare | None = None


class Command:
    """The command line in a process of its own, with files for its output; otherwise as `subprocess.Popen`.

    What is chosen when a module is imported was chosen by the server, but for when a time limit began.
    """

    def __init__(self, *arguments: str | Path, **surroundings: object) -> None:
        self._said = Path(tempfile.mkdtemp())
        for name in STREAMS:
            (self._said / name).touch()
        weakref.finalize(self, shutil.rmtree, self._said)
        self.arguments = [str(argument) for argument in arguments]
        around = Surroundings(**surroundings)  # type: ignore[arg-type]
        environment = {name: value for name, value in (os.environ | dict(around.env)).items() if value is not None}
        # A daemon, so that it ends with the tests at the latest.
        self._process = FORKING.Process(
            target=_run, args=(self.arguments, around, environment, self._said), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """What it wrote to standard output and to standard error, once it has ended."""
        self._process.join(timeout)
        if self.returncode is None:
            self._process.kill()
            raise subprocess.TimeoutExpired(self.arguments, timeout)
        out, err = ((self._said / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
        return out, err


def run(*arguments: str | Path, **surroundings: object) -> subprocess.CompletedProcess[str]:
    """A command line that ends by itself."""
    command = Command(*arguments, **surroundings)
    out, err = command.communicate()
    assert command.returncode is not None
    return subprocess.CompletedProcess(command.arguments, command.returncode, out, err)


def children_of(pid: int) -> list[str]:
    """The processes that a process has started."""
    return [child for thread in Path(f"/proc/{pid}/task").glob("*/children") for child in thread.read_text().split()]


def time_briefly() -> None:
    """Has a process time networks for a moment, and try external ones itself, where a test is about something else."""
    from skipwise.comparison.budget import external_batch
    from skipwise.cost import profile, timing
    from skipwise.cost.interleaved import interleaved

    profile.interleaved = timing.interleaved = lambda arms, **_: interleaved(arms, seconds=0.0)
    external_batch.tried_elsewhere = tried_here


def run_here() -> None:
    """Has a process do the runs of a comparison itself, where a test is not about the processes that do them."""
    from skipwise.comparison.executors.table import EXECUTORS

    time_briefly()
    EXECUTORS["local"] = EXECUTORS["in-process"]


def tried_here(asked: BatchRequest) -> BatchResult | None:
    """As `external_batch.tried_elsewhere`, whose process imports torch first."""
    from skipwise.comparison.budget import external_batch

    with contextlib.suppress(Exception):  # the network's own
        return external_batch.tried_here(asked)
    return None


def _run(arguments: list[str], around: Surroundings, environment: dict[str, str], said: Path) -> None:
    from skipwise.cli import app as cli
    from skipwise.cli import commands

    for verb in vars(commands).values():
        if hasattr(verb, "BEGAN"):  # from which a time limit is counted; the server was there long before
            verb.BEGAN = time.monotonic()
    os.chdir(around.cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in enumerate(STREAMS):
        _connect(number, name, around, said)
    sys.argv = [str(Path(cli.__file__).parents[1] / "__main__.py"), *arguments]
    if around.prepare is not None:
        around.prepare()
    cli.main()


def _connect(number: int, name: str, around: Surroundings, said: Path) -> None:
    """Makes one of the standard streams, as Python does."""
    if name in around.closed:
        os.close(number)
        setattr(sys, name, None)
        return
    if name in around.unread:
        reader, opened = os.pipe()
        os.close(reader)
    else:
        path = around.to.get(name, said / name)
        opened = os.open(path, os.O_RDONLY if name == "stdin" else os.O_WRONLY | os.O_APPEND)
    os.dup2(opened, number)
    os.close(opened)
    encoding = os.environ.get("PYTHONIOENCODING") or "utf-8"
    setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding=encoding))


IMPORTS = """
import json, sys
from skipwise.cli import app as cli
heavy = {"torch", "torchvision", "timm", "sklearn", "onnx", "onnxruntime", "openvino"}
for case in json.load(sys.stdin):
    sys.argv = ["skipwise", *case]
    try:
        cli.main()
    except SystemExit as ended:
        print(json.dumps([ended.code, sorted(heavy & sys.modules.keys())]), file=sys.stderr)
"""


def heavy_imports(cases: Sequence[Sequence[str | Path]], cwd: Path) -> list[tuple[int, list[str]]]:
    """The exit status of each of several command lines, and which packages that take seconds to import had been
    imported by then; all in one process, so that what one imports, the next has as well."""
    asked = json.dumps([[str(word) for word in case] for case in cases])
    result = subprocess.run([sys.executable, "-c", IMPORTS], input=asked, capture_output=True, text=True, cwd=cwd)
    assert "Traceback" not in result.stderr, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("[") and line.endswith("]]")]
    return [(status, modules) for status, modules in map(json.loads, lines)]

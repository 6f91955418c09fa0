"""Processes that need not import torch: they are forked from one that has, a server that each test process starts."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.preloaded"])

Prepare = Callable[[], None]


class Command:
    """The command line in a process of its own, with files for its output; otherwise as `subprocess.Popen`.

    What is chosen when a module is imported (`SKIPWISE_MAX_PIXELS`, when a time limit began) was chosen by the server.

    Args:
        cwd: the folder it stands in.
        env: beside the environment of this process.
        prepare: a function of a module, which the process calls first.
    """

    def __init__(
        self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, prepare: Prepare | None = None
    ) -> None:
        self._said = Path(tempfile.mkdtemp())
        for name in ("out", "err"):
            (self._said / name).touch()
        weakref.finalize(self, shutil.rmtree, self._said)
        self.arguments = [str(argument) for argument in arguments]
        what = (self.arguments, cwd, os.environ | dict(env or {}), self._said, prepare)
        self._process = FORKING.Process(target=_run, args=what, daemon=True)  # it ends with the tests at the latest
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
        out, err = ((self._said / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return out, err


def run(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, prepare: Prepare | None = None
) -> subprocess.CompletedProcess[str]:
    """A command line that ends by itself."""
    command = Command(*arguments, cwd=cwd, env=env, prepare=prepare)
    out, err = command.communicate()
    assert command.returncode is not None
    return subprocess.CompletedProcess(command.arguments, command.returncode, out, err)


def children_of(pid: int) -> list[str]:
    """The processes that a process has started."""
    return [child for thread in Path(f"/proc/{pid}/task").glob("*/children") for child in thread.read_text().split()]


def time_briefly() -> None:
    """Has a process time networks for a moment, where a test is about something else."""
    from skipwise.cost import profile, timing
    from skipwise.cost.interleaved import interleaved

    profile.interleaved = timing.interleaved = lambda arms, **_: interleaved(arms, seconds=0.0)


def _run(arguments: list[str], cwd: Path, environment: dict[str, str], said: Path, prepare: Prepare | None) -> None:
    from skipwise import cli

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_APPEND), number)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    sys.argv = [str(Path(cli.__file__).with_name("__main__.py")), *arguments]
    if prepare is not None:
        prepare()
    cli.main()

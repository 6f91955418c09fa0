"""The command line in a process of its own, with streams and an environment as somebody else's program leaves them.

A fork server has imported everything heavy, so that a start takes a moment.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skipwise import cli

STREAMS = ("stdin", "stdout", "stderr")
CONTEXT = multiprocessing.get_context("forkserver")
# There is one fork server for all tests, and the list that is set last holds.
CONTEXT.set_forkserver_preload(
    [
        "tests.run_in_a_child",
        "tests.test_levers",
        "tests.started",
        "skipwise.printing",
        "skipwise.screen",
        "skipwise.comparison.compare",
        "skipwise.deploy.export",
        "skipwise.deploy.predict",
        "skipwise.training.train",
        "tests.conftest",
    ]
)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status and what it wrote; "" for a stream that was closed."""

    status: int | None
    out: str
    err: str


def run(
    where: Path,
    *arguments: str | Path,
    closed: Sequence[str] = (),
    to: dict[str, str] | None = None,
    unread: Sequence[str] = (),
    environment: dict[str, str | None] | None = None,
) -> Ended:
    """Runs `skipwise` with these arguments in a folder.

    Args:
        closed: which streams are closed.
        to: files that streams go to instead.
        unread: which streams are pipes that nobody reads any more.
        environment: variables to set, or to unset where they are None.
    """
    files = {name: str(where / f".{name}") for name in STREAMS if name not in closed} | (to or {})
    Path(where / ".stdin").touch()
    words = [str(word) for word in arguments]
    process = CONTEXT.Process(target=_start, args=(where, words, files, [*unread], environment or {}))
    process.start()
    process.join(120)
    process.kill()
    process.join()
    written = [Path(where / f".{name}") for name in ("stdout", "stderr")]
    out, err = (path.read_text(errors="replace") if path.exists() else "" for path in written)
    for path in written:
        path.unlink(missing_ok=True)
    return Ended(process.exitcode, out, err)


def _start(
    where: Path, words: list[str], files: dict[str, str], unread: list[str], environment: dict[str, str | None]
) -> None:
    os.chdir(where)
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    for number, name in enumerate(STREAMS):
        if name in files:
            opened = os.open(files[name], os.O_RDONLY if name == "stdin" else os.O_WRONLY | os.O_CREAT, 0o666)
            os.dup2(opened, number)
            os.close(opened)
        if name in unread:
            reader, writer = os.pipe()
            os.dup2(writer, number)
            os.close(reader)
            os.close(writer)
    for number, name in enumerate(STREAMS):
        if name not in files:
            os.close(number)
        encoding = os.environ.get("PYTHONIOENCODING") or "utf-8"
        stream = os.fdopen(number, "r" if name == "stdin" else "w", encoding=encoding) if name in files else None
        setattr(sys, name, stream)  # as Python itself does
    sys.argv = ["skipwise", *words]
    cli.main()

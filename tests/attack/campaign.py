"""Kinds, a seed and a time -> outcomes. Each kind attacks from a process of its own; one that dies has failed."""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random

from tests.attack.kinds import KINDS
from tests.attack.outcome import Outcome

PATIENCE = 900
"""Seconds after which an attack is taken to wait for ever."""
NAMESPACE = ("unshare", "--map-root-user", "--mount")


def attacks(
    kinds: Iterable[str],
    *,
    seed: int,
    root: Path,
    minutes: float | None = None,
    first: int = 0,
    count: int | None = None,
) -> Iterator[Outcome]:
    """What becomes of attacks, kind by kind.

    Args:
        root: an empty folder, or one of an earlier campaign, whose state is used again.
        minutes: for all of them; each kind has its share, and attacks once at least.
        first: the number of the first attack of each kind.
        count: of each kind, at most.
    """
    kinds = list(kinds)
    whole = sum(KINDS[kind].share for kind in kinds)
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    for kind in kinds:
        seconds = None
        if deadline is not None:
            seconds = max(0.0, deadline - time.monotonic()) * KINDS[kind].share / whole
        whole -= KINDS[kind].share
        end = sys.maxsize if count is None else first + count
        yield from _kind(kind, seed, first, end, root, seconds)


def _kind(kind: str, seed: int, first: int, end: int, root: Path, seconds: float | None) -> Iterator[Outcome]:
    deadline = None if seconds is None else time.monotonic() + seconds
    while first < end:
        left = "" if deadline is None else f"{max(0.0, deadline - time.monotonic()):f}"
        arguments = ["--serve", kind, str(seed), str(first), str(end), str(root), left]
        command = [sys.executable, "-P", "-m", "tests.attack", *arguments]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        if KINDS[kind].mounts and _may_mount():
            command, environment["ATTACK_OWN_NAMESPACE"] = [*NAMESPACE, *command], "1"
        begun = first - 1
        with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as folder:
            environment["TMPDIR"] = folder  # what a process that dies leaves behind goes too
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
            assert process.stdout is not None
            with process:
                for line in process.stdout:
                    record = json.loads(line)
                    if "begun" in record:
                        begun = record["begun"]
                    else:
                        first = begun + 1
                        yield Outcome(**record)
            if process.returncode == 0:
                return
            log.seek(0)
            said = log.read().decode(errors="replace").strip()[-2000:]
            failure = f"The process that attacks ended with {process.returncode}: {said}"
            yield Outcome(kind=kind, seed=seed, number=max(begun, first), what="", failure=failure, seconds=0.0)
            if begun < first or (deadline is not None and time.monotonic() >= deadline):
                return  # it could not even begin, or there is no time left
            first = begun + 1


def serve(kind: str, seed: int, first: int, end: int, root: Path, seconds: float | None) -> None:
    """Attacks one by one and writes a line before and after each."""
    deadline = None if seconds is None else time.monotonic() + seconds
    attacker = KINDS[kind].make(root)
    for number in range(first, end):
        if deadline is not None and number > first and time.monotonic() >= deadline:
            return
        print(json.dumps({"begun": number}), flush=True)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        began = time.monotonic()
        what, failure = attacker.attack(Random(f"{kind}-{seed}-{number}"))
        faulthandler.cancel_dump_traceback_later()
        took = round(time.monotonic() - began, 2)
        outcome = Outcome(kind=kind, seed=seed, number=number, what=what, failure=failure, seconds=took)
        print(json.dumps(asdict(outcome)), flush=True)


def _may_mount() -> bool:
    if shutil.which(NAMESPACE[0]) is None:
        return False
    mounted = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", tempfile.gettempdir()]
    return subprocess.run(mounted, capture_output=True).returncode == 0

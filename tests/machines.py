"""Runs a command as on another machine.

    python -m tests.machines bf16-slow,no-compiler,one-core COMMAND...

The names are those of `TRAITS`. What they say holds for the command and for every process that it starts. Nothing in
Skipwise knows of it: there really is no compiler on PATH, and really only one core; only how fast the processor
multiplies bfloat16 is made up, in forced/sitecustomize.py.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

COMPILER = re.compile(r"(.*-)?(cc|c89|c99|c\+\+|gcc|g\+\+|clang|clang\+\+|icx|icpx|cl)(-[\d.]+)?(\.exe)?")
"""The names that C and C++ compilers go by."""

Environment = dict[str, str]


def _no_compiler(environment: Environment, folder: Path) -> None:
    """A PATH with links to all programs but the compilers."""
    programs = folder / "programs"
    programs.mkdir()
    for place in environment.get("PATH", os.defpath).split(os.pathsep):
        for program in Path(place).iterdir() if place and Path(place).is_dir() else ():
            if not COMPILER.fullmatch(program.name) and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program.absolute())
    environment["PATH"] = str(programs)
    environment.pop("CXX", None)


def _cores(count: int) -> Callable[[Environment, Path], None]:
    def force(environment: Environment, _: Path) -> None:
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < count:
            sys.exit(f"There are not {count} cores here that this process may use.")
        os.sched_setaffinity(0, usable[:count])
        environment["PYTEST_XDIST_AUTO_NUM_WORKERS"] = str(count)  # it would go by the cores that the machine has

    return force


def _bf16(environment: Environment, _: Path) -> None:
    """The trait's name is enough: see forced/sitecustomize.py."""
    forced = str(Path(__file__).parent / "forced")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (forced, environment.get("PYTHONPATH"))))


def _background(*_: object) -> None:
    """As a shell without job control starts what is to run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _bare(environment: Environment, folder: Path) -> None:
    """A service's environment: nobody's home, no locale, a narrow terminal, and a proxy that leads nowhere."""
    environment |= {
        "HOME": str(folder / "nobody"),
        "LC_ALL": "C",
        "COLUMNS": "40",
        "TZ": "Pacific/Kiritimati",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    environment.pop("XDG_CACHE_HOME", None)


TRAITS: dict[str, Callable[[Environment, Path], None]] = {
    "bf16-fast": _bf16,
    "bf16-slow": _bf16,
    "no-compiler": _no_compiler,
    "one-core": _cores(1),
    "two-cores": _cores(2),
    "background": _background,
    "bare": _bare,
}


def main(machine: str, *command: str) -> int:
    """The command's exit status."""
    traits = machine.split(",")
    if unknown := set(traits) - TRAITS.keys():
        sys.exit(f"There is no trait called {', '.join(sorted(unknown))}; there are {', '.join(TRAITS)}.")
    environment: Environment = os.environ | {"SKIPWISE_TEST_MACHINE": machine}
    with tempfile.TemporaryDirectory() as folder:
        for trait in traits:
            TRAITS[trait](environment, Path(folder))
        return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

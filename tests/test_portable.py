"""Skipwise is written for Linux, macOS and Windows: what only some of them have is asked for in few places.

Each of those says what happens where it is missing. A test runs Skipwise where it is all missing; a real Windows would
show more.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import make_photos
from tests.predicted import made, write

SOURCE = Path(__file__).parents[1] / "src" / "skipwise"
WITHOUT = Path(__file__).parent / "without_posix"

MODULES = {"crypt", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
ATTRIBUTES = {
    "os": {
        *("chown", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups", "getloadavg"),
        *("getpgid", "getpgrp", "getpriority", "getsid", "getuid", "initgroups", "killpg", "lchown", "lockf", "major"),
        *("mkfifo", "mknod", "nice", "openpty", "pathconf", "pipe2", "posix_fadvise", "posix_fallocate"),
        *("posix_spawn", "posix_spawnp", "pread", "preadv", "pwrite", "pwritev", "readv", "sched_getaffinity"),
        *("sched_setaffinity", "sched_yield", "sendfile", "setpgid", "setpriority", "setsid", "setuid", "statvfs"),
        *("sysconf", "tcgetpgrp", "ttyname", "uname", "wait", "wait3", "wait4", "waitid", "waitpid", "writev"),
        *("O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "O_TMPFILE"),
        *("WEXITSTATUS", "WIFEXITED", "WIFSIGNALED", "WNOHANG", "WTERMSIG"),
    },
    "signal": {
        *("SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP"),
        *("SIGUSR1", "SIGUSR2", "SIGWINCH", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer"),
        *("siginterrupt", "sigpending", "sigtimedwait", "sigwait", "sigwaitinfo"),
    },
    "socket": {"AF_UNIX", "SO_REUSEPORT", "socketpair"},
    "multiprocessing": {"get_context", "set_start_method"},
}
"""What the standard library has on some systems only."""
KEYWORDS = {"pass_fds", "preexec_fn", "start_new_session", "process_group", "dir_fd"}
"""Arguments that some systems do not take."""
PLACES = ("/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/usr", "/var")
"""Paths that some systems do not have."""

OWNERS = {
    "cleaning/caches.py": {"statvfs"},
    "cli/watchdog.py": {"fork", "waitpid", "SIGHUP", "SIGQUIT", "SIGKILL", "SIGBUS"},
    "comparison/executors/slurm/commands.py": {"getuid"},  # Slurm runs on nothing else
    "core/files/locks.py": {"fcntl", "major", "/proc/locks"},
    "core/files/regular.py": {"/proc", "/sys"},
    "core/machine/environment.py": {"getuid", "/dev/shm", "/tmp"},
    "core/machine/memory.py": {"resource", "/proc/meminfo", "/proc/self/statm", "/proc/self/cgroup", "/sys/fs/cgroup"},
    "core/machine/system.py": {"sysconf", "sched_getaffinity", "/proc/cpuinfo", "/dev"},
    "data/cache/rows.py": {"posix_fallocate", "preadv"},
    "data/scan/decoder_process.py": {"setitimer"},
    "data/sources/named/in_memory.py": {"/usr/share/datasets/fashion-mnist"},
    "serving/connections/deadline.py": {"SIGALRM"},
    "serving/listening.py": {"resource"},
}
"""The files that ask for something of the kind, and for what. Each asks whether it is there, but Slurm's."""


def asked_for(tree: ast.Module) -> Iterator[str]:
    """The names of what only some systems have, as a module's code asks for them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from MODULES & {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            yield from MODULES & {node.module or ""}
            yield from ATTRIBUTES.get(node.module or "", set()) & {each.name for each in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from ATTRIBUTES.get(node.value.id, set()) & {node.attr}
        elif isinstance(node, ast.Call):
            yield from KEYWORDS & {each.arg for each in node.keywords if each.arg}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            yield from {text} if text.startswith(PLACES) and "\n" not in text and text.count("/") < 5 else set()


def found() -> dict[str, set[str]]:
    names = {
        path.relative_to(SOURCE).as_posix(): set(asked_for(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted(SOURCE.rglob("*.py"))
    }
    return {path: asked for path, asked in names.items() if asked}


def test_what_only_some_systems_have_is_asked_for_in_the_files_that_own_it() -> None:
    assert found() == OWNERS


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import os\nos.fork()", "fork"),
        ("from signal import SIGKILL", "SIGKILL"),
        ("import fcntl", "fcntl"),
        ("open('/tmp/x')", "/tmp/x"),
        ("subprocess.run([], preexec_fn=print)", "preexec_fn"),
        ("multiprocessing.get_context('fork')", "get_context"),
    ],
)
def test_such_code_would_be_seen(code: str, name: str) -> None:
    assert set(asked_for(ast.parse(code))) == {name}


def run(*words: str, here: Path) -> str:
    """What the program prints where nothing is there that only some systems have."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(WITHOUT), str(SOURCE.parent)))}
    ended = subprocess.run(
        [sys.executable, "-m", "skipwise", *words],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_it_judges_and_audits_without_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for seed in range(2):
            write(tmp_path / f"{name}-s{seed}.csv", made(0.7 if name == "a" else 0.95, seed))
    assert "b is better" in run("judge", *sorted(path.name for path in tmp_path.glob("*.csv")), here=tmp_path)
    make_photos(tmp_path / "photos", per_class=3)
    run("audit", "photos", here=tmp_path)
    assert next(tmp_path.glob("runs/audit/*/audit.json")).is_file()


@pytest.mark.slow
def test_it_trains_and_compares_without_them(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", per_class=12)
    options = ("--epochs", "1", "--width", "0.125", "--img-size", "16", "--precision", "fp32", "--no-compile")
    run("compare", "photos", "--models", "resnet20,plain20", "--seeds", "2", *options, here=tmp_path)
    assert next(tmp_path.glob("runs/compare/*/report.html")).is_file()

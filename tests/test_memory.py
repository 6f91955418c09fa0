"""Too little memory: refused before anything large is imported, and explained where it ends a process."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skipwise.core.machine import memory
from skipwise.core.machine.memory import GIB, NEEDS, is_short

WATCHED = """
import os, signal, sys, time
from skipwise.cli.watchdog import watched
watched(lambda sentence: print(sentence, file=sys.stderr))
print(os.getppid(), os.getpid(), flush=True)
exec(sys.argv[1])
"""


def limited(to: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (to, to))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have what they leave behind ignore it

    return limit


def started(script: str, *words: str, addresses: float = 8 * GIB) -> subprocess.Popen[str]:
    """A process that may map so much."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limited(int(addresses)),
    )


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("package", NEEDS)
def test_an_import_that_does_not_fit_is_refused_unbegun(package: str) -> None:
    script = (
        "import sys\nfrom skipwise.core.errors import SkipwiseError\n"
        "from skipwise.core.machine.memory import refuse_what_does_not_fit\n"
        "refuse_what_does_not_fit()\n"
        f"try:\n    import {package}\nexcept SkipwiseError as error:\n    print(error)\n"
        f"print({package!r} in sys.modules)"
    )
    out, err = started(script, addresses=0.2 * GIB).communicate(timeout=60)
    sentence, there = out.splitlines()
    assert sentence.startswith(f"This process may map 0.20 GiB (ulimit -v), and {package} needs about "), err
    assert there == "False"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_what_ends_a_process_of_little_memory_is_explained(number: signal.Signals) -> None:
    process = started(WATCHED, f"os.kill(os.getpid(), {int(number)})")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.startswith(f"skipwise: The process was killed ({number.name}), probably because it ran out of memory")


@pytest.mark.parametrize("status", [0, 1, 2, 130, 141])
def test_any_other_end_is_passed_on(status: int) -> None:
    process = started(WATCHED, f"sys.exit({status})")
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == status


def test_without_a_limit_nobody_watches() -> None:
    ended = subprocess.run([sys.executable, "-c", WATCHED, ""], capture_output=True, text=True)
    if ended.stdout.split()[0] != str(os.getpid()):
        pytest.skip("memory is limited here")
    assert ended.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_reaches_the_process_that_works(number: signal.Signals) -> None:
    stop = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready', flush=True); time.sleep(60)"
    process = started(WATCHED, f"signal.signal(signal.SIGINT, lambda *_: sys.exit(7)); {stop}")
    assert process.stdout is not None
    watching, working = map(int, process.stdout.readline().split())
    assert watching == process.pid
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 7)
    deadline = time.monotonic() + 10
    while is_alive(working):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def group(limit: int) -> Iterator[Path]:
    """A control group that may use so much memory."""
    for root, name in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        folder = root / f"skipwise-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / name).exists():
                (folder / name).write_text(str(limit))
                yield folder
                return
        finally:
            time.sleep(0.2)
            folder.rmdir()
    pytest.skip("no control groups can be made here")


def test_the_memory_of_a_container_is_known(tmp_path: Path) -> None:
    with group(200 * 2**20) as folder:
        command = ["bash", "-c", f'echo $$ > {folder}/cgroup.procs; exec "$@"', "bash", sys.executable, "-m"]
        ended = subprocess.run(
            [*command, "skipwise", "profile", "resnet18"], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    assert ended.returncode == 2
    assert "skipwise: This container may use 200 MiB of memory, and torch needs about " in ended.stderr, ended


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:131] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (OSError(12, "Cannot allocate memory"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (ImportError("Exception caught: std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (SystemError("error return without exception set"), False),
        (OSError(28, "No space left on device"), False),
        (ImportError("no module named x"), False),
    ],
)
def test_what_libraries_say_of_too_little_memory_is_known(error: Exception, short: bool) -> None:
    assert is_short(error) is short


def test_what_is_free_is_known_and_below_any_limit() -> None:
    free = memory.free_memory()
    if free is None:
        pytest.skip("this system does not say what is free")
    assert free > 0
    limit = memory.memory_limit()
    assert limit is None or free <= limit


def test_a_group_has_free_what_is_neither_used_nor_cached(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 400\nactive_file 100\ninactive_file 50\n")
    assert memory._free_in(tmp_path, 1000, "memory.current") == 450
    (tmp_path / "memory.stat").write_text(
        "active_file 1\ninactive_file 1\ntotal_active_file 100\ntotal_inactive_file 0\n"
    )
    assert memory._free_in(tmp_path, 1000, "memory.current") == 400
    assert memory._free_in(tmp_path / "gone", 1000, "memory.current") is None


def test_the_memory_of_a_group_bounds_what_is_free() -> None:
    script = "from skipwise.core.machine.memory import free_memory; print(free_memory())"
    with group(200 * 2**20) as folder:
        command = ["bash", "-c", f'echo $$ > {folder}/cgroup.procs; exec "$@"', "bash", sys.executable, "-c", script]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert 100 * 2**20 < int(ended.stdout) <= 200 * 2**20, ended


def test_a_share_of_what_is_free_is_all_that_can_be_had() -> None:
    if memory.free_memory() is None:
        pytest.skip("this system does not say what is free")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory.no_more_than_is_free(0.001), pytest.raises(MemoryError):
        bytearray(int(0.002 * memory.free_memory()) + 2**27)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before

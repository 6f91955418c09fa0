"""Memory: the limit for a process, the free part, and the needs of libraries, checked before they are imported.

Where a process may map less than that (`ulimit -v`, RLIMIT_AS), libraries end in a segmentation fault, an abort or a
wait for a thread that never began, and in a container (a cgroup) the kernel kills it; nothing can be said then any
more.

What is measured, with tiny images and networks on two cores (x86-64, Python 3.11; torch 2.14 for CUDA 13, scipy 1.17,
ONNX Runtime 1.32, OpenVINO 2026.4): the address space is VmPeak of whole commands, and the least of it under which they
ended well; memory is what a cgroup had charged at most.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from skipwise.core.errors import SkipwiseError

GIB = 2**30
WITH_CUDA = "libtorch_cuda.so"
NO_LIMIT = 2**60
"""From so many bytes on a control group of the first version means that there is none."""


@dataclass(frozen=True)
class Need:
    """The needs of a process that uses a package, in bytes: of addresses, and of memory."""

    addresses: float
    memory: float


NEEDS = {
    "numpy": Need(0.25 * GIB, 0.05 * GIB),  # `predict` with ONNX Runtime ended well from 0.3 GiB on
    "scipy": Need(0.6 * GIB, 0.1 * GIB),  # its OpenBLAS hung at 0.25 GiB, and mapped 0.55
    "onnxruntime": Need(0.4 * GIB, 0.06 * GIB),  # mapped 0.42 GiB, ended well from 0.3 on
    "openvino": Need(0.6 * GIB, 0.06 * GIB),  # mapped 0.68 GiB, ended well from 0.6 on
    "torch": Need(3.9 * GIB, 0.4 * GIB),  # mapped 3.3 to 3.7 GiB; ended badly up to 3.6, one in four
}
TORCH_WITHOUT_CUDA = Need(1.5 * GIB, 0.35 * GIB)
"""Not measured: what its two large libraries map, and what the others map beside them."""
_SHORT = (
    "can't start new thread",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "failed to map segment",
    "unable to allocate",
)
"""Messages of libraries that mean too little memory or too few threads."""


def refuse_what_does_not_fit() -> None:
    """From now on, importing one of these packages raises SkipwiseError where it needs more than may be used."""
    if not any(isinstance(finder, _Gate) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Gate())


class _Gate(MetaPathFinder):
    """Stands before all imports, since which verb needs what depends on its arguments; it finds nothing itself."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname in NEEDS:
            check(fullname)
        return None


def check(package: str) -> None:
    """Raises SkipwiseError where this process may not use as much as the package needs."""
    need = NEEDS[package]
    addresses, memory = address_limit(), memory_limit()
    if package == "torch" and (addresses or memory) and not _torch_has_cuda():
        need = TORCH_WITHOUT_CUDA
    if addresses is not None and addresses < need.addresses:
        raise SkipwiseError(
            f"This process may map {addresses / GIB:.2f} GiB (ulimit -v), and {package} needs about "
            f"{need.addresses / GIB:.2f} GiB; raise that limit, or unset it."
        )
    if memory is not None and memory < need.memory:
        raise SkipwiseError(
            f"This container may use {memory / 2**20:,.0f} MiB of memory, and {package} needs about "
            f"{need.memory / 2**20:,.0f} MiB; allow it more."
        )


def address_limit() -> int | None:
    """Returns the number of bytes that this process may map; None if there is no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def memory_limit() -> int | None:
    """Returns the number of bytes that the control groups of this process allow; None if there is no limit."""
    return min((group.limit for group in _groups()), default=None)


def free_memory() -> int | None:
    """Bytes that are free on this machine, or in the part of it that this process may use; asked once a second.

    None where the system does not say.
    """
    return _free_at(int(time.monotonic()))


@functools.lru_cache(maxsize=1)
def _free_at(_: int) -> int | None:
    """Returns the free memory, cached for a second of the monotonic clock."""
    return _ask_what_is_free()


class _DataLimit:
    """The limit on this process's data while anybody wants one: it belongs to the process, so all share it."""

    def __init__(self) -> None:
        self._wanted = 0
        self._before = (-1, -1)
        self._changing = threading.Lock()

    @contextlib.contextmanager
    def at(self, more: int) -> Iterator[None]:
        """Allows so many bytes more than there are when the first one enters."""
        import resource

        with self._changing:
            if not self._wanted:
                self._before = resource.getrlimit(resource.RLIMIT_DATA)
                limits = [_held() + more, *(limit for limit in self._before if limit != resource.RLIM_INFINITY)]
                resource.setrlimit(resource.RLIMIT_DATA, (min(limits), self._before[1]))
            self._wanted += 1
        try:
            yield
        finally:
            with self._changing:
                self._wanted -= 1
                if not self._wanted:
                    resource.setrlimit(resource.RLIMIT_DATA, self._before)


_DATA_LIMIT = _DataLimit()


@contextlib.contextmanager
def no_more_than_is_free(share: float = 1.0) -> Iterator[None]:
    """Lets allocations of this process fail, as libraries can say, before the system would have to end processes.

    Only Linux can tell and has such a limit; elsewhere nothing is done.

    Args:
        share: of what is free, for this process.
    """
    free = free_memory()
    if free is None:
        yield
        return
    with _DATA_LIMIT.at(int(free * share)):
        yield


def most_held() -> int:
    """The most bytes of memory that this process has had at a time; 0 where the system does not say, as Windows."""
    try:
        import resource
    except ImportError:
        return 0
    said = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return said if sys.platform == "darwin" else said * 1024  # in bytes there, elsewhere in KiB


def _ask_what_is_free() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        said = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        free = said["MemAvailable"] + said["SwapFree"]
    except (OSError, KeyError, ValueError, IndexError):
        return None
    return max(min([free, *(group.free for group in _groups() if group.free is not None)]), 0)


def _held() -> int:
    """Bytes of data that this process has, as the limit counts them."""
    import resource

    pages = int(Path("/proc/self/statm").read_bytes().split()[5])
    return pages * resource.getpagesize()


@dataclass(frozen=True)
class _Group:
    """A control group that this process is in: how much memory it may use, and how much of that is free."""

    limit: int
    free: int | None


def _groups() -> Iterator[_Group]:
    """Those with a limit, of either version."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, place = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        folder = Path("/sys/fs/cgroup") / ("memory" if kinds else "")
        most, used = ("memory.limit_in_bytes", "memory.usage_in_bytes") if kinds else ("memory.max", "memory.current")
        for part in ("", *Path(place.lstrip("/")).parts):  # those above hold too; a container sees its own as the root
            folder /= part
            with contextlib.suppress(OSError, ValueError):  # not there, or "max"
                limit = int((folder / most).read_text(encoding="ascii"))
                if limit < NO_LIMIT:
                    yield _Group(limit, _free_in(folder, limit, used))


def _free_in(folder: Path, limit: int, used: str) -> int | None:
    """Returns the unused part of a group's limit; pages of files that were read don't count, since they make room."""
    try:
        parts = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        cached = sum(int(parts.get(f"total_{kind}", parts[kind])) for kind in ("inactive_file", "active_file"))
        return limit - int((folder / used).read_text(encoding="ascii")) + cached
    except (OSError, KeyError, ValueError):
        return None


def is_short(error: BaseException) -> bool:
    """Returns whether an error says that memory, addresses or threads can't be had."""
    if isinstance(error, MemoryError):
        return True
    said = str(error).lower()
    if isinstance(error, (OSError, RuntimeError, ImportError)) and any(words in said for words in _SHORT):
        return True
    # Extensions that fail to allocate, and forget to say so.
    return isinstance(error, SystemError) and "without exception set" in said and address_limit() is not None


def _torch_has_cuda() -> bool:
    found = PathFinder.find_spec("torch")
    places = (found.submodule_search_locations or ()) if found is not None else ()
    return any((Path(place) / "lib" / WITH_CUDA).exists() for place in places)

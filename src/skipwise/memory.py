"""How much memory a process may use and what the libraries need: too little is refused before they are imported.

Where a process may map less than that (`ulimit -v`, RLIMIT_AS), libraries end in a segmentation fault, an abort or a
wait for a thread that never began, and in a container (a cgroup) the kernel kills it; nothing can be said then any
more.

What is measured, with tiny images and networks on two cores (x86-64, Python 3.11; torch 2.14 for CUDA 13, scipy 1.17,
ONNX Runtime 1.32, OpenVINO 2026.4): the address space is VmPeak of whole commands, and the least of it under which they
ended well; memory is what a cgroup had charged at most.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from skipwise.errors import SkipwiseError

GIB = 2**30
WITH_CUDA = "libtorch_cuda.so"


@dataclass(frozen=True)
class Need:
    """What a process needs in all that uses a package, in bytes: of addresses, and of memory."""

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
"""What libraries say of it."""


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
    """How many bytes this process may map; None if there is no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def memory_limit() -> int | None:
    """How many bytes of memory the control groups of this process allow; None if there is no limit."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        _, kinds, place = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        root, name = ("memory", "memory.limit_in_bytes") if kinds else ("", "memory.max")
        folder = Path("/sys/fs/cgroup") / root
        for part in ("", *Path(place.lstrip("/")).parts):  # those above hold too; a container sees its own as the root
            folder /= part
            try:
                limits.append(int((folder / name).read_text(encoding="ascii")))
            except (OSError, ValueError):  # not there, or "max"
                continue
    least = min(limits, default=2**62)
    return least if least < 2**60 else None  # the first version writes a huge number for none


def is_short(error: BaseException) -> bool:
    """Whether an error says that memory, addresses or threads can't be had."""
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

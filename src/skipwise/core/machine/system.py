"""A description of this machine, which is kept with every run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "skipwise",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pillow",
    "scikit-learn",
    "onnxruntime",
    "openvino",
)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The hardware and the versions a number was made with. `memory_gb` is None where it can't be told."""

    processor: str
    cores: int
    memory_gb: float | None
    system: str
    python: str
    versions: dict[str, str]


def describe_machine() -> Machine:
    """This machine, as far as it can be told without importing anything heavy."""
    import importlib.metadata

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    try:
        memory_gb = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        memory_gb = None
    return Machine(
        processor=_processor(),
        cores=usable_cores(),
        memory_gb=memory_gb,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions=versions,
    )


def keep_freed_memory() -> None:
    """Makes this process keep memory that it frees, for good; does nothing where there is no glibc.

    glibc hands every freed block above 32 MB back to the kernel and gets the next one as pages that have to be zeroed;
    the activations of a training step are such blocks (benchmarks/allocator.py).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - other C libraries number the options otherwise
        most_mapped, trim_threshold = -4, -1
        library.mallopt(most_mapped, 0)
        library.mallopt(trim_threshold, -1)


def may_have_accelerator() -> bool:
    """Returns whether there may be a GPU for torch, without importing it: False where the system shows none.

    Only Linux shows its devices as files: those of NVIDIA (CUDA), AMD (ROCm, CUDA to torch) and of Windows below it.
    """
    if platform.system() != "Linux":
        return True
    return any(any(Path("/dev").glob(pattern)) for pattern in ("nvidia*", "nvhost*", "nvmap", "nvgpu*", "kfd", "dxg"))


def usable_cores() -> int:
    """The cores this process may use, which under a container or taskset are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()

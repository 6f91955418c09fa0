"""How a run is computed on this machine: device, precision, threads. Chosen once, written down, never chosen again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.machine import devices
from skipwise.core.machine.system import may_have_accelerator, usable_cores
from skipwise.cost.timing import bf16_speedup

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", *sorted(devices.KINDS))
WORTHWHILE = 1.3
"""bfloat16 has to multiply this much faster than float32: autocast's conversions cost something too."""
ONE_THREAD_ALONE = 1e9
"""Below so many multiply-adds (forward), a step of one run alone has nothing to do for a second thread."""
ONE_THREAD_STEP = 20e9
"""A training step of fewer multiply-adds (forward) keeps two threads waiting for each other more than working."""
MOST_THREADS = 8


HALVES = {"bf16": "bfloat16", "fp16": "float16"}
"""What torch calls them."""
PRECISIONS = ("auto", "fp32", *HALVES)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How runs are computed.

    Args:
        device: "cpu", "cuda" or "mps".
        precision: "fp32", or "bf16" or "fp16" for autocast.
        threads: the CPU's.
        resident: whether the training images lie in the device's memory; see data/store/on_device.py.
    """

    device: str
    precision: str
    threads: int
    compile: bool = False
    resident: bool = False

    def autocast(self) -> torch.autocast:
        """Convolutions and matrix products in this precision, what needs more than that in float32."""
        import torch  # not before something is computed: importing it takes a second

        half = HALVES.get(self.precision)
        return torch.autocast(self.device, getattr(torch, half) if half else None, enabled=half is not None)


def choose_device(device: str) -> str:
    """`auto` as the fastest kind of device this machine has; any other as it is, if it is there.

    Raises:
        SkipwiseError: an unknown device, or one this machine does not have.
    """
    if device not in DEVICES:
        raise unknown_name("device", device, DEVICES)
    if device == "cpu" or (device == "auto" and not may_have_accelerator()):
        return "cpu"
    if device == "auto":
        return next(name for name, kind in devices.KINDS.items() if kind.is_there())
    if not devices.of(device).is_there():
        raise SkipwiseError(f"This machine has no {device} device that torch can use; leave --device out.")
    return device


def check_precision(precision: str) -> None:
    """Raises SkipwiseError for one that is not in `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)


def check_unchanged(
    stored: Execution, precision: str, compile: bool | None, folder: Path, notice: Callable[[str], None]
) -> None:
    """Raises SkipwiseError where another precision is asked for, or no compiling, than a run was begun with.

    One that was to be compiled may have begun without, for want of a compiler: the same command goes on as it began.
    """
    if not is_unchanged(stored, precision, None):
        raise SkipwiseError(
            f"{folder} was begun in {stored.precision}; leave --precision out, or choose another folder with --output."
        )
    if not is_unchanged(stored, "auto", compile):
        raise SkipwiseError(
            f"{folder} was begun compiled; leave --no-compile out, or choose another folder with --output."
        )
    if compile and not stored.compile:
        notice(f"{folder} was begun without compiling, and goes on so.")


def is_unchanged(stored: Execution, precision: str, compile: bool | None) -> bool:
    """Whether a run was done in the precision that is asked for, and not compiled where that is not to be."""
    return precision in ("auto", stored.precision) and not (compile is False and stored.compile)


def choose_execution(
    device: str,
    *,
    step_multiply_adds: float,
    precision: str = "auto",
    alone: bool = False,
    processes: int = 1,
    resident_bytes: int | None = None,
) -> Execution:
    """What suits a device, without compiling (see trial.py).

    Args:
        device: "cpu", "cuda" or "mps".
        step_multiply_adds: of one batch's forward pass, for the costliest network that will be trained.
        precision: "auto" is bfloat16 where that is known, or on CPUs measured, to be faster, and float16 on GPUs that
            multiply faster only in that.
        alone: whether one run is done at a time; else small ones go on side by side, with a thread each.
        processes: that will share this machine's cores and the batch.
        resident_bytes: of the training images, in all runs at once, where a device may keep them; None where it may
            not.
    """

    from skipwise.data.store.on_device import fits

    if precision == "auto":
        precision = devices.of(device).fastest() or ("bf16" if bf16_speedup() >= WORTHWHILE else "fp32")
    # By a count, not by a clock: the same command twice is to give the same bits, which depend on the threads.
    small = step_multiply_adds < (ONE_THREAD_ALONE if alone else ONE_THREAD_STEP)
    threads = 1 if small else max(1, min(usable_cores() // processes, MOST_THREADS))
    free = devices.of(device).free_memory() if devices.of(device).keeps_images else None
    resident = resident_bytes is not None and free is not None and fits(resident_bytes, free)
    return Execution(device=device, precision=precision, threads=threads, resident=resident)


def choose_processes(execution: Execution, wanted: int | None) -> int:
    """How many runs go on at once: what was asked for, else one per set of threads, and one on an accelerator."""
    if wanted is not None:
        return wanted
    return 1 if devices.of(execution.device).own_cores else max(1, usable_cores() // execution.threads)


def check_workers(workers: int | None) -> int:
    """The number of processes asked for, or 1 where that is left open; raises SkipwiseError below 1."""
    if workers is not None and workers < 1:
        raise SkipwiseError(f"--workers must be at least 1, not {workers}.")
    return workers or 1


@contextlib.contextmanager
def reproducible(execution: Execution) -> Iterator[None]:
    """Deterministic algorithms, the run's thread count, and torch's random state put back afterwards.

    On accelerators an operation that has no deterministic form is let through with torch's warning. External networks
    may use such operations.
    """
    import torch

    device = devices.of(execution.device)
    filling: Any = torch.utils.deterministic  # its one attribute is made at run time
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = filling.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it, and reads it once
    torch.set_num_threads(execution.threads)
    torch.use_deterministic_algorithms(True, warn_only=not device.deterministic)
    # Filling every new tensor with NaN would cost a pass over memory and only matters to code that reads garbage.
    filling.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(device.drawing()):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        filling.fill_uninitialized_memory = filled

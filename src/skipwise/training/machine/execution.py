"""The execution of a run on this machine: device, precision, threads. It is chosen once, and written down."""

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
"""bfloat16 is chosen where it multiplies so many times as fast as float32; the conversions of autocast take time."""
ONE_THREAD_ALONE = 1e9
"""Multiply-adds (forward) from which a second thread makes a step of a single run faster."""
ONE_THREAD_STEP = 20e9
"""Multiply-adds of a forward pass, below which two threads of a step wait for each other more than they work."""
MOST_THREADS = 8


HALVES = {"bf16": "bfloat16", "fp16": "float16"}
"""The names of the types in torch."""
PRECISIONS = ("auto", "fp32", *HALVES)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The device, precision, threads and compilation of runs.

    Args:
        device: "cpu", "cuda" or "mps".
        precision: "fp32", or "bf16" or "fp16" for autocast.
        threads: of the CPU.
        compile: whether torch.compile is used.
        resident: whether the training images are kept in the device's memory; see data/store/on_device.py.
    """

    device: str
    precision: str
    threads: int
    compile: bool = False
    resident: bool = False

    def autocast(self) -> torch.autocast:
        """The context in which convolutions and matrix products use this precision, and other operations float32."""
        import torch  # not before something is computed: importing it takes a second

        half = HALVES.get(self.precision)
        return torch.autocast(self.device, getattr(torch, half) if half else None, enabled=half is not None)


def choose_device(device: str) -> str:
    """The fastest kind of device of this machine for `auto`; otherwise the device that was asked for.

    Raises:
        SkipwiseError: the device is unknown, or this machine does not have it.
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
    """Raises SkipwiseError where a run was begun in another precision, or compiled where that is ruled out now.

    A run that should have been compiled may have begun without a compiler; the same command resumes it as it began.
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
        notice(f"{folder} was begun without compiling, and is resumed without it.")


def is_unchanged(stored: Execution, precision: str, compile: bool | None) -> bool:
    """Returns whether a run was done in the precision that is asked for, and not compiled where that is ruled out."""
    return precision in ("auto", stored.precision) and not (compile is False and stored.compile)


def choose_execution(
    device: str,
    *,
    step_multiply_adds: float,
    precision: str = "auto",
    alone: bool = False,
    processes: int = 1,
    resident_bytes: int | None = None,
    cores: int | None = None,
) -> Execution:
    """Precision, threads and the place of the training images that suit a device. Compiling is chosen in
    probe/step.py.

    Args:
        device: "cpu", "cuda" or "mps".
        step_multiply_adds: of one batch's forward pass, for the costliest network that will be trained.
        precision: "auto" is bfloat16 where that is known to be faster, or on CPUs measured to be, and float16 on GPUs
            that are faster only in that.
        alone: whether one run is done at a time; otherwise several small runs are done at once, with a thread each.
        processes: how many processes share the cores of this machine, and the batch.
        resident_bytes: the size of the training images in all runs that are done at once; None where a device may not
            keep them.
        cores: of the largest machine that does runs; None is this one.
    """

    from skipwise.data.store.on_device import fits

    if precision == "auto":
        precision = devices.of(device).fastest() or ("bf16" if bf16_speedup() >= WORTHWHILE else "fp32")
    # By a count, not by a clock: results depend on the number of threads, and the same command has to give the same.
    small = step_multiply_adds < (ONE_THREAD_ALONE if alone else ONE_THREAD_STEP)
    threads = 1 if small else max(1, min(usable_cores() // processes, cores or MOST_THREADS, MOST_THREADS))
    free = devices.of(device).free_memory() if devices.of(device).keeps_images else None
    resident = resident_bytes is not None and free is not None and fits(resident_bytes, free)
    return Execution(device=device, precision=precision, threads=threads, resident=resident)


def choose_processes(execution: Execution, wanted: int | None) -> int:
    """Chooses the number of runs at once: the one asked for, else as many as cores allow; one on an accelerator."""
    if wanted is not None:
        return wanted
    return 1 if devices.of(execution.device).own_cores else max(1, usable_cores() // execution.threads)


def check_workers(workers: int | None) -> int:
    """The number of processes that was asked for, or 1 where that is left open. Raises SkipwiseError below 1."""
    if workers is not None and workers < 1:
        raise SkipwiseError(f"--workers must be at least 1, not {workers}.")
    return workers or 1


@contextlib.contextmanager
def reproducible(execution: Execution) -> Iterator[None]:
    """A context with deterministic algorithms and the run's number of threads. It restores torch's random state.

    On accelerators, an operation that has no deterministic form is allowed, with torch's warning. External networks
    may use such operations.
    """
    import torch

    device = devices.of(execution.device)
    filling: Any = torch.utils.deterministic  # its one attribute is made at run time
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = filling.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it, and reads it once
    torch.set_num_threads(execution.threads)
    torch.use_deterministic_algorithms(True, warn_only=not device.deterministic)
    # Filling every new tensor with NaN would cost time, and matters only to code that reads uninitialised memory.
    filling.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(device.drawing()):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        filling.fill_uninitialized_memory = filled

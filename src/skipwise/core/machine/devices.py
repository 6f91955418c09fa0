"""Differences between the devices that torch computes on. Code that depends on one asks here, not for its name.

Importing torch takes a second, so it is imported where something is asked that it has to answer.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from skipwise.core.machine import memory

TENSOR_CORES = (7, 0)
"""The compute capability from which on GPUs have them, and multiply much faster in float16."""
WITHOUT = "GTX 16"
"""In the names of those that have none all the same."""
USABLE = 0.95
"""The share of a GPU's memory that a trial may use; a run cuts its memory into other pieces than the trial did."""
_FALLS_BACK = re.compile(r"operator '(?:aten::)?(?P<operator>[^']+)' is not currently supported on the MPS backend")


class Device:
    """An accelerator, as torch knows them all.

    Attributes:
        own_cores: whether it computes by itself: runs share no processor, and takes as long for a few images as for
            many.
        keeps_images: whether training images may lie in its memory, see data/store/on_device.py.
        compiles: whether torch.compile is worth trying unasked.
        needs_compiler: whether torch.compile needs a C++ compiler for it.
        deterministic: whether every operation has a deterministic form.
    """

    own_cores = True
    keeps_images = False
    compiles = True
    needs_compiler = False
    deterministic = False

    def __init__(self, name: str) -> None:
        self.name = name

    def is_there(self) -> bool:
        """Returns whether this machine has one."""
        import torch

        return bool(getattr(torch, self.name).is_available())

    def fastest(self) -> str | None:
        """The precision it is fastest in; None has to be measured."""
        return "fp32"

    def synchronize(self) -> None:
        """Waits until all that it was given is done."""
        import torch

        torch.accelerator.synchronize()

    def release(self) -> None:
        """Gives memory back that torch keeps for later, where other processes are to use it."""
        import torch

        torch.accelerator.empty_cache()

    def free_memory(self) -> int | None:
        """Bytes; None where that can't be told."""
        return None

    def no_more_than(self, share: float) -> contextlib.AbstractContextManager[None]:  # noqa: ARG002 - for others
        """While this lasts, memory runs out where more than this share is used of what is free."""
        return contextlib.nullcontext()

    def drawing(self) -> list[int]:
        """The devices whose random state `torch.random.fork_rng` has to put back."""
        return []


class Cpu(Device):
    """The processor: always there, shared by all processes, and at once done with what it was given."""

    own_cores = False
    needs_compiler = True
    deterministic = True

    def is_there(self) -> bool:
        return True

    def fastest(self) -> str | None:
        return None

    def synchronize(self) -> None:
        pass

    def release(self) -> None:
        pass

    def free_memory(self) -> int | None:
        return memory.free_memory()


class Cuda(Device):
    """GPUs of NVIDIA, and AMD's as torch sees them."""

    keeps_images = True

    def fastest(self) -> str | None:
        import torch

        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16"
        has_cores = torch.cuda.get_device_capability() >= TENSOR_CORES and WITHOUT not in torch.cuda.get_device_name()
        return "fp16" if has_cores else "fp32"

    def free_memory(self) -> int | None:
        import torch

        return torch.cuda.mem_get_info()[0]

    @contextlib.contextmanager
    def no_more_than(self, share: float) -> Iterator[None]:
        import torch

        torch.cuda.empty_cache()
        free, whole = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction(USABLE * share * free / whole)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)

    def drawing(self) -> list[int]:
        import torch

        return [torch.cuda.current_device()]


class Mps(Device):
    """Apple's GPUs. They have no float64, and lack some operators: the CPU does these (see `falling_back`)."""

    compiles = False

    def is_there(self) -> bool:
        import torch

        return torch.backends.mps.is_available()

    def free_memory(self) -> int | None:
        import torch

        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()


KINDS: dict[str, Device] = {"cuda": Cuda("cuda"), "mps": Mps("mps"), "cpu": Cpu("cpu")}
"""The fastest first."""


def of(name: str) -> Device:
    """Returns the properties of a device; for a name that only torch knows, those that hold for any accelerator."""
    return KINDS.get(name) or Device(name)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error says that there is not enough memory, of whichever device."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or memory.is_short(error)


def lacks(error: BaseException) -> str | None:
    """Returns what a device lacks, by the error: "float64" or an operator's name; None for other errors."""
    said = str(error)
    if isinstance(error, NotImplementedError) and (found := re.search(r"operator '(?:aten::)?([^']+)'", said)):
        return f"the operator {found[1]}"
    return "float64" if isinstance(error, TypeError) and "float64" in said and "MPS" in said else None


@contextlib.contextmanager
def falling_back(notice: Callable[[str], None]) -> Iterator[None]:
    """Says in one line which operators the CPU does for a device that lacks them; other warnings are passed on."""
    operators: list[str] = []
    show: Any = warnings.showwarning

    def shown(message: Warning | str, *rest: Any, **named: Any) -> None:
        found = _FALLS_BACK.search(str(message))
        if found is None:
            show(message, *rest, **named)
        else:
            operators.append(found["operator"])

    warnings.showwarning = shown
    try:
        yield
    finally:
        warnings.showwarning = show
        if operators:
            notice(f"The CPU does what torch lacks for this device, such as {operators[0]}; that takes longer.")

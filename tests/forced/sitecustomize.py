"""Every Python process that has this folder on PYTHONPATH imports this first: see tests/machines.py.

It makes up how many times faster this processor multiplies bfloat16, when Skipwise's module that measures it is
imported, and not before: much has to work without torch.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from types import ModuleType

PLACE, NAME = "skipwise.cost.timing", "bf16_speedup"
SPEEDUPS = {"bf16-fast": 4.0, "bf16-slow": 0.5}


class Forced(importlib.machinery.PathFinder):
    """Finds that one module, and puts another function into it."""

    @classmethod
    def find_spec(cls, fullname: str, path=None, target=None):  # type: ignore[no-untyped-def]
        spec = super().find_spec(fullname, path, target) if fullname == PLACE else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_replace(module: ModuleType) -> None:
            execute(module)
            assert hasattr(module, NAME), f"{PLACE} has no {NAME} any more; name its new place in {__file__}"
            setattr(module, NAME, lambda: SPEEDUPS[forced[0]])

        spec.loader.exec_module = execute_and_replace  # type: ignore[method-assign]
        return spec


forced = [trait for trait in os.environ.get("SKIPWISE_TEST_MACHINE", "").split(",") if trait in SPEEDUPS]
if forced:
    sys.meta_path.insert(0, Forced)

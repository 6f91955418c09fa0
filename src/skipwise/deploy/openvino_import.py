"""Imports OpenVINO without its telemetry, which looks for a home folder that need not be there, and calls out."""

from __future__ import annotations

import os
import sys
from types import ModuleType


def import_openvino() -> ModuleType:
    """The package; its telemetry is off where there is no home folder, and it looks only when it is imported."""
    if "openvino" not in sys.modules:
        home = os.environ.get("HOME")
        os.environ["HOME"] = os.devnull
        try:
            import openvino  # noqa: F401
        finally:
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home
    return sys.modules["openvino"]

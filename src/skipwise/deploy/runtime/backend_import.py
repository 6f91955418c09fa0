"""Imports ONNX Runtime, OpenVINO and NNCF with their telemetry switched off. Nothing else may import them.

Their telemetry would look up hosts on the network when a session opens, and write identifiers below HOME. It has to be
off before they are imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import cast


def import_backend(name: str) -> ModuleType:
    """Imports a backend, or a module inside it.

    Args:
        name: "onnxruntime", "openvino", "nncf", or a module inside one of them.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    silence_telemetry()
    module = importlib.import_module(name)
    if name == "onnxruntime":
        module.disable_telemetry_events()  # on Windows, it has a switch of its own
    return module


def silence_telemetry() -> None:
    """Switches telemetry off for everything that is imported from now on. Other libraries import backends, too."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # OpenVINO and NNCF work without it; its own switch is a file below HOME.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))

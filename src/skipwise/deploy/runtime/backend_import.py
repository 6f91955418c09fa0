"""Imports the engines, and nothing else does: their telemetry has to be off before they are imported.

It would look up hosts on the network when a session opens, and write identifiers below HOME.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import cast


def import_backend(name: str) -> ModuleType:
    """onnxruntime, openvino, or a module inside them.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    silence_telemetry()
    module = importlib.import_module(name)
    if name == "onnxruntime":
        module.disable_telemetry_events()  # what Windows records of its own
    return module


def silence_telemetry() -> None:
    """For all that is imported from now on; other libraries import engines, too."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # As where it is not installed, for which OpenVINO and NNCF are made; its own switch is a file below HOME.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))

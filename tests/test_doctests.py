"""The examples in docstrings, run as they stand."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

import skipwise

PREPARED = {"skipwise.deploy.predict.predictor", "skipwise.explaining.explain"}
"""Modules whose examples need files that their own tests make, and so run there."""
ROOT = Path(skipwise.__file__).parent
WITH_EXAMPLES = {
    ".".join(("skipwise", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
}


@pytest.mark.parametrize("module", sorted(WITH_EXAMPLES - PREPARED))
@pytest.mark.usefixtures("here")
def test_the_examples_of_a_module_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module), extraglobs={"np": np}, optionflags=doctest.ELLIPSIS)
    assert found.failed == 0
    assert found.attempted > 0

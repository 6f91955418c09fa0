"""The examples in docstrings run as they stand, and every public name has one, beside what it takes and returns."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import skipwise
from tests.fabricated import write_comparison
from tests.predicted import made as made_answers
from tests.predicted import write

ROOT = Path(skipwise.__file__).parent
WITH_EXAMPLES = {
    ".".join(("skipwise", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
}
FILES = {f"{name}-s{seed}.csv" for name in "ab" for seed in range(2)}
RUN = "runs/train/images"
EXPORTED = "runs/export/images-onnx-fp32"
COMPARISON = "runs/compare/images"
PREPARED = {
    "skipwise.cleaning.clean": {COMPARISON},
    "skipwise.cleaning.record": {COMPARISON},
    "skipwise.comparison.recommend": {COMPARISON},
    "skipwise.comparison.results.finished": {COMPARISON},
    "skipwise.deploy.export.export": {RUN},
    "skipwise.deploy.load": {RUN},
    "skipwise.deploy.predict.predict": {EXPORTED, "photos/a.png"},
    "skipwise.deploy.predict.predictor": {EXPORTED, "photo.jpg"},
    "skipwise.deploy.verify.verify": {EXPORTED},
    "skipwise.evaluating.evaluate": {EXPORTED, "images"},
    "skipwise.evaluating.record": {RUN},
    "skipwise.explaining.explain": {RUN, "photo.jpg"},
    "skipwise.explaining.record": {RUN, "photo.jpg"},
    "skipwise.gating.gate": {"old.csv", "new.csv"},
    "skipwise.gating.record": {"old.csv", "new.csv"},
    "skipwise.judging.judge": FILES,
    "skipwise.judging.record": FILES,
    "skipwise.watching.record": {COMPARISON},
    "skipwise.watching.status": {COMPARISON},
}
"""The files that the examples of a module need."""
SLOW = {"skipwise.comparison.compare"}
DEPRECATED = {"Observer"}
"""Public names that are only there for programs that were written for earlier versions."""


@pytest.fixture
def make(request: pytest.FixtureRequest, photos: Path, here: Path) -> Callable[[str], None]:
    """Makes one of the files that examples need, in an empty working folder."""

    def make(name: str) -> None:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == COMPARISON:
            write_comparison(path)
        elif name == "images":
            shutil.copytree(photos, path)
        elif path.suffix == ".csv":
            seed = int(name[-5]) if name[-5].isdigit() else 0
            write(path, made_answers(0.7 if name.startswith("a") else 0.95, seed))
        elif path.suffix:
            shutil.copy(next(photos.rglob(f"*{path.suffix}")), path)
        else:
            made = request.getfixturevalue("trained") if name == RUN else request.getfixturevalue("exported").folder
            shutil.copytree(made, path)

    return make


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] * (each in SLOW)) for each in sorted(WITH_EXAMPLES)]
)
@pytest.mark.usefixtures("here", "in_this_process")
def test_the_examples_of_a_module_run(name: str, make: Callable[[str], None]) -> None:
    for each in PREPARED.get(name, ()):
        make(each)
    module = importlib.import_module(name)
    # A function that takes declared options is wrapped, and its docstring with it; `testmod` finds it by its module.
    found = doctest.testmod(module, extraglobs={"np": np}, optionflags=doctest.ELLIPSIS)
    assert found.failed == 0
    assert found.attempted > 0


def documented(name: str) -> tuple[Any, dict[str, str]]:
    """A public name, and its docstring: the sections by their titles."""
    what = getattr(skipwise, name)
    parts = re.split(
        r"^(Args|Attributes|Returns|Yields|Raises|Example):\n", inspect.getdoc(what) or "", flags=re.MULTILINE
    )
    return what, {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


PUBLIC = sorted(set(skipwise.__all__) - DEPRECATED)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_says_what_it_takes_returns_and_raises_and_has_an_example(name: str) -> None:
    what, sections = documented(name)
    assert re.match(r"[A-Z`][^\n]+", sections[""])
    if isinstance(what, ModuleType):
        return
    assert ">>> " in sections["Example"]
    assert what.__module__ in WITH_EXAMPLES
    parameters = {} if getattr(what, "_is_protocol", False) else inspect.signature(what).parameters
    args = sections.get("Args", "")
    entries = dict(re.findall(r"^    (\w+)(?: \(.*\))?: ((?:.*\n?)(?:^     .*\n?)*)", args, flags=re.MULTILINE))
    for pair in re.findall(r"^    (\w+), (\w+): ", args, flags=re.MULTILINE):  # "a, b: what both are"
        entries |= dict.fromkeys(pair, args)
    assert set(parameters) <= set(entries)
    if inspect.isclass(what):
        return
    assert sections["Returns"].strip()
    if name != "list_models":  # which can't fail
        assert "SkipwiseError: " in sections["Raises"]
        assert "anything" not in sections["Raises"]
    for parameter in parameters.values():
        if parameter.default is not parameter.empty:
            entry = re.search(rf"^    {parameter.name}\b.*\n(?:^     .*\n?)*", args, flags=re.MULTILINE)
            assert re.search("default|deprecated", entry[0] if entry else ""), f"{name}({parameter.name})"


def test_an_example_that_does_not_hold_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong_example.py").write_text('"""\n>>> 1 + 1\n3\n"""\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert doctest.testmod(importlib.import_module("wrong_example")).failed == 1
    sys.modules.pop("wrong_example")

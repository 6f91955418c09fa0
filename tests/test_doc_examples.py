"""Every example in Python that a page of the documentation has runs as it stands there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import skipwise
from skipwise.deploy.export.export import Exported
from tests.conftest import make_photos
from tests.fabricated import write_comparison
from tests.test_readme import PAGES, ROOT, blocks

ELSEWHERE = {
    "README.md": "test_readme.py",
    "CONTRIBUTING.md": "test_contributing.py",
    "docs/hub.md": "test_hub.py",
    "docs/judge.md": "test_docs_judge.py",
    "docs/networks.md": "test_readme.py",
    "docs/serving.md": "test_serving_docs.py",
    "docs/sklearn.md": "test_sklearn.py",
    "docs/tracking.md": "test_tracking.py",
}
"""Pages whose examples another test runs, with what they need."""
EXAMPLES = [
    pytest.param(page, index, id=f"{page.name}-{index}")
    for page in PAGES
    if page.relative_to(ROOT).as_posix() not in ELSEWHERE
    for index in range(len(blocks(page, "python")))
]
LANGUAGES = set("sh python text yaml json ini nginx toml html csv diff dockerfile markdown".split())

Prepare = Callable[[Path, Exported], dict[str, Any]]


def _with_an_export(here: Path, exported: Exported) -> dict[str, Any]:
    shutil.copytree(exported.folder, here / "runs" / "export" / "images-onnx-fp32")
    paths = sorted(make_photos(here / "photos", per_class=3).rglob("*.jpg"))
    return {"skipwise": skipwise, "request": SimpleNamespace(body=paths[0].read_bytes()), "paths": paths}


def _with_its_file(here: Path, exported: Exported) -> dict[str, Any]:
    shutil.copy(exported.folder / "model.onnx", here)
    shutil.copy(next(make_photos(here / "photos", per_class=3).rglob("*.jpg")), here / "photo.jpg")
    return {}


def _with_a_comparison(here: Path, _: Exported) -> dict[str, Any]:
    (here / "runs" / "compare").mkdir(parents=True)
    write_comparison(here / "runs" / "compare" / "images")
    return {}


def _with_images(here: Path, _: Exported) -> dict[str, Any]:
    make_photos(here / "path" / "to" / "images", per_class=10)
    return {"images": np.random.default_rng(0).integers(0, 256, (502, 8, 8, 3), np.uint8)}


PREPARED: dict[str, Prepare] = {
    "install.md": _with_a_comparison,
    "predicting.md": _with_an_export,
    "shipping.md": _with_its_file,
    "verbs.md": _with_a_comparison,
}
"""What the examples of a page need; those of other pages get some images."""


@pytest.mark.parametrize(("page", "index"), EXAMPLES)
@pytest.mark.usefixtures("in_this_process")
def test_an_example_runs(page: Path, index: int, here: Path, exported: Exported) -> None:
    values = PREPARED.get(page.name, _with_images)(here, exported)
    exec(blocks(page, "python")[index], values)


def test_other_examples_are_run_by_the_tests_that_are_named() -> None:
    for page, test in ELSEWHERE.items():
        text = (ROOT / "tests" / test).read_text() + (ROOT / "tests" / "contributing.py").read_text()
        assert Path(page).stem in text
        assert blocks(ROOT / page, "python")


def test_every_block_says_its_language() -> None:
    for page in PAGES:
        fences = re.findall(r"^ *```(\w*)$", page.read_text(), flags=re.MULTILINE)
        assert set(fences[::2]) <= LANGUAGES, page.name
        assert set(fences[1::2]) <= {""}, page.name

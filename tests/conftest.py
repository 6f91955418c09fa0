"""Images made on the spot, and the command line as a real process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]


def make_photos(root: Path, *, classes: int = 3, per_class: int = 12, side: int = 20) -> Path:
    """Pictures of stripes, one direction and colour per class, in sizes and formats that differ."""
    rng = np.random.default_rng(0)
    for label in range(classes):
        folder = root / f"stripes{label}"
        folder.mkdir(parents=True)
        for index in range(per_class):
            height, width = rng.integers(side, side + 12, size=2)
            rows, columns = np.mgrid[:height, :width]
            wave = np.sin((rows * np.cos(label) + columns * np.sin(label)) * 0.9 + rng.uniform(0, 6))
            pixels = 128 + 60 * wave[..., None] * np.eye(3)[label % 3] + rng.normal(0, 30, (height, width, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(folder / f"{index:03d}.{'jpg' if index % 2 else 'png'}")
    return root


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded images go to a cache of the tests' own, in this process and those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIPWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 36 small pictures in three classes; not to be changed."""
    return make_photos(tmp_path_factory.mktemp("photos") / "stripes")


@pytest.fixture
def cli(tmp_path: Path) -> Run:
    """Runs the command line in a process of its own, in an empty folder."""

    def run(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "skipwise", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=os.environ | (env or {}),
            timeout=300,
        )

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium, and in CI there must be")
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield opened
        opened.close()

"""Images made on the spot, and the command line as a real process."""

from __future__ import annotations

import contextlib
import functools
import gc
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

from skipwise.core.files.locks import locked
from skipwise.cost import load
from tests import processes

if TYPE_CHECKING:
    from skipwise.comparison.results.finished import Comparison
    from skipwise.deploy.export.export import Exported
    from skipwise.training.callbacks import Start

Run = Callable[..., subprocess.CompletedProcess[str]]
Shipped = Callable[..., Path]

# A slow machine is no fault of the code's.
ANY_MACHINE = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("any machine", **ANY_MACHINE)
hypothesis.settings.register_profile("fast", max_examples=30, **ANY_MACHINE)


def pytest_configure(config: pytest.Config) -> None:
    """Property tests try fewer examples where slow tests are left out."""
    hypothesis.settings.load_profile("fast" if config.option.markexpr.startswith("not slow") else "any machine")


def pytest_collection_finish() -> None:
    """Modules and tests are there to the end: looking for garbage among them took a tenth of the time of tests."""
    gc.collect()
    gc.freeze()


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


CHOOSING = {"CXX", "FORCE_COLOR", "NO_COLOR", "SKIPWISE_MAX_PIXELS", "SKIPWISE_PROGRESS"}
CHOOSING |= {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"}
"""Variables by which Skipwise, or what it uses, goes."""


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In this process and those that it starts: decoded images go to a cache of the tests' own, `tests` can be
    imported, everything is computed on the CPU, nothing is downloaded unasked, nothing goes by variables that somebody
    happens to have set, and a step is timed in a few rounds, whatever else runs here."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CHOOSING:
            patch.delenv(name, raising=False)
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.setenv("SKIPWISE_OFFLINE", "1")
        patch.setenv("SKIPWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
        patch.setattr(load, "ALIKE", math.inf)  # as in preloaded.py
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 36 small pictures in three classes; not to be changed."""
    return make_photos(tmp_path_factory.mktemp("photos") / "stripes")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all processes of the tests find what one of them made; `locked` while something is made."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def making(folder: Path) -> Iterator[Path]:
    """A folder of `shared` while one process makes what is in it; others wait, and find it."""
    folder.mkdir(exist_ok=True)
    with locked(folder, waiting=lambda: None):
        yield folder


@pytest.fixture(scope="session")
def trained(shared: Path) -> Path:
    """A run of a network with gates on pictures of many sizes; not to be changed."""
    import skipwise

    options = {"model": "se_resnet18", "width": 0.25, "epochs": 4, "img_size": 24, "precision": "fp32"}
    with making(shared / "export") as folder:
        images = folder / "stripes"
        if not images.exists():
            make_photos(images, per_class=30)
        return skipwise.train(images, output=folder / "run", compile=False, **options).folder


@pytest.fixture(scope="session")
def exported(trained: Path) -> Exported:
    """The same as ONNX; not to be changed."""
    import skipwise

    with making(trained.parent):
        return skipwise.export(trained, output=trained.parent / "onnx")


@pytest.fixture(scope="session")
def explaining(trained: Path) -> Path:
    """The same as ONNX with its heat maps; not to be changed."""
    import skipwise

    with making(trained.parent):
        return skipwise.export(trained, explain=True, output=trained.parent / "explaining").folder


SMALL_RUN = {"model": "plain20", "width": 0.25, "epochs": 1, "img_size": 16, "precision": "fp32", "compile": False}
"""The options of the run in `small`."""


@pytest.fixture(scope="session")
def small(shared: Path) -> Path:
    """A folder with pictures (pics), a run of a small network of them (run) and its export (artifact); to be copied."""
    import skipwise

    with making(shared / "small") as folder:
        if not (folder / "pics").exists():
            make_photos(folder / "pics", per_class=10)
        run = skipwise.train(folder / "pics", output=folder / "run", **SMALL_RUN)
        skipwise.export(run.folder, output=folder / "artifact")
    return folder


@pytest.fixture(scope="session")
def shipped(shared: Path) -> Shipped:
    """The artifact of an untrained network in a format and a precision, beside weights.pth; not to be changed."""

    def made(format: str, precision: str = "fp32") -> Path:
        from tests.resealing import ship

        with making(shared / "shipped") as folder:
            artifact = folder / f"{format}-{precision}"
            return artifact if artifact.exists() else ship(folder, format, precision)

    return made


QUICK = {"models": ["resnet18", "plain18"], "seeds": 2, "epochs": 2, "width": 0.125, "precision": "fp32"}
"""The options of the comparison in `finished`."""


@pytest.fixture(scope="session")
def finished(photos: Path, shared: Path) -> Comparison:
    """A small comparison of `photos`, by two processes; not to be changed."""
    import skipwise

    with making(shared / "of two networks") as folder:
        return skipwise.compare(photos, output=folder / "finished", workers=2, **QUICK)


@pytest.fixture(scope="session")
def begun(photos: Path, shared: Path) -> Path:
    """A comparison's folder in which nothing has been run yet, of a network that learns and one that raises; not to be
    changed."""
    import skipwise
    from skipwise.comparison.budget import external_batch

    class Stopping(skipwise.Callback):
        def on_start(self, start: Start) -> None:  # noqa: ARG002
            raise KeyboardInterrupt

    models = ["tests.external_networks:Linear", "tests.external_networks:Raises"]
    options = {"models": models, "epochs": 3, "seeds": 2, "img_size": 16, "precision": "fp32"}
    with making(shared / "begun") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(external_batch, "tried_elsewhere", processes.tried_here)
        if not (folder / "out").exists():
            with pytest.raises(KeyboardInterrupt):
                skipwise.compare(photos, output=folder / "out", callbacks=[Stopping()], **options)
        return folder / "out"


@pytest.fixture
def cli(tmp_path: Path) -> Run:
    """Runs the command line in a process of its own, in an empty folder."""
    return functools.partial(processes.run, cwd=tmp_path)


@pytest.fixture(scope="session")
def ray_nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes with a CPU each; what a test adds to it, it removes."""
    from tests.ray_cluster import cluster

    with cluster(nodes=1) as made:
        yield made


@pytest.fixture(scope="module")
def slurm() -> Iterator[Any]:
    """A real Slurm of two nodes, which this process and those that it starts take for theirs."""
    from tests.slurm_cluster import running

    with running() as made:
        yield made


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons do everything here, for tests that are not about processes, and time networks for a moment."""
    from skipwise.comparison.budget import external_batch
    from skipwise.comparison.executors.table import EXECUTORS
    from skipwise.cost import timing
    from skipwise.cost.interleaved import interleaved

    monkeypatch.setitem(EXECUTORS, "local", EXECUTORS["in-process"])
    monkeypatch.setattr(timing, "interleaved", lambda arms, **_: interleaved(arms, seconds=0.0))
    monkeypatch.setattr(external_batch, "tried_elsewhere", processes.tried_here)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    # A network of one's own puts the folder on the path; processes that are forked later would find it there.
    monkeypatch.setattr(sys, "path", list(sys.path))
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

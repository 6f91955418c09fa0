"""Batches that do not fit into memory are halved before training, for all networks alike, and that is written down.

The device is made up: the processor, given out as one with memory of its own, of which there is only so much.
"""

from __future__ import annotations

import functools
import math
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skipwise.comparison.compare import compare
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.files.json_records import read_json
from skipwise.core.machine import devices, memory
from skipwise.data.image.preprocess import Preprocessing
from skipwise.evaluation.logits import predict_logits
from skipwise.nets.create import create_model
from skipwise.training.callbacks import Callback
from skipwise.training.loop.recipe import RECIPES, rescaled
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.plan import RUNS, RunPlan
from skipwise.training.probe.batch_size import Room, TooLarge, largest_batch, with_batch
from skipwise.training.train import train
from tests.conftest import Run
from tests.external_networks import Linear

CPU = Execution(device="cpu", precision="fp32", threads=1)
RECIPE = replace(RECIPES["fast"], batch_size=16, min_size=1.0, full_size_from=0.0)
ROOM = Room(channels=3, size=32)
SMALL = {"width": 0.125, "img_size": 32, "batch_size": 16, "epochs": 1, "precision": "fp32", "recipe": "fast"}


class MadeUp(devices.Device):
    """A device that computes what the processor does, and counts how often it is waited for."""

    deterministic = needs_compiler = True
    waited = 0

    def is_there(self) -> bool:
        return True

    def synchronize(self) -> None:
        self.waited += 1

    def release(self) -> None:
        pass


class Capacity(TorchDispatchMode):
    """So many bytes of memory: tensors that need more raise what a GPU raises. `most` is what there was at once."""

    def __init__(self, size: float = math.inf) -> None:
        super().__init__()
        self.size, self.held, self.most = size, 0, 0
        self.live: dict[int, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.device.type != "meta":
                self._add(leaf.untyped_storage())
        if self.held > self.size:
            raise torch.OutOfMemoryError(f"{self.held} bytes are more than {self.size}")
        self.most = max(self.most, self.held)
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.live:
            self.live[key] = storage.nbytes()
            self.held += storage.nbytes()
            weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self.held -= self.live.pop(key)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    device = MadeUp("cpu")
    monkeypatch.setitem(devices.KINDS, "cpu", device)
    return device


def network(name: str = "resnet18") -> torch.nn.Module:
    return create_model(name, num_classes=3, stem="small", width=0.125, seed=0)


@functools.cache
def needed(batch: int) -> int:
    """The most bytes at once in a step of so many images."""
    with Capacity() as capacity:
        largest_batch(network(), "resnet18", rescaled(RECIPE, batch), CPU, ROOM)
    return capacity.most


class Said(Callback):
    """What it was told, as lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_notice(self, sentence: str) -> None:
        self.lines.append(sentence)

    @property
    def about_batches(self) -> list[str]:
        return [line for line in self.lines if line.startswith("Batches of")]


def test_a_batch_is_halved_until_it_fits(made_up: MadeUp) -> None:
    tried = network()
    before = {name: tensor.clone() for name, tensor in tried.state_dict().items()}
    found = {}
    for batch in (16, 8, 4, 2):
        with Capacity(needed(batch)):
            found[batch] = largest_batch(tried, "resnet18", RECIPE, CPU, ROOM)
    assert found == {16: 16, 8: 8, 4: 4, 2: 2}
    assert all(torch.equal(tensor, before[name]) for name, tensor in tried.state_dict().items())
    odd = rescaled(RECIPE, 13)
    with Capacity(needed(7)):
        assert largest_batch(tried, "resnet18", odd, CPU, ROOM) == 6
    assert made_up.waited  # what is given to an accelerator is not done yet


@pytest.mark.usefixtures("made_up")
def test_where_not_even_two_images_fit_it_is_a_sentence() -> None:
    sentence = "A batch of 2 images of 32 x 32 pixels of resnet18 does not fit into the memory of this device"
    with Capacity(0.9 * needed(2)), pytest.raises(TooLarge, match=sentence):
        largest_batch(network(), "resnet18", RECIPE, CPU, ROOM)
    four = replace(ROOM, processes=4)  # two images each
    with Capacity(0.9 * needed(2)), pytest.raises(TooLarge, match="A batch of 8 images"):
        largest_batch(network(), "resnet18", RECIPE, CPU, four)


@pytest.mark.usefixtures("made_up")
def test_images_that_lie_in_the_memory_need_theirs() -> None:
    resident, kept = replace(CPU, resident=True), needed(16) - needed(8)
    room = replace(ROOM, resident=kept)
    with Capacity(needed(16) + kept):
        assert largest_batch(network(), "resnet18", RECIPE, resident, room) == 16
    with Capacity(needed(16) + kept / 2):
        assert largest_batch(network(), "resnet18", RECIPE, resident, room) < 16
        assert largest_batch(network(), "resnet18", RECIPE, CPU, room) == 16


@pytest.mark.usefixtures("made_up")
def test_other_errors_are_none_of_memory() -> None:
    class Raises(Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied {x.shape}")

    with pytest.raises(RuntimeError, match="mat1"):
        largest_batch(Raises(3, 3), "own:raises", RECIPE, CPU, ROOM)


@pytest.mark.skipif(memory.free_memory() is None, reason="this system does not say what memory is free")
def test_on_the_processor_real_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = create_model("resnet18", num_classes=3, stem="small", width=0.25, seed=0)
    recipe, room = rescaled(RECIPE, 128), Room(channels=3, size=64)
    monkeypatch.setattr(memory, "free_memory", lambda: 2**27)
    assert 2 <= largest_batch(wide, "resnet18", recipe, CPU, room) < 128


def test_on_the_processor_nothing_is_tried_where_there_is_plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Counting(Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sizes.append(len(x))
            return super().forward(x)

    for free in (2**40, None):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        assert largest_batch(Counting(3, 3), "own:counting", RECIPE, CPU, ROOM) == 16
    assert sizes == [2]


def test_the_rate_keeps_its_proportion_and_a_line_says_so() -> None:
    said: list[str] = []
    assert with_batch(RECIPE, 16, 32, said.append) is RECIPE
    assert not said
    assert with_batch(RECIPE, 4, 32, said.append) == rescaled(RECIPE, 4)
    assert said == [
        "Batches of 16 images of 32 x 32 pixels do not fit into the memory of this device: they have 4, and the "
        "learning rate is 0.2 instead of 0.4."
    ]


@pytest.mark.usefixtures("made_up")
def test_a_run_is_trained_with_the_batch_that_fits_and_goes_on_with_it(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    class Stops(Said):
        def on_step(self, _: object) -> None:
            raise KeyboardInterrupt

    with Capacity(needed(9)) as capacity:
        began = Stops()
        with pytest.raises(KeyboardInterrupt):
            train(photos, output=folder, callbacks=[began], **SMALL)
        assert began.about_batches
        terms = read_sealed(folder / RUNS.plan_file, RunPlan)
        assert (terms.asked_batch, terms.spec.recipe.batch_size) == (16, 8)
        goes_on = Said()
        run = train(photos, output=folder, callbacks=[goes_on], **SMALL)
        assert run.record.status == "finished"
        assert capacity.most <= capacity.size  # and so did the run
    assert not goes_on.about_batches
    whole = rescaled(RECIPES["fast"], 16)
    assert run.record.spec.recipe.lr == rescaled(whole, 8).lr
    assert train(photos, output=folder, **SMALL).repeated  # where there is memory again
    with pytest.raises(SkipwiseError, match=r"another plan \(batch_size is 8 there and 4 here"):
        train(photos, output=folder, **SMALL | {"batch_size": 4})
    assert train(photos, output=tmp_path / "roomy", **SMALL).record.spec.recipe.batch_size == 16


@pytest.mark.usefixtures("in_this_process", "made_up")
def test_a_comparison_halves_the_batch_for_all_its_networks(photos: Path, tmp_path: Path) -> None:
    small = {"models": ["plain18", "resnet18"], "seeds": 2, "workers": 1, **SMALL}
    folder, first, again = tmp_path / "comparison", Said(), Said()
    with Capacity(needed(13)):  # both networks' weights are there
        done = compare(photos, output=folder, callbacks=[first], **small)
    assert len(first.about_batches) == 1
    assert (done.plan.asked_batch, done.plan.recipe.batch_size) == (16, 8)
    specs = [read_json(path, dict)["spec"]["recipe"] for path in folder.glob("runs/*/run.json")]
    assert [spec["batch_size"] for spec in specs] == [8] * 4
    assert "batches of 8 (16 did not fit into memory)" in (folder / "report.html").read_text()
    (folder / COMPARISONS.results[-1]).unlink()  # unfinished: the same command goes on as it was planned
    assert compare(photos, output=folder, callbacks=[again], **small).plan == done.plan
    assert not again.about_batches
    with pytest.raises(SkipwiseError, match="batch_size is 8 there and 4 here"):
        compare(photos, output=folder, **small | {"batch_size": 4})
    more = compare(photos, output=folder, extend=True, **small | {"models": ["plain18", "resnet18", "se_resnet18"]})
    assert more.plan.recipe == done.plan.recipe


@pytest.mark.slow
def test_a_network_of_ones_own_is_tried_too(cli: Run, photos: Path, tmp_path: Path) -> None:
    if memory.free_memory() is None:
        pytest.skip("this system does not say what memory is free")
    options = ("--batch-size", "16", "--epochs", "1", "--precision", "fp32", "--no-compile", "--img-size", "16")
    ended = cli("train", photos, "--model", "tests.external_networks:hungry", *options, "--output", tmp_path / "run")
    assert ended.returncode == 0, ended.stderr
    assert "Batches of 16 images of 16 x 16 pixels do not fit" in ended.stderr
    assert read_sealed(tmp_path / "run" / RUNS.plan_file, RunPlan).spec.recipe.batch_size == 4


@pytest.mark.slow
def test_a_comparison_tries_them_in_a_process_of_their_own(cli: Run, photos: Path, tmp_path: Path) -> None:
    if memory.free_memory() is None:
        pytest.skip("this system does not say what memory is free")
    options = ("--batch-size", "16", "--epochs", "1", "--precision", "fp32", "--no-compile", "--img-size", "16")
    options += (
        "--seeds",
        "2",
        "--workers",
        "1",
        "--models",
        "tests.external_networks:linear,tests.external_networks:hungry",
    )
    ended = cli("compare", photos, *options, "--output", tmp_path / "comparison")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("Batches of 16 images of 16 x 16 pixels do not fit") == 1
    plan = read_sealed(tmp_path / "comparison" / COMPARISONS.plan_file, Plan)
    assert (plan.asked_batch, plan.recipe.batch_size) == (16, 4)
    assert len(list(tmp_path.glob("comparison/runs/*/run.json"))) == 4
    assert not list(tmp_path.glob("comparison/runs/*/error.txt"))
    assert (tmp_path / "comparison" / "report.html").exists()


def test_evaluating_takes_fewer_images_where_memory_runs_out() -> None:
    sizes: list[int] = []

    class Greedy(Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sizes.append(len(x))
            if len(x) > self.most:
                raise torch.OutOfMemoryError("no memory for that")
            return super().forward(x)

    pixels = np.random.default_rng(0).integers(0, 256, (20, 512, 512, 3), dtype=np.uint8)
    preprocessing = Preprocessing(size=512, channels=3, mean=(0.5,) * 3, std=(0.3,) * 3)
    torch.manual_seed(0)
    greedy, members = Greedy(3, 3), np.arange(20)
    greedy.most = 20
    whole = predict_logits(greedy, pixels, members, preprocessing, device="cpu")
    greedy.most, sizes[:] = 5, []
    assert np.allclose(predict_logits(greedy, pixels, members, preprocessing, device="cpu"), whole, atol=1e-6)
    assert sizes == [16, 8, 4, 4, 4, 4, 4]
    greedy.most = 0
    with pytest.raises(torch.OutOfMemoryError):
        predict_logits(greedy, pixels, members, preprocessing, device="cpu")

"""What depends on the device: images that lie in its memory, and the precision that suits it.

There need not be a GPU: tensors on torch's "meta" device have a place and no numbers, and `OneDevice` is as strict
about places as a GPU is.
"""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skipwise.core.errors import SkipwiseError, TrainingFailed
from skipwise.core.machine import devices
from skipwise.core.machine import environment as surroundings
from skipwise.cost import timing
from skipwise.data.batches import augment
from skipwise.data.batches.batches import Augmentation, Batch, TrainingBatches, to_input
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.store.on_device import SHARE, Resident, fits
from skipwise.evaluation.logits import PRODUCTS, predict_logits
from skipwise.nets.create import create_model
from skipwise.training.loop.recipe import RECIPES
from skipwise.training.loop.trainer import Training
from skipwise.training.machine import execution
from skipwise.training.machine.execution import (
    Execution,
    choose_device,
    choose_execution,
    choose_processes,
    reproducible,
)
from skipwise.training.train import train
from tests import external_networks
from tests.test_levers import PLAIN, make_training

GIB = 2**30
PLAINEST = Augmentation(mirror=True, shift=0.25)
KINDS = {
    "nothing": Augmentation(mirror=False, shift=0.0),
    "mirrored": Augmentation(mirror=True, shift=0.0),
    "shifted": PLAINEST,
    "in turn": replace(PLAINEST, alternate=True),
    "rotated": replace(PLAINEST, rotate=15.0),
    "coloured": replace(PLAINEST, brightness=0.2, contrast=0.2, saturation=0.2),
    "cut out": replace(PLAINEST, cutout=0.5),
    "mixed up": replace(PLAINEST, mixup=0.4),
    "cut and mixed": replace(PLAINEST, cutmix=1.0),
}
MEMBERS = np.arange(3, 100, 2)
PIXELS = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), dtype=np.uint8)


class OneDevice(TorchDispatchMode):
    """No operation but a copy may have tensors of two devices; single numbers may come from the CPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.ndim]
        if func not in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            assert len({tensor.device.type for tensor in tensors}) < 2, func
        return func(*args, **(kwargs or {}))


def make_batches(augmentation: Augmentation, pixels: object = PIXELS) -> TrainingBatches:
    labels = np.arange(100) % 3
    return TrainingBatches(
        pixels=pixels, labels=labels, members=MEMBERS, batch_size=8, augmentation=augmentation, seed=0
    )


def first(batches: TrainingBatches) -> Batch:
    return batches.batch(0, 0, batches.order(0))


def test_resident_images_are_those_of_the_members() -> None:
    resident = Resident.copied(PIXELS, MEMBERS, "cpu")
    assert resident.shape == (len(MEMBERS), 8, 8, 3)
    some = np.array([3, 7, 99])
    assert torch.equal(resident[some], torch.from_numpy(PIXELS[some]))


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_resident_images_are_the_same_to_the_bit(kind: str) -> None:
    augmentation = KINDS[kind]
    ours = first(make_batches(augmentation, Resident.copied(PIXELS, MEMBERS, "cpu")))
    theirs = first(make_batches(augmentation))
    for a, b in zip(vars(ours).values(), vars(theirs).values(), strict=True):
        assert (a is None and b is None) or torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_made_on_the_device_where_the_images_are(kind: str) -> None:
    augmentation = KINDS[kind]
    assert augmentation.on_any_device
    with OneDevice():
        batch = first(make_batches(augmentation, Resident.copied(PIXELS, MEMBERS, "meta")))
        assert batch.images.device.type == "meta"
        there = batch.to("meta")
        assert all(t is None or t.device.type == "meta" for t in vars(there).values())
        smaller = augment.resize(batch.images, 6)
        assert (smaller.device.type, smaller.dtype, tuple(smaller.shape)) == ("meta", torch.uint8, (8, 6, 6, 3))
        assert to_input(batch.images, (0.5,) * 3, (0.3,) * 3).device.type == "meta"


def test_what_goes_image_by_image_is_not_made_there() -> None:
    assert not replace(PLAINEST, resized_crop=(0.3, 1.0)).on_any_device
    assert not replace(PLAINEST, rand_augment=(2, 9)).on_any_device
    assert all(recipe.augmentation.on_any_device for recipe in RECIPES.values())


def gpu(monkeypatch: pytest.MonkeyPatch, *, bf16: bool, capability: tuple[int, int], name: str = "") -> None:
    """A GPU that answers what torch is asked."""
    free = 8 * GIB
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16 or including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, 16 * GIB))


@pytest.mark.parametrize(
    ("name", "bf16", "capability", "precision"),
    [
        ("NVIDIA H100", True, (9, 0), "bf16"),
        ("Tesla T4", False, (7, 5), "fp16"),
        ("NVIDIA GeForce GTX 1660 Ti", False, (7, 5), "fp32"),
        ("Tesla P40", False, (6, 1), "fp32"),
    ],
)
def test_a_gpu_gets_the_precision_it_is_fast_in(
    monkeypatch: pytest.MonkeyPatch, name: str, bf16: bool, capability: tuple[int, int], precision: str
) -> None:
    gpu(monkeypatch, bf16=bf16, capability=capability, name=name)
    assert choose_execution("cuda", step_multiply_adds=1e12).precision == precision
    assert choose_execution("cuda", step_multiply_adds=1e12, precision="fp32").precision == "fp32"


def test_images_are_resident_where_they_fit_and_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, bf16=True, capability=(9, 0))

    def resident(device: str, size: int | None) -> bool:
        chosen = choose_execution(device, step_multiply_adds=1e12, precision="fp32", resident_bytes=size)
        return chosen.resident

    assert resident("cuda", GIB)
    assert not resident("cuda", 8 * GIB)
    assert not resident("cuda", None)
    assert not resident("cpu", GIB)
    assert fits(int(SHARE * GIB), GIB)
    assert not fits(int(SHARE * GIB) + 1, GIB)


FP16 = Execution(device="cpu", precision="fp16", threads=1)


def taken(training: Training, steps: int) -> Training:
    with reproducible(training.execution):
        for _ in range(steps):
            training.step()
    return training


def test_in_float16_a_step_whose_gradients_overflow_is_left_out_and_the_next_is_not() -> None:
    begun = taken(make_training(PLAIN, execution=FP16), 1)
    kept = {name: tensor.clone() for name, tensor in begun.tensors().items()}
    before = kept["network.classifier.weight"].clone()
    kept["scaling.scale"].fill_(2.0**60)
    training = taken(make_training(PLAIN, execution=FP16, start=begun.state, tensors=kept), 1)
    after = training.tensors()
    assert torch.equal(after["network.classifier.weight"], before)
    assert after["scaling.scale"].item() == 2.0**59
    assert training.state.steps == 2
    for tensor in after.values():
        assert tensor.isfinite().all()
    kept["scaling.scale"].fill_(2.0**10)
    training = taken(make_training(PLAIN, execution=FP16, start=begun.state, tensors=kept), 1)
    assert not torch.equal(training.tensors()["network.classifier.weight"], before)


def test_float16_learns_what_float32_learns() -> None:
    def weights(precision: str) -> torch.Tensor:
        network = create_model("resnet18", num_classes=3, stem="small", width=0.125, seed=0)
        execution = replace(FP16, precision=precision)
        return taken(make_training(PLAIN, network, execution=execution), 4).tensors()["network.classifier.weight"]

    fresh = create_model("resnet18", num_classes=3, stem="small", width=0.125, seed=0).classifier.weight.detach()
    moved, difference = weights("fp32") - fresh, weights("fp16") - weights("fp32")
    assert 0 < difference.norm() < 0.1 * moved.norm()


class Asking(torch.nn.Module):
    """Answers with whether convolutions might be done with ten bits."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[float(kind.fp32_precision != "ieee") for kind in PRODUCTS]]).expand(len(images), 2)


def test_evaluation_is_never_in_tf32() -> None:
    network = Asking()
    preprocessing = Preprocessing(size=8, channels=3, mean=(0.5,) * 3, std=(0.3,) * 3)
    before = [kind.fp32_precision for kind in PRODUCTS]
    for kind in PRODUCTS:
        kind.fp32_precision = "tf32"
    try:
        assert not predict_logits(network, PIXELS, MEMBERS, preprocessing, device="cpu").any()
        assert network(torch.zeros(1)).all()
    finally:
        for kind, precision in zip(PRODUCTS, before, strict=True):
            kind.fp32_precision = precision


def test_large_images_are_evaluated_a_few_at_a_time() -> None:
    sizes = []

    class Counting(Asking):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            sizes.append(len(images))
            return super().forward(images)

    pixels = np.zeros((5, 1024, 1024, 1), np.uint8)
    preprocessing = Preprocessing(size=1024, channels=1, mean=(0.5,), std=(0.3,))
    assert predict_logits(Counting(), pixels, np.arange(5), preprocessing, device="cpu").shape == (5, 2)
    assert sizes == [4, 1]


def test_in_float16_gradients_that_stay_no_numbers_are_a_failure() -> None:
    begun = taken(make_training(PLAIN, execution=FP16), 1)
    kept = {name: tensor.clone() for name, tensor in begun.tensors().items()}
    kept["scaling.scale"].fill_(1.5)
    training = make_training(PLAIN, execution=FP16, start=begun.state, tensors=kept)
    training.network.classifier.weight.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(TrainingFailed, match="gradients overflow float16"):
        taken(training, 1)


MPS_WARNING = (
    "The operator 'aten::linalg_qr.out' is not currently supported on the MPS backend and will fall back to run on the "
    "CPU. This may have performance implications."
)
MPS_MISSING = (
    "The operator 'aten::grid_sampler_3d' is not currently implemented for the MPS device. As a temporary fix, you can "
    "set the environment variable `PYTORCH_ENABLE_MPS_FALLBACK=1` to use the CPU as a fallback for this op."
)
MPS_DOUBLE = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."


def test_what_the_cpu_does_for_a_device_is_one_line() -> None:
    said: list[str] = []
    with warnings.catch_warnings(record=True) as passed_on:
        warnings.simplefilter("always")
        with devices.falling_back(said.append):
            for _ in range(2):
                warnings.warn(MPS_WARNING, stacklevel=1)
            warnings.warn("something else", stacklevel=1)
        with devices.falling_back(said.append):
            pass
    assert said == ["The CPU does what torch lacks for this device, such as linalg_qr.out; that takes longer."]
    assert [str(warning.message) for warning in passed_on] == ["something else"]


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (NotImplementedError(MPS_MISSING), "the operator grid_sampler_3d"),
        (TypeError(MPS_DOUBLE), "float64"),
        (TypeError("'NoneType' object is not iterable"), None),
        (NotImplementedError("Module [Own] is missing the required forward function"), None),
    ],
)
def test_what_a_device_lacks_is_known_by_its_error(error: Exception, missing: str | None) -> None:
    assert devices.lacks(error) == missing


@pytest.mark.parametrize(
    ("raised", "missing"), [(MPS_MISSING, "the operator grid_sampler_3d"), (MPS_DOUBLE, "float64")]
)
def test_a_network_that_needs_what_a_device_lacks_is_a_sentence(
    raised: str, missing: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*_: object) -> torch.Tensor:
        raise (TypeError if "float64" in raised else NotImplementedError)(raised)

    monkeypatch.setattr(external_networks.Linear, "forward", forward)
    sentence = f"linear needs {missing}, which torch does not have for cpu; use --device cpu, or set "
    with pytest.raises(SkipwiseError, match=sentence):
        train(photos, model="tests.external_networks:linear", img_size=16, output=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_the_command_line_lets_the_cpu_do_what_apples_gpus_can_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "0")  # what a person wants holds
    surroundings.furnish()
    assert os.environ["PYTORCH_ENABLE_MPS_FALLBACK"] == "0"
    monkeypatch.delenv("PYTORCH_ENABLE_MPS_FALLBACK")
    surroundings.furnish()
    assert os.environ.pop("PYTORCH_ENABLE_MPS_FALLBACK") == "1"


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.05 GB, other allocations: 4.01 GB)"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of range"), False),
    ],
)
def test_every_device_says_in_its_way_that_memory_ran_out(error: Exception, short: bool) -> None:
    assert devices.is_out_of_memory(error) is short


def test_the_fastest_device_that_is_there_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "may_have_accelerator", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == "mps"
    with pytest.raises(SkipwiseError, match="no cuda device that torch can use"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"


def test_a_trial_on_a_gpu_uses_its_share_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    gpu(monkeypatch, bf16=True, capability=(9, 0))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", told.append)
    with devices.of("cuda").no_more_than(0.5):
        assert told == [pytest.approx(devices.USABLE * 0.5 * 8 / 16)]
    assert told[1:] == [1.0]


def test_what_holds_for_a_device_is_asked_and_not_its_name() -> None:
    """On Apple's GPUs as on any accelerator: one run at once, operations without a deterministic form let through."""
    mps, cpu = replace(FP16, device="mps", precision="fp32"), replace(FP16, precision="fp32")
    assert choose_processes(mps, None) == 1
    assert choose_processes(mps, 3) == 3
    with reproducible(mps):
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    with reproducible(cpu):
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert choose_execution("mps", step_multiply_adds=1e12, resident_bytes=1).precision == "fp32"
    assert not choose_execution("mps", step_multiply_adds=1e12, resident_bytes=1).resident


def test_products_are_timed_until_the_device_is_done_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waited(devices.Device):
        times = 0

        def synchronize(self) -> None:
            self.times += 1

    waited = Waited("cpu")
    monkeypatch.setattr(timing, "LONG_SIDE", 64)
    one = timing.multiply_adds_per_second("cpu", threads=1, precision="fp32")
    assert one > 0
    monkeypatch.setitem(devices.KINDS, "cpu", waited)
    assert timing.multiply_adds_per_second("cpu", threads=8, precision="fp16") > 0
    assert waited.times >= 10

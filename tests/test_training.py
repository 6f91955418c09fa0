"""One run: right, repeatable to the bit, resumable, and honest about failing."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import seal_of
from skipwise.core.files.earlier_names import with_earlier_names
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.images import Images
from skipwise.nets.create import create_model
from skipwise.training.callbacks import Epoch
from skipwise.training.folder.files import read_history
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import DamagedWarning, RunRecord, RunSpec, find_run, write_run
from skipwise.training.folder.saved_state import SavedState
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.optimizer import make_optimizer
from skipwise.training.loop.recipe import RECIPES, RecipeOptions, choose_recipe
from skipwise.training.loop.schedule import StepSchedule, rate
from skipwise.training.machine.execution import Execution
from skipwise.training.run import saving, session
from skipwise.training.run.checkpoint import load_checkpoints, previous, save_checkpoint
from skipwise.training.run.runner import execute_run
from skipwise.training.run.saving import Saves
from tests.calling import calls

RECIPE = replace(RECIPES["reference"], epochs=4, batch_size=16, lr=0.05, label_smoothing=0.1, warmup=0.25)


def make_images(count: int = 80, size: int = 8) -> Images:
    """Two classes told apart by which half is bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    pixels = rng.integers(0, 120, (count, size, size, 1)).astype(np.uint8)
    pixels[labels == 1, : size // 2] += 100
    split = np.array((["train"] * 6 + ["val"] * 2 + ["test"] * 2) * (count // 10))
    ids = np.array([f"image{index}" for index in range(count)])
    return Images("halves", ("top", "whole"), ids, labels, split, np.full(len(split), ""), pixels, "fingerprint")


def make_spec(model: str = "resnet18", **options: object) -> RunSpec:
    settings = {
        "model": model,
        "seed": 0,
        "stem": "small",
        "width": 0.125,
        "pretrained": False,
        "classes": ("top", "whole"),
        "preprocessing": Preprocessing(size=8, channels=1, mean=(0.3,), std=(0.2,)),
        "fingerprint": "fingerprint",
        "recipe": RECIPE,
        "execution": Execution(device="cpu", precision="fp32", threads=1),
    }
    return RunSpec(**settings | options)


IMAGES = make_images()


def save_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(saving, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(saving, "SAVING_SHARE", math.inf)


def newest(path: Path) -> tuple[dict[str, torch.Tensor], object] | None:
    return next(load_checkpoints(path), None)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights.safetensors")


def assert_same_run(a: Path, b: Path) -> None:
    assert (a / "predictions.npz").read_bytes() == (b / "predictions.npz").read_bytes()
    for (name, ours), theirs in zip(sorted(weights(a).items()), dict(sorted(weights(b).items())).values(), strict=True):
        assert torch.equal(ours, theirs), name
    times = [[replace(epoch, seconds=0) for epoch in read_history(folder)] for folder in (a, b)]
    assert times[0] == times[1]


def test_there_is_a_checkpoint_of_each_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "SAVING_SHARE", math.inf)  # however slow the disk is

    saved: list[tuple[int, int]] = []

    def look(epoch: Epoch) -> None:
        if (found := newest(tmp_path / "run" / "resume.safetensors")) is not None:
            saved.append((epoch.epoch, len(found[1]["state"]["history"])))

    execute_run(make_spec(), IMAGES, tmp_path / "run", calls(on_epoch=look))
    assert saved == [(2, 1), (3, 2), (4, 3)]


def test_the_weights_of_one_step_are_not_kept_twice(tmp_path: Path) -> None:
    """After an epoch's last step, and at its end: if they lead astray both would be given up at once."""
    path, standing = tmp_path / "resume.safetensors", TrainState(StepSchedule.even(9))
    saves = Saves(path, make_spec(), str)
    for steps in (2, 3, 3):
        at = replace(standing, steps=steps)
        saves.write(SimpleNamespace(state=at, tensors=lambda: {"weight": torch.zeros(2)}))
    assert [state["state"]["steps"] for _, state in load_checkpoints(path)] == [3, 2]


def test_a_run_learns_and_writes_what_it_promises(tmp_path: Path) -> None:
    spec = make_spec(recipe=replace(RECIPE, epochs=12))
    seen: list[Epoch] = []
    record = execute_run(spec, IMAGES, tmp_path / "run", calls(on_epoch=seen.append))
    assert record.status == "finished"
    assert record.test.accuracy > 0.9
    assert record.machine.versions["torch"]
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "metrics.jsonl",
        "predictions.npz",
        "run.json",
        "weights.safetensors",
    ]
    assert [epoch.epoch for epoch in seen] == list(range(1, 13))
    assert list(read_history(tmp_path / "run")) == [told.metrics for told in seen]
    assert seen[-1].train_loss < seen[0].train_loss
    test = read_predictions(tmp_path / "run", "test")
    assert test.logits.shape == (16, 2)
    assert list(test.ids) == [f"image{index}" for index in IMAGES.members("test")]
    assert (test.logits.argmax(axis=1) == test.labels).mean() == record.test.accuracy
    # The stored weights are the ones that gave the stored answers.
    network = create_model("resnet18", num_classes=2, in_channels=1, stem="small", width=0.125)
    network.load_state_dict(weights(tmp_path / "run"))
    network.eval()
    pixels = torch.from_numpy(IMAGES.pixels[IMAGES.members("test")]).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(network((pixels / 255 - 0.3) / 0.2), torch.from_numpy(test.logits), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("model", ["se_resnet18", "mobilenet_v2"])
def test_the_same_seed_gives_the_same_run_to_the_bit_and_another_seed_another(tmp_path: Path, model: str) -> None:
    for name in ("a", "b"):
        execute_run(make_spec(model), IMAGES, tmp_path / name)
    assert_same_run(tmp_path / "a", tmp_path / "b")
    execute_run(make_spec(model, seed=1), IMAGES, tmp_path / "c")
    assert (tmp_path / "a" / "predictions.npz").read_bytes() != (tmp_path / "c" / "predictions.npz").read_bytes()


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    save_always(monkeypatch)
    spec = make_spec(execution=Execution(device="cpu", precision=precision, threads=1))
    execute_run(spec, IMAGES, tmp_path / "whole")
    started = []

    def interrupt(epoch: Epoch) -> None:
        started.append(epoch.epoch)
        if len(started) in (1, 3):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            execute_run(spec, IMAGES, tmp_path / "broken", calls(on_epoch=interrupt))
    record = execute_run(spec, IMAGES, tmp_path / "broken", calls(on_epoch=interrupt))
    assert record.status == "finished"
    assert started == [1, 2, 3, 4]  # no epoch twice
    assert_same_run(tmp_path / "whole", tmp_path / "broken")
    assert not list((tmp_path / "broken").glob("resume*"))


@pytest.mark.parametrize("model", ["resnet18", pytest.param("mobilenet_v2", marks=pytest.mark.slow)])
def test_interrupted_in_the_middle_of_epochs_it_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    save_always(monkeypatch)
    spec = make_spec(model)
    execute_run(spec, IMAGES, tmp_path / "whole")
    saves = 0

    def save_and_stop(*arguments: object, **options: object) -> None:
        nonlocal saves
        save_checkpoint(*arguments, **options)
        saves += 1
        if saves % 2 == 0:  # now in the middle of an epoch, now at its end
            raise KeyboardInterrupt

    monkeypatch.setattr(saving, "save_checkpoint", save_and_stop)
    interruptions = 0
    while True:
        try:
            execute_run(spec, IMAGES, tmp_path / "broken")
            break
        except KeyboardInterrupt:
            interruptions += 1
    steps = spec.recipe.epochs * (len(IMAGES.members("train")) // spec.recipe.batch_size)
    # After every step, at the end of every epoch, and once more when interrupted; no step is done twice.
    assert saves == steps + spec.recipe.epochs + interruptions
    assert interruptions > spec.recipe.epochs
    assert_same_run(tmp_path / "whole", tmp_path / "broken")
    whole, broken = (read_history(tmp_path / name) for name in ("whole", "broken"))
    assert [replace(epoch, seconds=0) for epoch in whole] == [replace(epoch, seconds=0) for epoch in broken]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "resume.safetensors"
    for number in (1, 2):
        save_checkpoint(path, {"a": torch.full((3,), float(number))}, {"epoch": number})
    assert newest(path)[1] == {"epoch": 2}
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    tensors, state = newest(path)
    assert state == {"epoch": 1}
    assert tensors["a"].tolist() == [1, 1, 1]
    previous(path).write_bytes(b"cut")
    assert newest(path) is None


def test_a_checkpoint_whose_state_was_edited_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "resume.safetensors"
    save_checkpoint(path, {"a": torch.zeros(1)}, {"epoch": 3})
    path.write_bytes(path.read_bytes().replace(b'{\\"epoch\\": 3}', b'{\\"epoch\\": 4}'))
    assert newest(path) is None


def test_a_run_that_an_earlier_version_began_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoint has the names that fields had then."""
    save_always(monkeypatch)

    def interrupt(state: TrainState) -> None:
        if state.steps == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute_run(make_spec(), IMAGES, tmp_path / "a", calls(on_step=interrupt))
    path = tmp_path / "a" / "resume.safetensors"
    for file in (path, previous(path)):
        tensors, state = next(load_checkpoints(file))
        earlier = with_earlier_names(state, SavedState)
        assert {"pace", "cuts"} <= earlier["standing"].keys()
        assert "full_from" in earlier["spec"]["recipe"]
        save_checkpoint(file, tensors, earlier, instead=True)
    steps: list[int] = []
    record = execute_run(make_spec(), IMAGES, tmp_path / "a", calls(on_step=lambda state: steps.append(state.steps)))
    assert steps[0] == 6
    execute_run(make_spec(), IMAGES, tmp_path / "b")
    assert_same_run(tmp_path / "a", tmp_path / "b")
    before = with_earlier_names(json.loads((tmp_path / "a" / "run.json").read_text()), RunRecord)
    before["files"][""] = seal_of(before)
    assert "pace" in before
    (tmp_path / "a" / "run.json").write_text(json.dumps(before))
    assert execute_run(make_spec(), IMAGES, tmp_path / "a") == record


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_always(monkeypatch)

    def interrupt(_: Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute_run(make_spec(), IMAGES, tmp_path / "a", calls(on_epoch=interrupt))
    other = make_spec(recipe=replace(RECIPE, lr=0.01))
    execute_run(other, IMAGES, tmp_path / "a")
    execute_run(other, IMAGES, tmp_path / "b")
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_a_finished_run_is_not_run_again_and_another_is_not_mixed_in(tmp_path: Path) -> None:
    first = execute_run(make_spec(), IMAGES, tmp_path)
    before = (tmp_path / "weights.safetensors").stat().st_mtime_ns
    assert execute_run(make_spec(), IMAGES, tmp_path) == first
    assert (tmp_path / "weights.safetensors").stat().st_mtime_ns == before
    with pytest.raises(SkipwiseError, match="another plan"):
        execute_run(make_spec(seed=4), IMAGES, tmp_path)
    for name in ("predictions.npz", "weights.safetensors", "metrics.jsonl"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:])
        with pytest.warns(DamagedWarning, match=f"{name} was damaged or changed .* that run is done again"):
            assert find_run(make_spec(), tmp_path) is None  # done again, not believed
        (tmp_path / name).write_bytes(whole)
        write_run(tmp_path, first)
    (tmp_path / "run.json").write_text('{"spec"')
    with pytest.raises(SkipwiseError, match=r"run\.json is damaged"):
        find_run(make_spec(), tmp_path)


def test_a_loss_that_is_no_number_fails_the_run_with_the_step(tmp_path: Path) -> None:
    record = execute_run(make_spec(recipe=replace(RECIPE, lr=1e12)), IMAGES, tmp_path)
    assert record.status == "failed"
    assert "the loss became nan in epoch" in record.reason
    assert record.test is None
    assert not (tmp_path / "weights.safetensors").exists()
    assert find_run(record.spec, tmp_path) == record


def test_nothing_is_learnt_from_validation_and_test_images(tmp_path: Path) -> None:
    """Whatever those images are, the weights come out the same."""
    noise = np.where((IMAGES.split == "train")[:, None, None, None], IMAGES.pixels, 255 - IMAGES.pixels)
    execute_run(make_spec(), IMAGES, tmp_path / "a")
    execute_run(make_spec(), replace(IMAGES, pixels=noise), tmp_path / "b")
    for ours, theirs in zip(weights(tmp_path / "a").values(), weights(tmp_path / "b").values(), strict=True):
        assert torch.equal(ours, theirs)


def test_training_leaves_torchs_global_state_as_it_was(tmp_path: Path) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    execute_run(make_spec(), IMAGES, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_tied_weights_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_always(monkeypatch)
    record = execute_run(make_spec("tests.external_networks:tied"), IMAGES, tmp_path)
    assert record.status == "finished", record.reason
    stored = weights(tmp_path)
    assert torch.equal(stored["first.weight"], stored["second.weight"])


def test_without_validation_images(tmp_path: Path) -> None:
    images = replace(IMAGES, split=np.where(IMAGES.split == "val", "train", IMAGES.split))
    record = execute_run(make_spec(), images, tmp_path)
    assert record.val is None
    assert all(epoch.val is None for epoch in read_history(tmp_path))


def test_a_run_that_will_lack_memory_at_full_size_lacks_it_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when 70% of it are done."""
    tried = []

    def lack(*_: object, **shape: object) -> None:
        tried.append(shape)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(session, "try_gradients", lack)
    images = replace(IMAGES, pixels=np.repeat(np.repeat(IMAGES.pixels, 4, axis=1), 4, axis=2))
    growing = replace(RECIPE, min_size=0.5, full_size_from=0.7)
    options = {"preprocessing": Preprocessing(size=32, channels=1, mean=(0.3,), std=(0.2,))}
    steps = []
    with pytest.raises(SkipwiseError, match="not enough memory"):
        execute_run(make_spec(recipe=growing, **options), images, tmp_path / "a", calls(on_step=steps.append))
    assert tried == [{"batch": RECIPE.batch_size, "channels": 1, "size": 32}]
    assert not steps
    execute_run(make_spec(recipe=RECIPE, **options), images, tmp_path / "b")  # the first step tells


def test_norms_and_biases_do_not_decay() -> None:
    network = create_model("se_resnet18", num_classes=3, stem="small", width=0.125, seed=0)
    groups = make_optimizer(network, RECIPE).param_groups
    assert {group["weight_decay"] for group in groups} == {0, RECIPE.weight_decay}
    free_ids = {id(p) for group in groups for p in group["params"] if not group["weight_decay"]}
    for name, parameter in network.named_parameters():
        assert (id(parameter) in free_ids) == (name.endswith("bias") or ".norm." in name)
    assert all(group["nesterov"] for group in groups)


def test_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [rate(step / 100, RECIPE) for step in range(100)]
    peak = int(np.argmax(rates))
    assert rates[peak] == pytest.approx(1, abs=0.05)
    assert peak == pytest.approx(RECIPE.warmup * 100, abs=1)
    assert all(np.diff(rates[: peak + 1]) > 0)
    assert all(np.diff(rates[peak:]) < 0)
    assert 0 < rates[-1] < 0.05


@pytest.mark.parametrize(("images", "batch"), [(30, 16), (1259, 64), (50_000, 128), (500_000, 128), (4, 4)])
def test_batch_size_fits_the_training_set(images: int, batch: int) -> None:
    recipe = choose_recipe(RecipeOptions(recipe="reference"), mirrors=True, images=images)
    assert recipe.batch_size == batch


def test_images_are_mirrored_where_that_may_be_or_is_asked_for() -> None:
    for mirrors, wanted, mirrored in [
        (True, None, True),
        (False, None, False),
        (True, False, False),
        (False, True, True),
    ]:
        recipe = choose_recipe(RecipeOptions(recipe="standard", mirror=wanted), mirrors=mirrors, images=100)
        assert recipe.augmentation.mirror is mirrored


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"recipe": "standart"}, "did you mean 'standard'"),
        ({"epochs": 0}, "--epochs"),
        ({"batch_size": 1}, "--batch-size"),
        ({"lr": 0.0}, "--lr"),
        ({"lr": math.nan}, "--lr"),
    ],
)
def test_impossible_recipes_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        choose_recipe(RecipeOptions(**options), mirrors=True, images=100)


def test_spec_survives_json() -> None:
    spec = make_spec()
    assert msgspec.json.decode(msgspec.json.encode(spec), type=RunSpec) == spec

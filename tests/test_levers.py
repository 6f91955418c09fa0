"""Each lever of a recipe does what it says, and a run that uses them all resumes to the bit."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skipwise.core.errors import SkipwiseError
from skipwise.data.batches.batches import Augmentation, TrainingBatches
from skipwise.data.image.preprocess import Preprocessing
from skipwise.evaluation.logits import evaluating
from skipwise.evaluation.metrics import Metrics
from skipwise.nets.create import create_model, list_models
from skipwise.training.folder.state import TrainState
from skipwise.training.loop import schedule
from skipwise.training.loop.initialisation import dirac, whiten
from skipwise.training.loop.optimizer import (
    ROUNDS,
    Muon,
    depth_below_head,
    head_parameters,
    make_optimizer,
    norms,
    orthogonal,
)
from skipwise.training.loop.recipe import (
    RECIPES,
    Recipe,
    RecipeOptions,
    choose_recipe,
    fine_tuning,
    recipes_apart,
    shortened,
)
from skipwise.training.loop.schedule import StepSchedule
from skipwise.training.loop.trainer import Training
from skipwise.training.machine.execution import Execution, reproducible

PLAIN = replace(RECIPES["reference"], epochs=2, batch_size=8, lr=0.05, label_smoothing=0.1, warmup=0.25)
EVERYTHING = replace(
    PLAIN,
    optimizer="muon",
    vector_lr=2.0,
    vector_weight_decay=1e-3,
    norm_bias_lr=4.0,
    lr_decay="linear",
    min_size=0.5,
    full_size_from=0.7,
    average=0.3,
    norm_momentum=0.3,
    dirac=True,
    whiten=True,
    head_first=0.2,
    layer_decay=0.8,
    augmentation=Augmentation(mirror=True, alternate=True, shift=1 / 8, cutout=0.25),
)
SIZE = 32


def make_batches(recipe: Recipe, count: int = 40) -> TrainingBatches:
    pixels = np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    labels = np.arange(count) % 3
    pixels[labels == 1, : SIZE // 2] //= 4
    return TrainingBatches(
        pixels=pixels,
        labels=labels,
        members=np.arange(count),
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation,
        seed=0,
    )


def make_training(recipe: Recipe, network: torch.nn.Module | None = None, **options: object) -> Training:
    batches = make_batches(recipe)
    return Training(
        network or create_model("se_resnet18", num_classes=3, stem="small", width=0.125, seed=0),
        batches,
        recipe,
        Preprocessing(size=SIZE, channels=3, mean=(0.5,) * 3, std=(0.3,) * 3),
        options.pop("execution", Execution(device="cpu", precision="fp32", threads=1)),
        start=options.pop("start", TrainState(StepSchedule.even(recipe.epochs * batches.per_epoch))),
        **options,
    )


def look(network: torch.nn.Module) -> Metrics:
    """Has a network evaluated, as between any two epochs."""
    with evaluating(network):
        return Metrics(accuracy=0.0, nll=0.0)


def finish(training: Training) -> Training:
    with reproducible(training.execution):
        while not training.finished:
            if training.epoch_is_over:
                training.close_epoch(look)
            else:
                training.step()
    return training


@pytest.mark.parametrize("recipe", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_resumed_after_any_step_a_run_ends_with_the_same_bits(recipe: Recipe) -> None:
    whole = finish(make_training(recipe)).tensors()
    first = make_training(recipe)
    for after in range(1, 2 * 5):
        with reproducible(first.execution):
            if first.epoch_is_over:
                first.close_epoch(None)
            first.step()
        assert first.state.steps == after
        stored = {name: tensor.clone() for name, tensor in first.tensors().items()}
        standing = msgspec.json.decode(msgspec.json.encode(first.state), type=TrainState)
        resumed = finish(make_training(recipe, start=standing, tensors=stored)).tensors()
        assert whole.keys() == resumed.keys()
        assert all(torch.equal(whole[name], resumed[name]) for name in whole), after


@pytest.mark.slow
def test_compiled_a_run_resumes_to_the_bit_too() -> None:
    execution = Execution(device="cpu", precision="fp32", threads=1, compile=True)
    recipe = replace(EVERYTHING, min_size=0.75)
    whole = finish(make_training(recipe, execution=execution)).tensors()
    first = make_training(recipe, execution=execution)
    with reproducible(execution):
        for _ in range(4):
            first.step()
    stored = {name: tensor.clone() for name, tensor in first.tensors().items()}
    resumed = finish(make_training(recipe, execution=execution, start=first.state, tensors=stored)).tensors()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    eager = finish(make_training(recipe)).tensors()
    for name, tensor in whole.items():
        torch.testing.assert_close(tensor, eager[name], rtol=0.05, atol=0.05)


@pytest.fixture(scope="module")
def plain() -> dict[str, torch.Tensor]:
    """What a network has learned with the plain recipe."""
    return finish(make_training(PLAIN)).eval_network.state_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "muon"},
        {"vector_lr": 3.0},
        {"norm_bias_lr": 8.0},
        {"lr_decay": "linear"},
        {"min_size": 0.5, "full_size_from": 0.5},
        {"average": 0.5},
        {"norm_momentum": 0.5},
        {"dirac": True},
        {"whiten": True},
        {"head_first": 0.5},
        {"layer_decay": 0.5},
        {"freeze_norms": True},
        {"label_smoothing": 0.0},
        {"weight_decay": 0.05},
        {"vector_weight_decay": 0.05},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_lever_moves_something(plain: dict[str, torch.Tensor], change: dict[str, object]) -> None:
    moved = finish(make_training(replace(PLAIN, **change))).eval_network.state_dict()
    assert any(not torch.equal(plain[name], moved[name]) for name in plain)


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_every_parameter_is_in_one_group_and_only_matrices_decay(name: str, optimizer: str) -> None:
    with torch.device("meta"):
        network = create_model(name, num_classes=7)
    groups = make_optimizer(network, replace(EVERYTHING, optimizer=optimizer, vector_weight_decay=0.0)).param_groups
    members = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(members) == sorted(id(parameter) for parameter in network.parameters())
    head = head_parameters(network)
    for group in groups:
        for parameter in group["params"]:
            # Gates and their like don't beside Muon.
            decays = optimizer == "sgd" or group["muon"] or id(parameter) in head
            assert (group["weight_decay"] > 0) == (decays and parameter.ndim > 1)
            if group["muon"]:
                assert optimizer == "muon"
                assert parameter.ndim > 1
    assert not any(group["muon"] and id(p) in head for group in groups for p in group["params"])
    named = network.named_parameters()
    depths = [0 if id(parameter) in head else depth_below_head(network, name) for name, parameter in named]
    assert min(depths) == 0
    assert depths == sorted(depths, reverse=True)  # parameters come in the order of the forward pass


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 100))
def test_an_orthogonal_update_has_all_its_singular_values_near_one(rows: int, columns: int, seed: int) -> None:
    update = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(orthogonal(update)) / max(1, rows / columns) ** 0.5
    given_values = torch.linalg.svdvals(update) / update.norm()
    assert values.max() < 1.4
    assert (values[given_values > 0.1] > 0.4).all()


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (40, 2, 3, 3), (16, 4), (4, 16), (6, 6, 1, 1)])
def test_it_is_what_rounds_with_the_matrix_itself_give_in_any_layout(shape: tuple[int, ...]) -> None:
    update = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    x = update.flatten(1).double()
    x = x / x.norm()
    for _ in range(ROUNDS):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    expected = x * max(1.0, x.shape[0] / x.shape[1]) ** 0.5
    layouts = [update] if update.ndim == 2 else [update, update.to(memory_format=torch.channels_last)]
    for given_update in layouts:
        torch.testing.assert_close(orthogonal(given_update), expected.view(shape).float(), rtol=1e-3, atol=1e-4)


@settings(deadline=None)
@given(st.integers(2, 80), st.integers(2, 80), st.integers(0, 100))
def test_in_bfloat16_an_orthogonal_update_points_the_same_way(rows: int, columns: int, seed: int) -> None:
    update = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    rough = orthogonal(update, torch.bfloat16)
    assert rough.dtype == torch.float32
    assert torch.cosine_similarity(rough.flatten(), orthogonal(update).flatten(), 0) > 0.95


def test_matrices_are_multiplied_in_the_precision_of_the_run() -> None:
    network = create_model("resnet18", num_classes=3, width=0.125, seed=0)
    for precision, products in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float32)):
        assert make_optimizer(network, RECIPES["fast"], precision).products == products


def test_where_muon_does_not_apply_it_is_sgd_with_nesterov_momentum() -> None:
    start = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    group = {"params": [ours], "weight_decay": 0.01, "muon": False, "share": 1.0}
    optimizers = (
        Muon([group], lr=0.1, momentum=0.9),
        torch.optim.SGD([theirs], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    )
    for step in range(4):
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = torch.sin(parameter.detach() * (step + 1))
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_dirac_convolutions_pass_their_input_on() -> None:
    network = create_model("resnet18", num_classes=3, stem="small", width=0.25, seed=0)
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    dirac(network)
    convolution = network.get_submodule("stages.0.0.branch.0.conv")
    images = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(convolution(images), images)
    for name, parameter in network.named_parameters():
        strided = name in {f"stages.{stage}.0.branch.0.conv.weight" for stage in (1, 2, 3)}
        if strided or "shortcut" in name or "norm" in name or "classifier" in name:
            assert torch.equal(parameter, before[name])
    stem = network.get_submodule("stem.0.conv")
    torch.testing.assert_close(stem(images[:, :3])[:, :3], images[:, :3])
    assert torch.equal(stem.weight[3:], before["stem.0.conv.weight"][3:])


def test_whitened_the_first_responses_vary_alike_and_do_not_depend_on_each_other() -> None:
    generator = torch.Generator().manual_seed(0)
    rough = torch.randn(200, 3, 16, 16, generator=generator)
    images = torch.nn.functional.avg_pool2d(rough, 5, 1, 2) + 0.05 * rough  # neighbours alike, as in photographs
    network = create_model("resnet18", num_classes=3, stem="small", seed=0)
    size = network.get_submodule("stem.0.conv").weight.detach().std()
    whiten(network, images)
    convolution = network.get_submodule("stem.0.conv")
    assert float(convolution.weight[:54].detach().std()) == pytest.approx(float(size), rel=0.1)
    assert torch.equal(convolution.weight[:27], -convolution.weight[27:54])
    responses = convolution(images).detach()[:, :27, 2:-2, 2:-2].transpose(0, 1).flatten(1)
    correlation = torch.corrcoef(responses) - torch.eye(27)
    assert correlation.abs().max() < 0.15
    assert responses.std(dim=1).max() < 1.5 * responses.std(dim=1).min()


def test_whitening_leaves_filters_alone_that_no_direction_is_there_for() -> None:
    """Grey images in three channels have 9 directions, not 27; filters along the others would answer nothing."""
    rough = torch.randn(200, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    images = (torch.nn.functional.avg_pool2d(rough, 5, 1, 2) + 0.05 * rough).expand(-1, 3, -1, -1)
    network = create_model("resnet18", num_classes=3, stem="small", seed=0)
    convolution = network.get_submodule("stem.0.conv")
    before = convolution.weight.detach().clone()
    whiten(network, images)
    kept = (convolution.weight == before).flatten(1).all(dim=1)
    assert kept.tolist() == [False] * 18 + [True] * 46
    responses = convolution(images).detach().transpose(0, 1).flatten(1).std(dim=1)
    assert responses[:18].min() > 0.1 * responses[18:].min()


def test_whitening_looks_at_some_patches_of_many() -> None:
    seen = []
    unfold = torch.nn.functional.unfold

    def counted(*arguments: object, **options: object) -> torch.Tensor:
        seen.append(unfold(*arguments, **options))
        return seen[-1]

    network = create_model("resnet18", num_classes=3, stem="imagenet", width=0.125, seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "unfold", counted)
        whiten(network, torch.randn(4, 3, 512, 512, generator=torch.Generator().manual_seed(0)))
    assert 10_000 < seen[0].shape[0] * seen[0].shape[2] < 50_000


def test_images_grow_only_where_norms_have_the_time_to_get_used_to_their_full_size() -> None:
    def smallest(**options: object) -> float:
        given = {name: options.pop(name) for name in ("images", "fine_tune") if name in options}
        return choose_recipe(RecipeOptions(recipe="fast", **options), mirrors=True, **given).min_size

    assert smallest(images=50_000) == smallest(images=500) == 0.625
    assert smallest(images=500, epochs=1) == smallest(images=36) == 1.0
    assert smallest(images=50_000, fine_tune=True) == 1.0
    assert choose_recipe(RecipeOptions(recipe="fast"), mirrors=True, images=36).epochs == 11  # that cost as much
    assert choose_recipe(RecipeOptions(recipe="fast", epochs=15), mirrors=True, images=36).epochs == 15
    tuned, own = fine_tuning(RECIPES["standard"]), RECIPES["standard"]
    assert 0.7 * own.epochs <= tuned.epochs < own.epochs
    assert fine_tuning(RECIPES["reference"]).epochs == RECIPES["reference"].epochs


def test_an_image_drawn_often_is_not_always_the_same_way_round() -> None:
    chosen = choose_recipe(RecipeOptions(recipe="fast", balance="sampling"), mirrors=True, images=5_000)
    assert chosen.augmentation.mirror
    assert not chosen.augmentation.alternate
    assert choose_recipe(RecipeOptions(recipe="fast"), mirrors=True, images=5_000).augmentation.alternate


def test_a_recipe_is_another_one_where_no_option_made_the_difference() -> None:
    ours = RECIPES["fast"]
    asked_for = replace(ours, epochs=3, batch_size=8, lr=0.1, balance="loss", min_size=1.0, full_size_from=0.0)
    assert "has changed since then" not in recipes_apart(ours, asked_for)
    assert "has changed since then" in recipes_apart(ours, replace(asked_for, weight_decay=5e-4))
    assert "has changed since then" not in recipes_apart(ours, replace(asked_for, name="mine", weight_decay=5e-4))
    assert "has changed since then" not in recipes_apart(ours, fine_tuning(ours))


def test_images_grow_to_their_size_and_steps_cost_what_pixels_are() -> None:
    recipe = replace(PLAIN, min_size=0.5, full_size_from=0.8)
    assert schedule.sides(recipe, 32) == [16, 20, 24, 28, 32]
    assert schedule.sides(recipe, 224) == [112, 140, 168, 196, 224]
    assert schedule.sides(recipe, 8) == [8]
    assert schedule.sides(PLAIN, 160) == [160]
    assert schedule.side(0.9, recipe, 32) == 32
    cost = schedule.relative_cost(recipe, 32)
    assert cost == pytest.approx(np.mean([(s / 32) ** 2 for s in (16, 20, 24, 28, 32)]), abs=0.01)
    assert schedule.relative_cost(recipe, 32, since=0.85) == 1


@given(st.integers(2, 500), st.lists(st.tuples(st.integers(1, 400), st.integers(-5, 500)), max_size=6))
def test_a_pace_changed_on_the_way_agrees_about_what_is_done(steps: int, changes: list[tuple[int, int]]) -> None:
    pace, at = StepSchedule.even(steps), 0
    for ahead, more in changes:
        at = at + ahead
        if at >= pace.steps:
            break
        before = [pace.share(step) for step in range(at + 1)]
        pace = pace.changed(at, at + more)
        assert pace.steps == max(at, at + more)
        after = [pace.share(step) for step in range(min(at + 1, pace.steps))]
        assert after == pytest.approx(before[: pace.steps])
        shares = [pace.share(step) for step in range(pace.steps)]
        assert all(a < b for a, b in pairwise(shares))
        assert all(0 <= share < 1 for share in shares)
        if more <= 0:
            break


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_rate_of_every_recipe_rises_to_one_and_falls_to_nothing(recipe: Recipe) -> None:
    rates = [schedule.rate(step / 1000, recipe) for step in range(1000)]
    assert max(rates) == pytest.approx(1, abs=0.02)
    assert 0 < rates[-1] < 0.01
    peak = int(np.argmax(rates))
    assert rates == sorted(rates[:peak]) + sorted(rates[peak:], reverse=True)


def test_the_average_of_few_steps_is_over_all_of_them() -> None:
    recipe = replace(PLAIN, average=10.0, epochs=1)
    training = make_training(recipe)
    seen = []
    with reproducible(training.execution):
        while not training.epoch_is_over:
            training.step()
            seen.append(training.network.classifier.weight.detach().clone())
    torch.testing.assert_close(training.eval_network.classifier.weight, torch.stack(seen).mean(dim=0))


def test_fine_tuning_moves_the_head_first_then_all_and_the_lowest_layers_least() -> None:
    recipe = replace(fine_tuning(PLAIN), epochs=2, batch_size=8, label_smoothing=0.0, weight_decay=0.0)
    training = make_training(recipe)
    start = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
    with reproducible(training.execution):
        training.step()
        training.step()
        after_head = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
        moved = {name for name in start if not torch.equal(start[name], after_head[name])}
        assert moved == {"classifier.weight", "classifier.bias"}
        training.step()
    moved = {name for name, tensor in training.network.state_dict().items() if not torch.equal(start[name], tensor)}
    assert {"stem.0.conv.weight", "stages.3.1.branch.1.conv.weight", "stem.0.norm.running_mean"} <= moved
    shares = {group["share"] for group in training.optimizer.param_groups}
    assert sorted(shares) == pytest.approx([0.7**depth for depth in (5, 4, 3, 2, 1, 0)])
    assert fine_tuning(EVERYTHING).whiten is False
    assert fine_tuning(EVERYTHING).optimizer == "sgd"
    assert recipe.lr < 0.05
    # Given weights are not to be shrunk away: less than one e-fold in a run, at the last layer's rate.
    own = fine_tuning(RECIPES["standard"])
    steps = own.epochs * 50_000 // own.batch_size
    assert 0.5 * steps * own.lr / (1 - own.momentum) * own.weight_decay < 1


def test_frozen_norms_stay_as_they_were_and_the_rest_learns() -> None:
    training = make_training(replace(PLAIN, freeze_norms=True))
    start = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
    finish(training)
    for name, tensor in training.network.state_dict().items():
        assert torch.equal(tensor, start[name]) == (".norm." in name), name
    assert all(not norm.training for norm in norms(training.network))


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_a_network_without_linear_layers_has_a_head_too(optimizer: str) -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=4),
        torch.nn.BatchNorm2d(8, momentum=0.01),
        torch.nn.Conv2d(8, 3, 1),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )
    head = {id(network[2].weight), id(network[2].bias)}
    assert head_parameters(network) == head
    training = make_training(replace(PLAIN, optimizer=optimizer, head_first=0.1), network)
    groups = training.optimizer.param_groups
    assert not any(group.get("muon") and id(p) in head for group in groups for p in group["params"])
    start = network[0].weight.detach().clone()
    finish(training)
    assert not torch.equal(network[0].weight, start)
    assert network[1].momentum == 0.01


def test_what_a_network_of_ones_own_keeps_frozen_stays_so() -> None:
    network = create_model("resnet18", num_classes=3, stem="small", width=0.125, seed=0)
    network.stem.requires_grad_(False)
    start = network.stem[0].conv.weight.clone()
    finish(make_training(replace(PLAIN, head_first=0.1), network))
    assert torch.equal(network.stem[0].conv.weight, start)
    assert not network.stem[0].conv.weight.requires_grad


def test_freezing_norms_is_for_weights_that_come_from_elsewhere() -> None:
    with pytest.raises(SkipwiseError, match="by --init or --pretrained"):
        choose_recipe(RecipeOptions(freeze_norms=True), mirrors=True, images=100)
    chosen = choose_recipe(RecipeOptions(freeze_norms=True), fine_tune=True, mirrors=True, images=100)
    assert chosen.freeze_norms
    assert chosen.head_first > 0


@pytest.mark.parametrize("images", [4, 30, 500, 50_000, 500_000])
@pytest.mark.parametrize("name", RECIPES)
def test_batch_and_rate_fit_the_training_set(name: str, images: int) -> None:
    recipe = choose_recipe(RecipeOptions(recipe=name), mirrors=True, images=images)
    own = RECIPES[name]
    assert min(images, 16) <= recipe.batch_size <= own.batch_size
    assert recipe.batch_size == own.batch_size or images < 20 * own.batch_size
    scale = recipe.batch_size / own.batch_size
    assert recipe.lr == pytest.approx(own.lr * (math.sqrt(scale) if own.optimizer == "muon" else scale))


def test_a_narrow_network_learns_with_every_recipe() -> None:
    for recipe in RECIPES.values():
        short = replace(recipe, epochs=12, batch_size=8, lr=recipe.lr * 8 / recipe.batch_size)
        training = finish(make_training(short))
        assert training.state.history[-1].train_loss < 0.8 * training.state.history[0].train_loss, recipe.name


@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_whitening_leaves_all_filters_alone_where_images_are_flat(shade: float) -> None:
    for channels in (1, 3):
        network = create_model("resnet18", num_classes=3, in_channels=channels, stem="imagenet", width=0.125, seed=0)
        before = [parameter.detach().clone() for parameter in network.parameters()]
        whiten(network, torch.full((4, channels, 16, 16), shade))
        assert all(parameter.abs().max() < 10 for parameter in network.parameters())
        if shade == 0.0:
            assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_a_run_made_shorter_has_images_of_full_size_where_there_is_no_time_to_grow() -> None:
    """As the runs are that choose learning rates, and those that have to fit into a time limit."""
    whole = choose_recipe(RecipeOptions(recipe="fast"), mirrors=True, images=500)
    assert whole.min_size < 1
    assert shortened(whole, whole.epochs, 500) == whole
    assert shortened(whole, 1, 500) == replace(whole, epochs=1, min_size=1.0, full_size_from=0.0)

"""Augmentation, class balance and batches: right, whole-batch, and a function of (seed, epoch, step)."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from skipwise.core.errors import SkipwiseError
from skipwise.data.batches import augment
from skipwise.data.batches.batches import Augmentation, Batch, TrainingBatches, stream, to_input
from skipwise.data.batches.mixing import cutmix, mixup
from skipwise.data.image.preprocess import Preprocessing
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.recipe import RECIPES, RecipeOptions, choose_recipe
from skipwise.training.loop.schedule import StepSchedule
from skipwise.training.loop.trainer import Training, batch_loss
from skipwise.training.machine.execution import Execution, reproducible

NONE = Augmentation(mirror=False, shift=0)
EVERYTHING = {
    "resized_crop": (0.25, 1.0),
    "rand_augment": (2, 9),
    "alternate": True,
    "rotate": 20.0,
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.4,
    "cutout": 0.5,
    "mixup": 0.4,
    "cutmix": 1.0,
}


def images(count: int = 64, size: int = 6, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, size, size, channels), dtype=torch.uint8, generator=generator)


def ramps(count: int, size: int) -> torch.Tensor:
    """Images whose first channel says the row and whose second says the column, four values a pixel."""
    row = (4 * torch.arange(size, dtype=torch.uint8))[:, None].expand(size, size)
    return torch.stack([row, row.T, torch.zeros_like(row)], dim=2).expand(count, -1, -1, -1).contiguous()


def drawn(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_mirroring_flips_about_half_and_changes_nothing_else() -> None:
    batch = images(200)
    chosen = augment.mirrored(200, drawn())
    assert 70 < int(chosen.sum()) < 130
    for image, flipped, result in zip(batch, chosen, augment.flip(batch, chosen), strict=True):
        assert torch.equal(result, image.flip(1) if flipped else image)


def test_mirroring_in_turn_shows_every_image_both_ways_in_any_two_epochs() -> None:
    indices = np.arange(1000)
    first, second, third = (augment.mirrored_in_turn(indices, epoch, seed=7) for epoch in range(3))
    assert torch.equal(second, ~first)
    assert torch.equal(third, first)
    assert 430 < int(first.sum()) < 570
    # It depends on the image, not on its place in the batch, and neighbours and seeds have nothing in common.
    elsewhere = augment.mirrored_in_turn(indices[::-3], 0, seed=7)
    assert torch.equal(elsewhere, torch.from_numpy(first.numpy()[::-3].copy()))
    assert 430 < int((first[1:] == first[:-1]).sum()) < 570
    assert 430 < int((augment.mirrored_in_turn(indices, 0, seed=8) == first).sum()) < 570


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mirroring", [False, True])
def test_shifting_is_a_crop_of_the_reflected_image(mirroring: bool, channels: int) -> None:
    batch = images(channels=channels)
    flips = augment.mirrored(len(batch), drawn(2)) if mirroring else None
    shifted = augment.shift(batch, 2, drawn(), flips=flips)
    before = batch if flips is None else augment.flip(batch, flips)
    padded = F.pad(before.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="reflect").to(torch.uint8)
    seen = set()
    for image, around in zip(shifted, padded.permute(0, 2, 3, 1), strict=True):
        crops = {(r, c): around[r : r + 6, c : c + 6] for r in range(5) for c in range(5)}
        places = [place for place, crop in crops.items() if torch.equal(crop, image)]
        assert places
        seen.update(places)
    assert len(seen) > 15  # of 25: all directions and distances occur


def test_a_resized_crop_is_a_part_of_the_image_of_the_wanted_share_and_aspect() -> None:
    batch = ramps(200, 48)
    crops = augment.resized_crop(batch, 32, (0.3, 0.6), drawn())
    assert crops.shape == (200, 32, 32, 3)
    # The ramps' slopes say how much of the image each crop shows, their middle where it was taken.
    inner = crops[:, 2:-2, 2:-2].float()
    tall = (inner[:, -1, 0, 0] - inner[:, 0, 0, 0]) / 27 * 32 / 4
    broad = (inner[:, 0, -1, 1] - inner[:, 0, 0, 1]) / 27 * 32 / 4
    share = tall * broad / 48**2
    assert 0.27 < share.min() < 0.36
    assert 0.54 < share.max() < 0.63
    aspect = broad / tall
    assert 0.7 < aspect.min() < 0.85
    assert 1.2 < aspect.max() < 1.45
    middles = inner[..., :2].mean(dim=(1, 2)) / 4
    assert (middles.std(dim=0) > 3).all()
    assert ((middles > 10) & (middles < 38)).all()


def test_a_resized_crop_of_the_whole_image_is_the_antialiased_image() -> None:
    batch = images(4, 24)
    # A share of 2 is cut down to the whole image, whatever the aspect.
    crops = augment.resized_crop(batch, 12, (2.0, 2.0), drawn())
    wanted = F.interpolate(batch.permute(0, 3, 1, 2).float(), (12, 12), mode="bilinear", antialias=True)
    assert (crops.permute(0, 3, 1, 2).float() - wanted).abs().max() <= 1


@pytest.mark.parametrize("fill", ["reflect", "edge"])
def test_rotation_goes_both_ways_about_the_middle_up_to_the_limit(fill: str) -> None:
    batch = ramps(100, 33)
    turned = augment.affine(batch, 30, 0, drawn(), fill=fill).float()
    assert turned[:, 16, 16, :2].sub(64).abs().max() <= 1
    across, along = turned[:, 16, 20] - turned[:, 16, 12], turned[:, 20, 16] - turned[:, 12, 16]
    degrees = torch.atan2(across[:, 0], across[:, 1]).rad2deg()
    assert 25 < degrees.max() < 32
    assert -32 < degrees.min() < -25
    # Lengths stay, and what was a right angle stays one.
    torch.testing.assert_close(torch.hypot(across[:, 0], across[:, 1]), torch.full((100,), 32.0), atol=2.0, rtol=0.0)
    torch.testing.assert_close(along[:, 0], across[:, 1], atol=2.0, rtol=0.0)
    torch.testing.assert_close(along[:, 1], -across[:, 0], atol=2.0, rtol=0.0)


def test_a_shift_by_fractions_of_pixels_fills_as_asked_for() -> None:
    batch = ramps(60, 9)
    reflected, repeated = (augment.affine(batch, 0, 3, drawn(), fill=fill).float() for fill in ("reflect", "edge"))
    moved_down, moved = (repeated[:, 4, 4, channel] / 4 - 4 for channel in (0, 1))
    assert moved.max() > 2
    assert moved.min() < -2
    assert moved_down.max() > 2
    assert moved_down.min() < -2
    right = moved > 1.1
    # Beyond the last column of value 32: 32 again, or what lies as far within.
    assert (repeated[right, 4, 8, 1] == 32).all()
    torch.testing.assert_close(reflected[right, 4, 8, 1], 32 - 4 * moved[right], atol=1.5, rtol=0.0)


def test_cutout_paints_one_square_and_no_more() -> None:
    batch = images(300, 12).clamp(max=100)
    painted = (augment.cutout(batch, 4, drawn(), value=200) == 200).all(dim=3)
    assert torch.equal(augment.cutout(batch, 4, drawn(), value=200)[~painted], batch[~painted])
    rows, columns = painted.any(dim=2).sum(dim=1), painted.any(dim=1).sum(dim=1)
    assert torch.equal(painted.sum(dim=(1, 2)), rows * columns)
    assert rows.max() == columns.max() == 4
    assert rows.min() == columns.min() == 2  # centred on the edge
    assert painted.any(dim=0).all()  # every place is hit by some


def test_colour_scales_what_it_says() -> None:
    batch = (images(300, 8) // 4 + 96).contiguous()  # far enough from 0 and 255
    before = batch.float()
    grey_of = torch.tensor([0.299, 0.587, 0.114])

    def factors(after: torch.Tensor, middle: torch.Tensor) -> torch.Tensor:
        """How far from `middle` each image is, compared with before; the same for all its pixels and channels."""
        old, new = (before - middle).flatten(1), (after.float() - middle).flatten(1)
        factor = (old * new).sum(dim=1) / (old * old).sum(dim=1)
        assert (new - factor[:, None] * old).abs().max() < 1.01
        assert 0.68 < factor.min() < 0.75
        assert 1.25 < factor.max() < 1.32
        return factor

    lighter = factors(augment.colour(batch, 0.3, 0, 0, drawn()), torch.zeros(()))
    grey = before @ grey_of
    factors(augment.colour(batch, 0, 0.3, 0, drawn()), grey.mean(dim=(1, 2))[:, None, None, None])
    factors(augment.colour(batch, 0, 0, 0.3, drawn()), grey[..., None])
    assert lighter.std() > 0.1
    # Contrast is about the grey that brightness left, which a flat image shows.
    flat = torch.full((50, 8, 8, 3), 100, dtype=torch.uint8)
    assert torch.equal(augment.colour(flat, 0.3, 0.9, 0, drawn()), augment.colour(flat, 0.3, 0, 0, drawn()))
    single = batch[..., :1].contiguous()
    assert torch.equal(augment.colour(single, 0, 0, 0.9, drawn()), single)


def test_rand_augment_is_torchvisions_from_a_generator_and_leaves_the_default_one_alone() -> None:
    batch, state = images(16, 12), torch.get_rng_state()
    once, again, other = (augment.rand_augment(batch, 2, 9, drawn(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert once.shape == batch.shape
    assert torch.equal(augment.rand_augment(batch, 0, 9, drawn()), batch)


def test_mixup_is_a_weighted_mean() -> None:
    batch = images(400)
    mixed, partners, share = mixup(batch, 0.4, drawn())
    weight = share[:, None, None, None]
    wanted = weight * batch.float() + (1 - weight) * batch[partners].float()
    assert (mixed.float() - wanted).abs().max() <= 0.51
    assert sorted(partners.tolist()) == list(range(400))
    assert abs(float(share.mean()) - 0.5) < 0.06
    assert abs(float(share.var()) - 0.25 / 1.8) < 0.03  # of Beta(a, a): 1 / (4 (2 a + 1))


def test_cutmix_pastes_a_box_of_its_share() -> None:
    batch = torch.arange(100, dtype=torch.uint8)[:, None, None, None].expand(-1, 10, 14, 3).contiguous()
    mixed, partners, share = cutmix(batch, 1.0, drawn())
    pasted = mixed[..., 0] != batch[..., 0]
    assert torch.equal(mixed[pasted], batch[partners][pasted])
    different = partners != torch.arange(100)
    torch.testing.assert_close((~pasted).float().mean(dim=(1, 2))[different], share[different])
    boxes = pasted.any(dim=2).sum(dim=1) * pasted.any(dim=1).sum(dim=1)
    assert torch.equal(pasted.sum(dim=(1, 2)), boxes)
    assert share.min() < 0.3
    assert share.max() > 0.9


@pytest.mark.parametrize("options", [{name: value} for name, value in EVERYTHING.items()] + [EVERYTHING])
def test_no_transform_changes_what_it_is_given_and_each_gives_uint8(options: dict[str, object]) -> None:
    some = batches(augmentation=Augmentation(mirror=True, shift=0.25, **options))
    before = some.pixels.copy()
    batch = some.batch(0, 0, some.order(0))
    plain = batches(augmentation=Augmentation(mirror=True, shift=0.25)).batch(0, 0, some.order(0))
    assert np.array_equal(some.pixels, before)
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous()
    assert batch.images.shape == plain.images.shape
    assert not torch.equal(batch.images, plain.images)  # the field is not forgotten
    assert torch.equal(batch.labels, plain.labels)


def batches(seed: int = 0, **options: object) -> TrainingBatches:
    settings = {
        "pixels": images(40).numpy(),
        "labels": np.arange(40),
        "members": np.arange(4, 39),
        "augmentation": Augmentation(mirror=True, shift=0.25),
        "batch_size": 8,
    }
    return TrainingBatches(seed=seed, **settings | options)


def assert_same_batch(a: Batch, b: Batch) -> None:
    for field in fields(Batch):
        ours, theirs = getattr(a, field.name), getattr(b, field.name)
        assert ours is theirs is None or torch.equal(ours, theirs), field.name


@pytest.mark.parametrize("options", [{}, EVERYTHING])
def test_a_batch_is_a_function_of_seed_epoch_and_step(options: dict[str, object]) -> None:
    settings = {"augmentation": Augmentation(mirror=True, shift=0.25, **options)}
    once, again, other = batches(**settings), batches(**settings), batches(seed=1, **settings)
    order = once.order(3)
    once.batch(0, 1, once.order(0))  # what came before makes no difference
    assert_same_batch(once.batch(3, 2, order), again.batch(3, 2, again.order(3)))
    assert not np.array_equal(order, other.order(3))
    assert not np.array_equal(order, once.order(4))
    same_images = np.concatenate([order[16:24]] * 4)
    for elsewhere in (once.batch(3, 1, same_images), once.batch(4, 2, same_images), other.batch(3, 2, same_images)):
        assert not torch.equal(once.batch(3, 2, order).images, elsewhere.images)


@pytest.mark.parametrize("mirror", [True, False])
def test_mirroring_and_shifting_draw_and_move_as_they_always_did(mirror: bool) -> None:
    """Image by image, from the same draws in the same order: a run of an earlier version can be repeated."""
    pixels = images(40, 16)
    some = batches(pixels=pixels.numpy(), augmentation=Augmentation(mirror=mirror, shift=1 / 8))
    batch = some.batch(2, 1, some.order(2))
    generator = torch.Generator().manual_seed(stream(0, 1, 2, 1))
    flips = torch.rand(8, generator=generator) < 0.5 if mirror else torch.zeros(8, dtype=torch.bool)
    rows, columns = torch.randint(-2, 3, (2, 8, 1), generator=generator)[..., 0].tolist()
    for label, image, flipped, row, column in zip(batch.labels, batch.images, flips, rows, columns, strict=True):
        before = pixels[label].flip(1) if flipped else pixels[label]
        padded = F.pad(before.permute(2, 0, 1).float(), (2, 2, 2, 2), mode="reflect").permute(1, 2, 0)
        assert torch.equal(image, padded[2 + row : 18 + row, 2 + column : 18 + column].to(torch.uint8))


def test_an_epoch_uses_each_training_image_at_most_once_and_no_other() -> None:
    some = batches()
    order = some.order(0)
    used = np.concatenate([some.batch(0, step, order).labels.numpy() for step in range(some.per_epoch)])
    assert some.per_epoch == 4
    assert len(set(used)) == len(used) == 32
    assert set(used) <= set(range(4, 39))


def test_images_keep_their_labels() -> None:
    plain = batches(augmentation=NONE)
    batch = plain.batch(0, 0, plain.order(0))
    np.testing.assert_array_equal(batch.images.numpy(), images(40).numpy()[batch.labels.numpy()])
    # Each image is of one value, its label: mixed, it is between its own and its partner's.
    flat = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, 6, 6, 3))
    mixing = batches(pixels=flat, augmentation=replace(NONE, mixup=1.0))
    batch = mixing.batch(0, 0, mixing.order(0))
    wanted = batch.share * batch.labels + (1 - batch.share) * batch.partners
    assert (batch.images[:, 0, 0, 0] - wanted).abs().max() < 0.51
    assert (batch.labels != batch.partners).any()


def test_both_ways_of_mixing_take_turns() -> None:
    some = batches(batch_size=5, augmentation=replace(NONE, mixup=1.0, cutmix=1.0))
    pixels, pasted = images(40), []
    for epoch, step in itertools.product(range(4), range(some.per_epoch)):
        batch = some.batch(epoch, step, some.order(epoch))
        own, other = pixels[batch.labels], pixels[batch.partners]
        pasted.append(bool(((batch.images == own) | (batch.images == other)).all()))
    assert 7 < sum(pasted) < 21  # of 28


def test_images_packed_larger_come_out_at_the_size_asked_for() -> None:
    some = batches(pixels=images(40, 12).numpy(), size=8, augmentation=replace(NONE, resized_crop=(0.5, 1.0)))
    assert some.batch(0, 0, some.order(0)).images.shape == (8, 8, 8, 3)
    with pytest.raises(ValueError, match="12 pixels a side, not 8"):
        batches(pixels=images(40, 12).numpy(), size=8)


class Stream:
    """A source that is told what comes next."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels, self.shape, self.told = pixels, pixels.shape, []

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        self.told.append(("read", indices.tolist()))
        return self.pixels[indices]

    def prefetch(self, indices: NDArray[np.int64]) -> None:
        self.told.append(("prefetch", indices.tolist()))


def test_a_streaming_source_is_told_of_the_next_batch() -> None:
    source = Stream(images(40).numpy())
    some, plain = batches(pixels=source), batches()
    order = some.order(0)
    for step in range(some.per_epoch):
        assert_same_batch(some.batch(0, step, order), plain.batch(0, step, order))
    assert [what for what, _ in source.told] == ["read", "prefetch"] * 3 + ["read"]
    assert all(ahead[1] == read[1] for ahead, read in zip(source.told[1::2], source.told[2::2], strict=True))


UNEQUAL = np.repeat([0, 1, 2], [70, 25, 5])


def test_balanced_sampling_shows_every_class_equally_often() -> None:
    some = batches(pixels=images(100).numpy(), labels=UNEQUAL, members=np.arange(100))
    orders = [some.order(epoch, balanced=True) for epoch in range(6)]
    for order in orders:
        assert len(order) == 100
        assert sorted(np.bincount(UNEQUAL[order])) == [33, 33, 34]
        times = np.bincount(order, minlength=100)
        for label in range(3):
            assert np.ptp(times[label == UNEQUAL]) <= 1
    assert len({int(np.bincount(UNEQUAL[order]).argmax()) for order in orders}) > 1
    assert np.array_equal(some.order(2, balanced=True), orders[2])
    assert not np.array_equal(orders[1], orders[2])
    seen = np.unique(np.concatenate(orders))
    assert (seen < 70).sum() > 60  # of the large class others in each epoch


def test_class_weights_are_inverse_frequencies_with_mean_one() -> None:
    labels = np.concatenate([UNEQUAL, [4] * 9])  # class 3 has no images at all, class 4 none to train on
    weights = batches(pixels=images(109).numpy(), labels=labels, members=np.arange(100)).class_weights()
    torch.testing.assert_close(weights, torch.tensor([100 / 210, 100 / 75, 100 / 15, 0, 0]))
    assert float(weights[torch.from_numpy(UNEQUAL)].mean()) == pytest.approx(1)


def test_the_loss_of_mixed_and_weighted_images() -> None:
    logits = torch.randn(5, 3, generator=drawn())
    labels, partners = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([1, 1, 0, 2, 2])
    share, weights = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]), torch.tensor([0.5, 1.0, 3.0])
    log_p = logits.log_softmax(1)
    spread = -log_p.mean(dim=1)

    def against(target: torch.Tensor) -> torch.Tensor:
        return 0.9 * -log_p[torch.arange(5), target] + 0.1 * spread

    plain = Batch(images(5), labels)
    mixed = replace(plain, partners=partners, share=share)
    wanted = share * against(labels) + (1 - share) * against(partners)
    torch.testing.assert_close(batch_loss(logits, plain, label_smoothing=0.1), against(labels).mean())
    torch.testing.assert_close(batch_loss(logits, mixed, label_smoothing=0.1), wanted.mean())
    weighted = share * weights[labels] * against(labels) + (1 - share) * weights[partners] * against(partners)
    torch.testing.assert_close(batch_loss(logits, mixed, label_smoothing=0.1, weights=weights), weighted.mean())
    ones = torch.ones(3)
    torch.testing.assert_close(batch_loss(logits, plain, weights=ones), F.cross_entropy(logits, labels))


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.answer = nn.Linear(6 * 6 * 3, 3)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.answer(images.flatten(1))


def trained(balance: str, *, interrupted: bool = False, **options: object) -> Linear:
    """A linear network after three epochs on noise, in which only how frequent classes are can be learnt."""
    augmentation = Augmentation(mirror=True, shift=0.25, **options)
    some = batches(
        pixels=images(100).numpy(),
        labels=UNEQUAL,
        members=np.arange(100),
        augmentation=augmentation,
        batch_size=20,
    )
    recipe = replace(RECIPES["reference"], epochs=3, lr=0.02, batch_size=20, augmentation=augmentation, balance=balance)
    preprocessing = Preprocessing(size=6, channels=3, mean=(0.5,) * 3, std=(0.3,) * 3)
    execution = Execution(device="cpu", precision="fp32", threads=1)
    start = TrainState(StepSchedule.even(recipe.epochs * some.per_epoch))
    with reproducible(execution):
        training = Training(Linear(), some, recipe, preprocessing, execution, start=start)
        while not training.finished:
            if training.epoch_is_over:
                training.close_epoch(None)
            else:
                training.step()
            if interrupted and training.state.steps == some.per_epoch + 1:
                kept = {name: tensor.clone() for name, tensor in training.tensors().items()}
                training = Training(
                    Linear(), some, recipe, preprocessing, execution, start=training.state, tensors=kept
                )
    return training.network


@pytest.mark.parametrize("balance", ["none", "sampling", "loss"])
def test_balance_takes_the_frequency_of_classes_out_of_what_is_learnt(balance: str) -> None:
    bias = trained(balance).answer.bias
    gap = float((bias[0] - bias[2]).detach())
    assert gap > 0.2 if balance == "none" else abs(gap) < 0.1


@pytest.mark.parametrize("balance", ["sampling", "loss"])
def test_a_resumed_run_ends_with_the_same_bits(balance: str) -> None:
    whole, resumed = (trained(balance, interrupted=there, **EVERYTHING) for there in (False, True))
    assert torch.equal(whole.answer.weight, resumed.answer.weight)
    assert torch.equal(whole.answer.bias, resumed.answer.bias)


def test_a_recipe_takes_a_balance_by_name() -> None:
    settings = {"mirrors": True, "images": 100}
    assert choose_recipe(RecipeOptions(recipe="standard"), **settings).balance == "none"
    assert choose_recipe(RecipeOptions(recipe="standard", balance="loss"), **settings).balance == "loss"
    with pytest.raises(SkipwiseError, match="no balance called 'sampled'; did you mean 'sampling'"):
        choose_recipe(RecipeOptions(recipe="standard", balance="sampled"), **settings)


def test_augmentation_survives_json_and_older_records_are_read() -> None:
    everything = Augmentation(mirror=True, shift=0.125, **EVERYTHING)
    assert msgspec.json.decode(msgspec.json.encode(everything), type=Augmentation) == everything
    assert msgspec.json.decode(b'{"mirror":false,"shift":0.125}', type=Augmentation) == Augmentation(
        mirror=False, shift=0.125
    )


def test_input_is_normalised_and_channels_last() -> None:
    batch = images(2)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    given_ = to_input(batch, mean, std)
    wanted = (batch.double() / 255 - torch.tensor(mean)) / torch.tensor(std)
    torch.testing.assert_close(given_.double(), wanted.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)
    assert given_.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(to_input(batch[:, ::2], mean, std), given_[:, :, ::2], atol=0, rtol=0)


def test_input_can_use_memory_again() -> None:
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    first, second = images(4), images(4).flip(1)
    once = to_input(first, mean, std)
    again = to_input(second, mean, std, out=once)
    assert again.data_ptr() == once.data_ptr()
    assert torch.equal(again, to_input(second, mean, std))
    assert torch.equal(to_input(first[:3], mean, std, out=again), to_input(first, mean, std)[:3])
    assert torch.equal(again, to_input(second, mean, std))  # of another shape, so left alone

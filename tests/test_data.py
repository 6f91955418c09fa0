"""From bytes to batches: decoding rules, sources, splits, augmentation."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skipwise.data import augment
from skipwise.data.batches import Augmentation, TrainingBatches, to_input
from skipwise.data.decode import UnreadableImage, decode, read_header
from skipwise.data.pack import auto_size, load_pixels, read_pixels, save_pixels, survey
from skipwise.data.preprocess import Preprocessing, channel_statistics, fit_square
from skipwise.data.sources import open_source
from skipwise.data.splits import make_splits
from skipwise.errors import SkipwiseError
from tests.conftest import make_photos


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


RED = Image.new("RGB", (6, 4), (255, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG"])
def test_formats_decode_to_the_same_red(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    pixels = decode(encoded(RED, kind, **options), channels=3)
    assert pixels.shape == (4, 6, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 2


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("L", (2, 2), 100), [100] * 3),
        (Image.new("1", (2, 2), 1), [255] * 3),
        (Image.new("LA", (2, 2), (0, 0)), [255] * 3),  # transparent: the white behind it
        (Image.new("RGBA", (2, 2), (255, 0, 0, 0)), [255] * 3),
        (Image.new("RGBA", (2, 2), (0, 0, 0, 255)), [0] * 3),
        (Image.new("I;16", (2, 2), 65535), [255] * 3),
        (Image.new("I;16", (2, 2), 257 * 7), [7] * 3),
        (Image.new("I;16B", (2, 2), 200), [1] * 3),
        (RED.convert("P"), [255, 0, 0]),
    ],
    ids=["grey", "bilevel", "clear grey", "clear", "opaque", "white 16-bit", "16-bit", "big-endian 16-bit", "palette"],
)
def test_modes_become_rgb(image: Image.Image, colour: list[int]) -> None:
    assert np.abs(decode(encoded(image), channels=3)[0, 0].astype(int) - colour).max() <= 1


def test_cmyk_jpeg_becomes_rgb() -> None:
    pixels = decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100), channels=3)
    assert np.abs(pixels[4, 4].astype(int) - [255, 0, 0]).max() <= 5


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    data = encoded(Image.new("RGB", (6, 4)), "JPEG", exif=exif)
    assert decode(data, channels=3).shape == (6, 4, 3)
    header = read_header(data)
    assert (header.width, header.height) == (4, 6)


@pytest.mark.parametrize("data", [b"", b"text in a png", encoded(RED)[:40], encoded(RED, "JPEG")[:200]])
def test_what_is_no_image_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableImage, match=r"[a-z]"):
        decode(data, channels=3)


def test_too_many_pixels_are_refused_unread() -> None:
    bomb = encoded(Image.new("1", (9000, 8000)))
    assert len(bomb) < 100_000
    with pytest.raises(UnreadableImage, match="9000 x 8000 pixels"):
        decode(bomb, channels=3)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]), st.data())
def test_damaged_bytes_never_do_worse_than_being_unreadable(kind: str, data: st.DataObject) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    whole = bytearray(encoded(Image.fromarray(noise), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(UnreadableImage):
        assert decode(damaged, channels=3).shape[2] == 3


def test_fitting_a_square_keeps_the_middle_and_leaves_what_fits_alone() -> None:
    exact = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert fit_square(exact, 8) is exact
    wide = np.zeros((10, 30, 1), dtype=np.uint8)
    wide[:, 10:20] = 200
    assert (fit_square(wide, 10) == 200).all()
    assert fit_square(wide, 5).shape == (5, 5, 1)


def test_channel_statistics_are_numpys() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    mean, std = channel_statistics(pixels)
    np.testing.assert_allclose(mean, (pixels / 255).mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(std, (pixels / 255).std(axis=(0, 1, 2)), atol=1e-4)
    assert channel_statistics(np.full((2, 3, 3, 1), 9, np.uint8))[1] == (1.0,)


def test_digits_are_the_1797_that_scikit_learn_ships() -> None:
    source = open_source("digits")
    assert len(source.ids) == 1797
    assert len(source.classes) == 10
    assert source.pixels(0, channels=1).shape == (8, 8, 1)
    assert source.pixels(0, channels=3).shape == (8, 8, 3)
    assert source.pixels(0, channels=1).max() > 200
    assert not source.mirrors


def test_a_folder_is_read_with_its_classes_and_sub_folders(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    (root / "stripes0" / "deeper").mkdir()
    shutil.move(root / "stripes0" / "000.png", root / "stripes0" / "deeper" / "moved.PNG")
    (root / "stripes1" / "notes.txt").write_text("not an image")
    (root / ".hidden").mkdir()
    source = open_source(root)
    assert source.classes == ("stripes0", "stripes1", "stripes2")
    assert source.ids[0] == "stripes0/001.jpg"
    assert "stripes0/deeper/moved.PNG" in source.ids
    assert len(source.ids) == 6
    assert source.splits is None
    assert source.ignored == ("stripes1/notes.txt",)


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    elsewhere = make_photos(tmp_path / "elsewhere", classes=1, per_class=4) / "stripes0"
    (root / "stripes0" / "linked").symlink_to(elsewhere)
    (root / "stripes1" / "loop").symlink_to(root / "stripes1")
    source = open_source(root)
    assert len(source.ids) == 6 + 4
    assert "stripes0/linked/000.png" in source.ids


def test_split_folders_are_kept_as_they_came(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        make_photos(tmp_path / split, per_class=3)
    source = open_source(tmp_path)
    assert source.classes == ("stripes0", "stripes1", "stripes2")
    assert set(source.splits) == {"train", "val", "test"}
    for name, split in zip(source.ids, source.splits, strict=True):
        assert name.startswith("valid/" if split == "val" else f"{split}/")


def _no_folder(root: Path) -> str:
    return str(root / "nowhere")


def _a_file(root: Path) -> str:
    (root / "file.zip").write_text("")
    return str(root / "file.zip")


def _extra_beside_splits(root: Path) -> str:
    for name in ("train", "test", "unlabelled"):
        make_photos(root / "p" / name)
    return str(root / "p")


def _two_vals(root: Path) -> str:
    for name in ("train", "test", "val", "valid"):
        make_photos(root / "p" / name)
    return str(root / "p")


def _not_utf8(root: Path) -> str:
    folder = make_photos(root / "p")
    (folder / "stripes0").rename(os.fsdecode(os.fsencode(folder) + b"/caf\xe9"))
    return str(folder)


def _line_break(root: Path) -> str:
    folder = make_photos(root / "p")
    (folder / "stripes0" / "000.png").rename(folder / "stripes0" / "a\rb.png")
    return str(folder)


def _one_class(root: Path) -> str:
    return str(make_photos(root / "one", classes=1))


def _empty_class(root: Path) -> str:
    (make_photos(root / "p") / "nothing").mkdir()
    return str(root / "p")


def _no_test(root: Path) -> str:
    make_photos(root / "p" / "train")
    make_photos(root / "p" / "val")
    return str(root / "p")


def _class_missing_in_test(root: Path) -> str:
    make_photos(root / "p" / "train", classes=3)
    make_photos(root / "p" / "test", classes=2)
    return str(root / "p")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda _: "digit", "did you mean 'digits'"),
        (_no_folder, "There is no folder"),
        (_a_file, "is a file"),
        (lambda root: str(root), "holds no images"),
        (_one_class, "only one class with images, 'stripes0'"),
        (_empty_class, "nothing holds no images"),
        (_no_test, "no 'test'"),
        (_extra_beside_splits, "has 'unlabelled' beside"),
        (_two_vals, "two folders for one split"),
        (_not_utf8, "can't be written into a table"),
        (_line_break, "can't be written into a table"),
        (_class_missing_in_test, "'stripes2' has no images in"),
    ],
)
def test_what_is_no_data_set_is_refused_with_a_sentence(tmp_path: Path, make, sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        open_source(make(tmp_path))


def test_unreadable_images_are_all_named_with_the_reason(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=3)
    (root / "stripes0" / "000.png").write_bytes(b"")
    whole = (root / "stripes2" / "001.jpg").read_bytes()
    (root / "stripes2" / "001.jpg").write_bytes(whole[:-100])
    source = open_source(root)
    # A truncated image may have a sound header; only reading the pixels tells. All the same it is in the one list.
    with pytest.raises(SkipwiseError, match="can't be read") as caught:
        survey(source)
    assert "2 images of p" in str(caught.value)
    assert "stripes0/000.png (the file is empty)" in str(caught.value)
    assert "stripes2/001.jpg (image file is truncated" in str(caught.value)
    (root / "stripes0" / "000.png").unlink()
    source = open_source(root)
    survey(source)
    with pytest.raises(SkipwiseError, match=r"1 image of p can't be read: stripes2/001\.jpg \(.*truncated"):
        read_pixels(source, Preprocessing(size=16, channels=3, mean=(), std=()))


def test_a_pipe_is_no_image_and_a_broken_link_neither(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=3)
    os.mkfifo(root / "stripes0" / "pipe.png")
    (root / "stripes1" / "link.png").symlink_to(tmp_path / "gone.png")
    (root / "stripes2" / "good.png").symlink_to(root / "stripes2" / "000.png")
    with pytest.raises(SkipwiseError, match="2 images of p can't be read") as caught:
        survey(open_source(root))
    assert "stripes0/pipe.png (it is not a file)" in str(caught.value)
    assert "stripes1/link.png (no such file or directory)" in str(caught.value)


def test_fingerprint_follows_names_labels_and_contents(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=3)
    first = survey(open_source(root))
    assert first == survey(open_source(shutil.copytree(root, tmp_path / "copy")))
    assert first.channels == 3
    Image.new("RGB", (20, 20)).save(root / "stripes1" / "000.png")
    changed = survey(open_source(root)).fingerprint
    (root / "stripes1" / "000.png").rename(root / "stripes1" / "999.png")
    renamed = survey(open_source(root)).fingerprint
    assert len({first.fingerprint, changed, renamed}) == 3


def test_grey_images_stay_one_channel(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    for path in root.rglob("*.*"):
        image = Image.open(path).convert("L")
        image.save(path)
    assert survey(open_source(root)).channels == 1


@pytest.mark.parametrize(("side", "size"), [(3, 8), (8, 8), (28, 24), (32, 32), (100, 96), (500, 128)])
def test_auto_size(side: int, size: int) -> None:
    assert auto_size(side) == size


def test_pixels_survive_the_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    save_pixels(tmp_path / "images.npy", pixels)
    np.testing.assert_array_equal(load_pixels(tmp_path / "images.npy"), pixels)


@given(st.lists(st.integers(3, 60), min_size=2, max_size=6), st.integers(0, 99), st.floats(0.01, 0.3))
def test_splits_are_stratified_and_seeded(sizes: list[int], seed: int, share: float) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    classes = [f"class{i}" for i in range(len(sizes))]

    def split(seed: int) -> np.ndarray:
        return make_splits(labels, classes, val_share=share, test_share=0.15, seed=seed)

    splits = split(seed)
    np.testing.assert_array_equal(splits, split(seed))
    for number, size in enumerate(sizes):
        mine = splits[labels == number]
        for name, wanted in (("val", share), ("test", 0.15)):
            assert (mine == name).sum() == max(1, round(size * wanted))
        assert (mine == "train").any()
    if len(labels) > 60:
        assert (splits != split(seed + 1)).any()


def test_a_class_smaller_than_the_splits_is_named() -> None:
    with pytest.raises(SkipwiseError, match="'rare' has 2 images, fewer than the 3 splits"):
        make_splits(np.array([0] * 9 + [1] * 2), ["usual", "rare"], val_share=0.1, test_share=0.15, seed=0)
    with pytest.raises(SkipwiseError, match="leaves none to train on"):
        make_splits(np.array([0] * 9 + [1] * 9), ["a", "b"], val_share=0.84, test_share=0.15, seed=0)


def images(count: int = 64, size: int = 6) -> torch.Tensor:
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_mirroring_flips_about_half_and_changes_nothing_else() -> None:
    batch = images(200)
    mirrored = augment.mirror(batch, torch.Generator().manual_seed(1))
    same = (mirrored == batch).flatten(1).all(dim=1)
    flipped = (mirrored == batch.flip(2)).flatten(1).all(dim=1)
    assert (same ^ flipped).all()
    assert 70 < int(flipped.sum()) < 130


def test_shifting_is_a_crop_of_the_reflected_image() -> None:
    batch = images()
    shifted = augment.shift(batch, 2, torch.Generator().manual_seed(1))
    padded = torch.nn.functional.pad(batch.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="reflect").to(torch.uint8)
    seen = set()
    for image, around in zip(shifted, padded.permute(0, 2, 3, 1), strict=True):
        crops = {(r, c): around[r : r + 6, c : c + 6] for r in range(5) for c in range(5)}
        places = [place for place, crop in crops.items() if torch.equal(crop, image)]
        assert places
        seen.update(places)
    assert len(seen) > 15  # of 25: all directions and distances occur


def batches(seed: int = 0, **options: object) -> TrainingBatches:
    settings = {"augmentation": Augmentation(mirror=True, shift=0.25), "batch_size": 8} | options
    pixels = images(40).numpy()
    return TrainingBatches(pixels=pixels, labels=np.arange(40), members=np.arange(4, 39), seed=seed, **settings)


def test_a_batch_is_a_function_of_seed_epoch_and_step() -> None:
    once, again, other = batches(), batches(), batches(seed=1)
    order = once.order(3)
    for ours, theirs in zip(once.batch(3, 2, order), again.batch(3, 2, again.order(3)), strict=True):
        assert torch.equal(ours, theirs)
    assert not np.array_equal(order, other.order(3))
    assert not np.array_equal(order, once.order(4))
    assert not torch.equal(once.batch(3, 2, order)[0], once.batch(3, 3, order)[0])


def test_an_epoch_uses_each_training_image_at_most_once_and_no_other() -> None:
    some = batches()
    order = some.order(0)
    used = np.concatenate([some.batch(0, step, order)[1].numpy() for step in range(some.per_epoch)])
    assert some.per_epoch == 4
    assert len(set(used)) == len(used) == 32
    assert set(used) <= set(range(4, 39))


def test_images_keep_their_labels_without_augmentation() -> None:
    plain = batches(augmentation=Augmentation(mirror=False, shift=0))
    pixels, labels = plain.batch(0, 0, plain.order(0))
    np.testing.assert_array_equal(pixels.numpy(), images(40).numpy()[labels.numpy()])


def test_input_is_normalised_and_channels_last() -> None:
    batch = images(2)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    given_ = to_input(batch, mean, std)
    wanted = (batch.double() / 255 - torch.tensor(mean)) / torch.tensor(std)
    torch.testing.assert_close(given_.double(), wanted.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)
    assert given_.is_contiguous(memory_format=torch.channels_last)

"""From bytes to pixels by one set of rules, and splits."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skipwise.core.errors import SkipwiseError
from skipwise.data.image.decode import UnreadableImage, decode, decode_image
from skipwise.data.image.preprocess import channel_statistics, fit_square
from skipwise.data.splits import make_splits, read_split, save_split


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


@pytest.mark.parametrize("most", [255, 256, 65535])
def test_sixteen_bits_are_scaled_by_the_format_and_not_by_the_content(most: int) -> None:
    values = np.array([[0, 200], [255, most]], ">u2")
    data = b"P5 2 2 65535\n" + values.tobytes()
    np.testing.assert_array_equal(decode(data, channels=1)[:, :, 0], np.round(values / 257))


def test_only_pictures_are_opened() -> None:
    for data in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", b"%PDF-1.4\n"):
        with pytest.raises(UnreadableImage, match="which is not supported; convert it to PNG or JPEG"):
            decode(data)


def test_cmyk_jpeg_becomes_rgb() -> None:
    pixels = decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100), channels=3)
    assert np.abs(pixels[4, 4].astype(int) - [255, 0, 0]).max() <= 5


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    data = encoded(Image.new("RGB", (6, 4)), "JPEG", exif=exif)
    assert decode(data, channels=3).shape == (6, 4, 3)
    header = decode_image(data)[0]
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
    mean, std = channel_statistics(pixels, np.arange(5))
    np.testing.assert_allclose(mean, (pixels / 255).mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(std, (pixels / 255).std(axis=(0, 1, 2)), atol=1e-4)
    assert channel_statistics(pixels, np.array([2])) == channel_statistics(pixels[2:3], np.array([0]))
    assert channel_statistics(np.full((2, 3, 3, 1), 9, np.uint8), np.arange(2))[1] == (1.0,)


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


@given(st.data())
def test_groups_stay_together_and_classes_in_proportion(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=30, max_size=60))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.repeat(np.arange(len(sizes)) % 2, sizes)
    splits = make_splits(labels, ["a", "b"], val_share=0.15, test_share=0.15, seed=0, groups=groups)
    for group in range(len(sizes)):
        assert len(set(splits[groups == group])) == 1
    for label in (0, 1):
        share = (splits[labels == label] == "test").mean()
        assert 0.05 < share < 0.3


def test_groups_that_cannot_be_split_are_named() -> None:
    labels = np.array([0] * 20 + [1] * 20)
    groups = np.concatenate([np.zeros(20, int), np.arange(1, 21)])
    with pytest.raises(SkipwiseError, match="'a' are in so few groups"):
        make_splits(labels, ["a", "b"], val_share=0.15, test_share=0.15, seed=0, groups=groups)


def test_a_split_is_given_back(tmp_path: Path) -> None:
    save_split(tmp_path / "split.csv", ["a,b.png", "c.png", "d.png"], ["x"] * 3, ["train", "test", ""], [""] * 3)
    assert read_split(tmp_path / "split.csv", ["c.png", "d.png", "a,b.png"]).tolist() == ["test", "", "train"]
    with pytest.raises(SkipwiseError, match=r"lists 'a,b\.png', which these images do not have"):
        read_split(tmp_path / "split.csv", ["c.png", "d.png"])

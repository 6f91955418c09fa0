"""Means and deviations of other programs: what is not for pixels of 0 to 1 is refused, with what would be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipwise import SkipwiseError
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.trained.normalisation import IMAGENET_MEAN, IMAGENET_STD, check_scale, reversed_channels

THREE = {name: st.tuples(*[st.floats(low, high)] * 3) for name, low, high in (("mean", 0.02, 0.98), ("std", 0.02, 0.9))}


def proposed(mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The numbers that the sentence names, which can be pasted and are taken."""
    with pytest.raises(SkipwiseError) as caught:
        ExternalWeights(model="resnet18", classes=("a", "b"), mean=mean, std=std).preprocessing()
    found = re.search(r"give --mean (\S+) --std (\S+)$", str(caught.value))
    assert found is not None, caught.value
    options = [tuple(map(float, text.split(","))) for text in found.groups()]
    check_scale(*options)
    return options[0], options[1]


@pytest.mark.parametrize(
    ("mean", "std", "right_mean", "right_std"),
    [
        ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), IMAGENET_MEAN, IMAGENET_STD),  # OpenMMLab
        ((127.5,) * 3, (127.5,) * 3, (0.5,) * 3, (0.5,) * 3),  # Keras, TensorFlow
        ((123.675, 116.28, 103.53), (1.0, 1.0, 1.0), IMAGENET_MEAN, (1 / 255,) * 3),  # Caffe
        ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0), (0.0,) * 3, (1.0,) * 3),  # YOLOX
        ((123.675, 116.28, 103.53), IMAGENET_STD, IMAGENET_MEAN, IMAGENET_STD),  # a mixture
        (IMAGENET_MEAN, (58.395, 57.12, 57.375), IMAGENET_MEAN, IMAGENET_STD),  # the other one
        ((33.3,), (78.6,), (33.3 / 255,), (78.6 / 255,)),  # grey
        ((32767.5,), (32767.5,), (0.5,), (0.5,)),  # 16 bits
        ((-0.03, -0.088, -0.188), (0.458, 0.448, 0.45), IMAGENET_MEAN, IMAGENET_STD),  # pixels of -1 to 1
    ],
)
def test_other_scales_are_refused_with_the_numbers_to_give(
    mean: tuple[float, ...], std: tuple[float, ...], right_mean: tuple[float, ...], right_std: tuple[float, ...]
) -> None:
    found_mean, found_std = proposed(mean, std)
    assert found_mean == pytest.approx(right_mean, abs=1e-5)
    assert found_std == pytest.approx(right_std, abs=1e-5)


@given(THREE["mean"], THREE["std"])
def test_any_set_of_numbers_times_255_is_led_back(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    check_scale(mean, std)
    found_mean, found_std = proposed(tuple(255 * value for value in mean), tuple(255 * value for value in std))
    assert found_mean == pytest.approx(mean, rel=1e-4)
    assert found_std == pytest.approx(std, rel=1e-4)


@pytest.mark.parametrize(
    ("mean", "std", "sentence"),
    [
        ((0.5,) * 3, (0.0, 0.5, 0.5), "--std must be above 0 for every channel, not 0,0.5,0.5"),
        ((0.5,) * 3, (-0.5, 0.5, 0.5), "--std must be above 0"),
        ((0.5,) * 3, (float("nan"), 0.5, 0.5), "must be finite"),
        ((float("inf"), 0.5, 0.5), (0.5,) * 3, "must be finite"),
        ((0.5, 0.5), (0.5, 0.5), "three numbers each, or one"),
        ((0.5,) * 3, (0.5,), "three numbers each, or one"),
        ((-123.68,) * 3, (1.0,) * 3, "--mean must lie between 0 and 1 for every channel"),
        ((1e6,) * 3, (1.0,) * 3, "are for pixels of 0 to 1"),
    ],
)
def test_numbers_that_are_on_no_scale_are_refused(
    mean: tuple[float, ...], std: tuple[float, ...], sentence: str
) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        check_scale(mean, std)


@pytest.mark.parametrize(
    ("mean", "std"),
    [(IMAGENET_MEAN, IMAGENET_STD), ((0.0,) * 3, (1.0,) * 3), ((0.5,) * 3, (0.5,) * 3), ((0.13,), (0.31,)),
     (IMAGENET_MEAN, (1 / 255,) * 3), ((0.0,) * 3, (1 / 255,) * 3)],
)  # fmt: skip
def test_what_people_give_on_the_right_scale_is_taken(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    check_scale(mean, std)
    assert not reversed_channels(mean, std)


def test_blue_before_red_is_pointed_out() -> None:
    assert "in the order blue, green, red" in reversed_channels(IMAGENET_MEAN[::-1], IMAGENET_STD)
    assert "in the order blue, green, red" in reversed_channels((0.5,) * 3, IMAGENET_STD[::-1])

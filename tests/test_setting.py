"""What a time limit may choose of a run: image sizes, stems, and how many epochs are enough."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skipwise.training.loop.recipe import RECIPES
from skipwise.training.planning.setting import (
    ENLARGED,
    ENOUGH_EPOCHS,
    ENOUGH_STEPS,
    PIXELS_OF_A_LAYER,
    SMALLER,
    Setting,
    enough_epochs,
    needed_epochs,
    settings,
)

asked_for = st.builds(Setting, size=st.integers(8, 400), stem=st.sampled_from(["small", "imagenet"]))


@given(asked=asked_for, size_given=st.booleans(), stem_given=st.booleans())
def test_the_ladder_begins_with_what_was_asked_for_and_every_rung_costs_less(
    asked: Setting, size_given: bool, stem_given: bool
) -> None:
    ladder = settings(asked, size_given=size_given, stem_given=stem_given)
    assert ladder[0] == asked
    assert all(after.pixels < before.pixels for before, after in itertools.pairwise(ladder))
    for rung in ladder[1:]:
        assert rung.size == asked.size if size_given else rung.size in (asked.size, *SMALLER)
        assert rung.stem == (asked.stem if stem_given else "imagenet")
        assert rung.size <= ENLARGED * asked.size
    if size_given and stem_given:
        assert ladder == (asked,)


def test_the_ladder_of_a_photograph_and_of_a_small_image() -> None:
    def shown(size: int, stem: str, **given: bool) -> list[tuple[int, str]]:
        found = settings(Setting(size=size, stem=stem), **({"size_given": False, "stem_given": False} | given))
        return [(setting.size, setting.stem) for setting in found]

    assert shown(128, "imagenet") == [(128, "imagenet"), (96, "imagenet"), (64, "imagenet"), (32, "imagenet")]
    small = [(64, "imagenet"), (32, "imagenet")]
    assert shown(32, "small") == [(32, "small"), *small]
    assert shown(64, "small") == [(64, "small"), (128, "imagenet"), (96, "imagenet"), *small]
    assert shown(64, "small", stem_given=True) == [(64, "small"), (32, "small")]
    assert shown(64, "small", size_given=True) == [(64, "small"), (64, "imagenet")]


def test_a_setting_says_what_it_is() -> None:
    setting = Setting(size=96, stem="imagenet")
    assert str(setting) == "96 pixels with the imagenet stem"
    assert setting.pixels == 24**2 + PIXELS_OF_A_LAYER


@given(epochs=st.integers(1, 300), batch=st.integers(2, 512), images=st.integers(2, 10**6))
def test_enough_epochs_are_many_epochs_and_many_steps_or_all(epochs: int, batch: int, images: int) -> None:
    recipe = replace(RECIPES["fast"], epochs=epochs, batch_size=batch)
    enough = enough_epochs(recipe, images)
    steps = max(1, images // batch)
    assert 1 <= enough <= epochs
    if enough < epochs:
        assert enough >= ENOUGH_EPOCHS
        assert enough * steps >= ENOUGH_STEPS
        assert enough == ENOUGH_EPOCHS or (enough - 1) * steps < ENOUGH_STEPS


def test_few_images_need_more_epochs_than_a_recipe_may_have() -> None:
    recipe = replace(RECIPES["standard"], batch_size=16)
    assert [needed_epochs(recipe, images) for images in (80, 160, 320, 50_000)] == [50, 25, 13, 6]
    assert [enough_epochs(recipe, images) for images in (80, 160, 320, 50_000)] == [40, 25, 13, 6]

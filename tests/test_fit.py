"""What of a comparison fits into a time limit: the order in which things are given up, for made-up costs."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skipwise.comparison.budget.fit import NEARLY, SPARE, fit_to_limit, limit_for
from skipwise.comparison.budget.forecast import makespan, run_seconds, seconds
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.question import FEWEST, LEAST
from skipwise.comparison.wording.study import given_up
from skipwise.core.errors import SkipwiseError
from skipwise.statistics import SCHEDULE
from skipwise.training.loop.recipe import RECIPES, shortened
from skipwise.training.planning.setting import Setting, enough_epochs
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.run.time_budget import parse_limit
from skipwise.training.tuning.tuning import Tuning
from tests.fabricated import fabricate

NAMES = ("resnet18", "se_resnet18", "plain18", "resnet34")
LADDER = (Setting(size=64, stem="small"), Setting(size=96, stem="imagenet"), Setting(size=32, stem="imagenet"))
SPENT = 7.0
"""Seconds of a limit that are gone when it is chosen what fits."""


def asking(
    *, networks: int = 3, looks: tuple[int, ...] = SCHEDULE, epochs: int = 15, images: int = 2000, processes: int = 1
) -> Plan:
    """A plan that nothing was given up of yet."""
    plan = fabricate(NAMES[:networks], tuned=False, exploratory=False, looks=looks).plan
    recipe = shortened(replace(RECIPES["fast"], batch_size=32), epochs, images)
    plan = replace(plan, split_images={"train": images, "val": 300, "test": 400}, recipe=recipe, processes=processes)
    return limited(plan.at(LADDER[0]), 1e6)


def limited(plan: Plan, limit: float) -> Plan:
    looks, size = plan.question.looks, (plan.preprocessing.size, plan.stem)
    return replace(plan, time_limit=limit, asked_for=(looks, plan.recipe.epochs), asked_setting=size, asked_seed=0)


def costs_of(steps: tuple[float, ...]) -> object:
    """Costs that are as the pixels are."""

    def costs(plan: Plan) -> dict[str, StepCost]:
        factor = plan.setting.pixels / LADDER[0].pixels
        return {
            name: StepCost(step, step / 100, step / 20).on_pixels(factor)
            for name, step in zip(NAMES, steps, strict=True)
        }

    return costs


def fit(plan: Plan, steps: tuple[float, ...], limit: float, *, fewer_epochs: bool = True) -> Plan:
    plans = [limited(plan, limit).at(setting) for setting in LADDER]
    return fit_to_limit(plans, costs_of(steps), lambda _: limit - SPENT, fewer_epochs=fewer_epochs)


def rank(found: Plan | None, asked: Plan) -> tuple[float, ...]:
    """How much a plan has kept, in the order of the module's docstring; the last things given up come first."""
    if found is None:
        return (-1,)
    enough = found.recipe.epochs >= enough_epochs(asked.recipe, asked.train_images)
    seeds = found.question.looks[-1]
    if not enough or seeds < min(FEWEST, asked.question.looks[0]):
        return (0, enough)  # sizes are weighed against epochs there; see NEARLY
    setting = -LADDER.index(found.setting)
    return (1, len(found.trained), setting, seeds, found.recipe.epochs)


plans = st.builds(
    asking,
    networks=st.integers(2, 4),
    looks=st.sampled_from([SCHEDULE, (2,), (3,), (5,), (12,), (2, 3), (4, 40)]),
    epochs=st.integers(1, 40),
    images=st.sampled_from([40, 500, 2000, 20_000]),
    processes=st.sampled_from([1, 2, 7]),
)
steps = st.tuples(*[st.floats(1e-3, 3.0)] * len(NAMES))
limits = st.floats(2.0, 6.0).map(lambda power: 10**power)


@settings(max_examples=60)
@given(plan=plans, steps=steps, limit=limits, fewer_epochs=st.booleans())
def test_what_is_chosen_fits_and_keeps_what_it_can(
    plan: Plan, steps: tuple[float, ...], limit: float, fewer_epochs: bool
) -> None:
    try:
        found = fit(plan, steps, limit, fewer_epochs=fewer_epochs)
    except SkipwiseError as error:
        _check_refusal(error, plan, steps, limit, fewer_epochs=fewer_epochs)
        return
    costs = costs_of(steps)(found)
    assert seconds(found, costs, found.question.looks[-1]) <= (limit - SPENT) * SPARE
    asked = plan.question.looks
    looks, epochs = found.question.looks, found.recipe.epochs
    assert looks[:-1] == asked[: len(looks) - 1]
    assert looks[-1] <= asked[-1]
    enough = enough_epochs(plan.recipe, plan.train_images)
    assert len(found.trained) >= LEAST
    if not fewer_epochs:
        assert epochs == plan.recipe.epochs
    elif epochs < enough:
        assert (len(found.trained), looks) == (2, (min(LEAST, asked[-1]),))
    if looks[-1] < min(FEWEST, asked[0]):
        assert len(found.trained) == 2
    if len(found.trained) < len(plan.trained):
        assert found.setting == LADDER[-1] or len(found.trained) == 2
        # The costliest are left out.
        each = dict(zip(NAMES, steps, strict=True))
        assert max(each[name] for name in found.trained) <= min(each[name] for name in found.not_trained)


def _check_refusal(
    error: SkipwiseError, plan: Plan, steps: tuple[float, ...], limit: float, *, fewer_epochs: bool
) -> None:
    said = str(error)
    assert said.startswith("--time-limit is too short: two runs of ")
    least = re.search(r"give --time-limit (\S+) or more\.$", said)
    assert least is not None
    assert parse_limit(least[1]) > limit
    assert len(fit(plan, steps, parse_limit(least[1]), fewer_epochs=fewer_epochs).trained) >= 2


@settings(max_examples=40)
@given(plan=plans, steps=steps, limit=limits, more=st.floats(1.0, 3.0))
def test_more_time_never_gives_less(plan: Plan, steps: tuple[float, ...], limit: float, more: float) -> None:
    def found(limit: float) -> Plan | None:
        try:
            return fit(plan, steps, limit)
        except SkipwiseError:
            return None

    assert rank(found(limit * more), plan) >= rank(found(limit), plan)


@settings(max_examples=30)
@given(plan=plans, steps=steps, limit=limits)
def test_the_setting_is_the_first_that_affords_enough(plan: Plan, steps: tuple[float, ...], limit: float) -> None:
    """For all networks, in as many runs as a verdict needs."""
    epochs = enough_epochs(plan.recipe, plan.train_images)
    seeds = min(FEWEST, plan.question.looks[0])

    def affords(setting: Setting) -> bool:
        at = limited(plan, limit).at(setting)
        lasting = [at.lasting((seeds,), count) for count in range(epochs, plan.recipe.epochs + 1)]
        return any(seconds(shorter, costs_of(steps)(at), seeds) <= (limit - SPENT) * SPARE for shorter in lasting)

    enough = [setting for setting in LADDER if affords(setting)]
    try:
        found = fit(plan, steps, limit)
    except SkipwiseError:
        assert not enough
        return
    if enough:
        assert (found.setting, found.not_trained) == (enough[0], {})
    else:
        assert len(found.trained) == 2 or found.setting == LADDER[-1]


EQUAL = (0.1,) * len(NAMES)


def needed(plan: Plan, seeds: int, epochs: int, steps: tuple[float, ...] = EQUAL) -> float:
    """The shortest limit for so many seeds and epochs."""
    short = plan.lasting((seeds,), epochs)
    return seconds(short, costs_of(steps)(plan), seeds) / SPARE + SPENT + 1e-6


def test_without_need_nothing_is_given_up() -> None:
    plan = asking()
    found = fit(plan, EQUAL, 1e6)
    assert (found.question.looks, found.recipe, found.setting) == (SCHEDULE, plan.recipe, LADDER[0])
    assert given_up(found) == []


def test_later_looks_go_first_seed_by_seed() -> None:
    plan = asking(looks=(5, 8, 12), epochs=15)
    tight = limited(plan, 1.0).lasting((5, 8), 15)
    limit = seconds(tight, costs_of(EQUAL)(tight), 8) / SPARE + SPENT + 1e-6
    assert fit(plan, EQUAL, limit).question.looks == (5, 8)
    assert fit(plan, EQUAL, limit - 0.01).question.looks == (5, 7)
    assert given_up(fit(plan, EQUAL, limit)) == ["8 seeds instead of up to 12"]
    # As many seeds as fit, not as few as are worth more than epochs.
    many = asking(looks=(12,))
    assert fit(many, EQUAL, needed(many, 9, 15)).question.looks == (9,)


def test_then_epochs_then_seeds_then_the_size_then_networks_then_the_third_seed() -> None:
    plan, cheapest = asking(images=2000), asking(images=2000).at(LADDER[-1])
    enough = enough_epochs(plan.recipe, plan.train_images)
    assert enough == 6

    def kept(found: Plan) -> tuple[int, int, int, int]:
        return len(found.trained), LADDER.index(found.setting), found.question.looks[-1], found.recipe.epochs

    assert kept(fit(plan, EQUAL, needed(plan, 5, 10))) == (3, 0, 5, 10)
    assert kept(fit(plan, EQUAL, needed(plan, 5, enough))) == (3, 0, 5, enough)
    assert kept(fit(plan, EQUAL, needed(plan, 5, enough) - 1))[:3] == (3, 0, 4)
    assert kept(fit(plan, EQUAL, needed(plan, 3, enough))) == (3, 0, 3, enough)
    assert kept(fit(plan, EQUAL, needed(plan, 3, enough) - 1))[:2] == (3, 1)
    assert kept(fit(plan, EQUAL, needed(cheapest, 3, enough))) == (3, 2, 3, enough)
    assert kept(fit(plan, EQUAL, needed(cheapest, 3, enough) - 1))[:3] == (2, 2, 4)
    two = replace(cheapest, not_trained={"plain18": "It takes too long."})
    assert kept(fit(plan, EQUAL, needed(two, 3, enough))) == (2, 2, 3, enough)
    assert kept(fit(plan, EQUAL, needed(two, 3, enough) - 1))[:3] == (2, 2, 2)
    assert fit(plan, EQUAL, needed(two, 2, enough)).recipe.epochs == enough
    # Only then epochs, of larger images if these are not many fewer.
    last = fit(plan, EQUAL, needed(two, 2, 5))
    assert NEARLY * 5 <= last.recipe.epochs <= 5
    assert given_up(last)[:2] == ["2 seeds instead of up to 12", f"{last.recipe.epochs} epochs instead of 15 epochs"]
    assert given_up(last)[-1] == "plain18 is not trained" or len(last.not_trained) == 1


def test_a_network_that_is_left_out_says_which_limit_would_do_and_that_does() -> None:
    plan, cheapest = asking(networks=4), asking(networks=4).at(LADDER[-1])
    steps = (0.1, 0.2, 0.3, 5.0)
    found = fit(plan, steps, needed(cheapest, 3, enough_epochs(plan.recipe, plan.train_images), steps) - 5)
    assert list(found.not_trained) == ["resnet34"]
    assert found.not_trained["resnet34"].startswith("The time limit is too short to train it; ")
    said = re.search(r"--time-limit (\S+) would do for all networks\.$", found.not_trained["resnet34"])
    assert said is not None
    assert fit(plan, steps, parse_limit(said[1])).not_trained == {}


def test_a_number_of_epochs_that_was_asked_for_stays() -> None:
    plan = asking()
    assert fit(plan, EQUAL, needed(plan, 3, 15), fewer_epochs=False).recipe.epochs == 15
    assert fit(plan, EQUAL, needed(plan, 3, 15) - 1, fewer_epochs=False).setting == LADDER[1]


def test_a_refusal_counts_what_is_spent_before() -> None:
    """As the time for reading many images is."""
    plan = limited(asking(), 100.0)

    def left(at: Plan) -> float:
        return (at.time_limit or 0.0) - 500.0

    with pytest.raises(SkipwiseError, match="of 1 epoch each at 64 pixels with the small stem, take about") as refused:
        fit_to_limit([plan], costs_of(EQUAL), left, fewer_epochs=True)
    limit = parse_limit(str(refused.value).split("--time-limit ")[-1].split()[0])
    assert fit_to_limit([replace(plan, time_limit=limit)], costs_of(EQUAL), left, fewer_epochs=True).trained
    assert limit_for(100.0, spent=500.0) == f"{math.ceil((500 + 100 / SPARE * 1.1) / 60)}m"


def test_what_is_given_up_is_said_in_phrases() -> None:
    plan = asking(looks=(5,))
    found = replace(plan.at(LADDER[2]).lasting((3,), 1), not_trained={"plain18": "It takes too long."})
    assert given_up(found) == [
        "3 seeds instead of 5",
        "1 epoch instead of 15 epochs",
        "images of 32 pixels with the imagenet stem instead of 64 pixels with the small stem",
        "plain18 is not trained",
    ]
    assert given_up(replace(found, asked_for=None, asked_setting=None, not_trained={})) == []


@given(
    runs=st.lists(st.floats(0.1, 10.0), min_size=1, max_size=30),
    processes=st.integers(1, 8),
)
def test_a_makespan_lies_between_its_bounds(runs: list[float], processes: int) -> None:
    """Graham 1969: at worst the work shared out evenly, and the longest run by itself."""
    least = max(sum(runs) / processes, max(runs))
    assert least - 1e-9 <= makespan(runs, processes) <= sum(runs) / processes + max(runs) * (1 - 1 / processes) + 1e-9


def test_the_forecast_waits_for_looks_and_under_a_limit_for_the_first_round() -> None:
    """Three networks on two processes: a round ends with a run alone."""
    plan = replace(asking(looks=(3,), processes=2), time_limit=None)
    costs = costs_of(EQUAL)(plan)
    run = run_seconds(plan, costs, "resnet18")
    bare = seconds(plan, costs, 3) - 5 * run
    assert seconds(replace(plan, time_limit=60.0), costs, 3) == pytest.approx(bare + (2 + 3) * run)
    assert seconds(plan, costs, 3) == pytest.approx(bare + 5 * run)
    looks = plan.lasting((1, 2, 3), 15)
    assert seconds(looks, costs, 3) == pytest.approx(bare + 6 * run)
    tuned = replace(plan, tuning=Tuning(rates=(0.1, 0.2, 0.4), epochs=15, seed=9))
    assert seconds(tuned, costs, 3) == pytest.approx(bare + (5 + 5) * run)

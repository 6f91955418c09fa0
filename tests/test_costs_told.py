"""What certainty costs, in hours and in money, and how likely it is to come of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skipwise.comparison.results.interim import Interim, InterimPair, NextLook
from skipwise.comparison.results.records import Settling
from skipwise.comparison.wording.answer import answer
from skipwise.comparison.wording.costs import after_look, chance_of, if_alike
from skipwise.core.errors import SkipwiseError
from skipwise.cost.price import Price, machine_hours, parse_price, spent
from skipwise.statistics import chance_to_settle, foresee, judge, pair_level
from skipwise.statistics.groups import Groups
from skipwise.statistics.intervals import Networks, analyse, difference_of
from skipwise.statistics.posterior import SPREADS, posterior
from tests.fabricated import fabricate

LOOKS = (5, 12)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("0.9/h", Price(per_hour=0.9)),
        ("0.9", Price(per_hour=0.9)),
        (".9 / hour", Price(per_hour=0.9)),
        ("$0.9/h", Price(per_hour=0.9, currency="$")),
        ("€ 2", Price(per_hour=2.0, currency="€")),
        ("EUR 1.25 per hour", Price(per_hour=1.25, currency="EUR")),
        ("3 USD/h", Price(per_hour=3.0, currency="USD")),
    ],
)
def test_a_price_is_read_however_it_is_written(text: str, price: Price) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize("text", ["", "free", "-1/h", "0/h", "0.9/min", "1,5/h", "1h", "$", "$1€/h", "nan", "1e400/h"])
def test_what_is_no_price_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SkipwiseError, match="--price"):
        parse_price(text)


def test_hours_and_money_have_the_digits_that_they_are_worth() -> None:
    assert spent(11520, Price(per_hour=0.9, currency="$")) == "3.2 machine-hours ($2.88)"
    assert spent(3600, None) == "1.0 machine-hours"
    assert spent(30, Price(per_hour=0.9)) == "0.008 machine-hours (0.007)"
    assert machine_hours(3.6e6) == "1,000 machine-hours"
    assert Price(per_hour=12.5, currency="EUR").of(1000) == "EUR 12,500.00"


def test_after_a_look_the_next_one_is_told_with_its_cost_and_its_chance() -> None:
    pairs = (
        InterimPair(a="a", b="b", verdict="better", text=""),
        InterimPair(a="a", b="c", verdict="unresolved", text=""),
    )
    interim = Interim(
        looks=(5,),
        planned=(5, 8),
        measure="",
        sure="",
        heading="",
        networks=(),
        pairs=pairs,
        next_look=NextLook(seeds=8, runs={"a": 3, "c": 3}, chance=0.4),
    )
    said = after_look(interim, {"a": 1000.0, "c": 2840.0}, 1, Price(per_hour=0.9, currency="$"))
    assert said == (
        "Look 1 of 2, after 5 seeds: 1 of 2 pairs is settled. The next look, after 8 seeds, takes 6 runs, about 3.2 h: "
        "it costs about 3.2 machine-hours ($2.88), and has a 40% chance to settle what is open."
    )
    assert "costs" not in after_look(interim, {"a": 1000.0}, 1, None)  # c was trained elsewhere
    wide = replace(interim, next_look=NextLook(seeds=8, runs={"a": 3, "c": 3}, chance=0.4, least=0.2, most=0.52))
    assert after_look(wide, {}, 1, None).endswith(
        "has a 40% chance to settle what is open (20% if the networks are much alike, 52% if they are not)."
    )
    assert after_look(replace(interim, next_look=None), {}, 1, None) == ""


def test_chances_are_said_as_people_say_them() -> None:
    said = [chance_of(each) for each in (0.0, 0.08, 0.11, 0.4, 0.8, 0.993)]
    assert said[:3] == ["a chance of less than 1%", "an 8% chance", "an 11% chance"]
    assert said[3:] == ["a 40% chance", "an 80% chance", "a chance of more than 99%"]
    assert if_alike(0.005, 0.52) == " (less than 1% if the networks are much alike, 52% if they are not)"
    assert if_alike(0.2, 0.25) == if_alike(None, None) == ""


def test_the_answer_says_what_more_certainty_costs() -> None:
    made = fabricate(tuned=False, exploratory=False, choice="resnet18", shown=False)
    choice = replace(made.costs.recommendation, rivals=("my_networks:tiny",), unfit={})
    pairs = [replace(pair, seeds_needed=31 if pair.verdict == "unresolved" else None) for pair in made.results.pairs]
    candidates = [replace(each, repeated=()) for each in made.results.candidates]
    sound = replace(made.results, pairs=tuple(pairs), candidates=tuple(candidates))
    costs = replace(made.costs, recommendation=choice, trained_seconds=7200.0, price=Price(per_hour=0.9, currency="$"))
    plain = answer(sound, choice, costs)
    assert "Finding this out took 53 runs and about 1.0 machine-hours ($0.90)." in plain.price
    told = answer(sound, choice, replace(costs, settling=Settling(seeds=31, chance=0.4)))
    assert "more runs, about" in plain.cost
    assert "machine-hours, $" in plain.cost
    assert told.cost == f"{plain.cost} A look after 31 seeds has a 40% chance to do it."


def tables(gap: float, *, seeds: int = 5, wobble: float = 0.005, images: int = 1000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    hard = rng.random(images)
    made = {}
    for name, share in (("a", 0.9), ("b", 0.9 + gap)):
        shifts = rng.normal(0, wobble, seeds)
        made[name] = np.stack([hard + rng.normal(0, 0.05, images) < share + shift for shift in shifts])
    return made


def chance(scores: dict[str, np.ndarray], seeds: int) -> float:
    judged = judge(scores, margin=0.005, looks=LOOKS)
    level = pair_level(2, LOOKS, 0.05)
    return chance_to_settle(scores, judged, [("a", "b")], seeds=seeds, level=level)


def test_the_chance_grows_with_the_difference_and_is_the_same_each_time() -> None:
    chances = [chance(tables(gap), 12) for gap in (0.0, 0.01, 0.02)]
    assert chances == sorted(chances)
    assert chances[0] < 0.3 < 0.7 < chances[2]
    assert chance(tables(0.01), 12) == chances[1]


def test_nothing_open_is_settled_and_losses_are_as_accuracies() -> None:
    scores = tables(0.01)
    judged = judge(scores, margin=0.005, looks=LOOKS)
    level = pair_level(2, LOOKS, 0.05)
    assert chance_to_settle(scores, judged, [], seeds=12, level=level) == 1.0
    losses = {name: 1.0 - rows for name, rows in scores.items()}
    as_losses = judge(losses, margin=0.005, looks=LOOKS, higher_is_better=False)
    told = chance_to_settle(losses, as_losses, [("a", "b")], seeds=12, level=level, higher_is_better=False)
    assert told == pytest.approx(chance(scores, 12), abs=0.25)


def test_a_network_that_others_beat_is_not_open_whichever_way_is_better() -> None:
    scores = tables(0.002) | {"c": tables(0.07)["b"]}
    for rows, higher in ((scores, True), ({name: 1.0 - each for name, each in scores.items()}, False)):
        judged = judge(rows, margin=0.005, looks=LOOKS, higher_is_better=higher)
        found = foresee(rows, judged, [("a", "b")], seeds=12, level=0.01, higher_is_better=higher)
        assert (found.least, found.chance, found.most) == (1.0, 1.0, 1.0)
        still = foresee(rows, judged, [("a", "b")], seeds=12, level=0.01, higher_is_better=higher, every_pair=True)
        assert still.chance < 0.5


def test_the_range_of_a_chance_is_for_networks_much_alike_and_not() -> None:
    scores = tables(0.008, images=600)
    judged = judge(scores, margin=0.005, looks=LOOKS)
    found = foresee(scores, judged, [("a", "b")], seeds=12, level=pair_level(2, LOOKS, 0.05))
    assert found.least + 0.1 < found.chance < found.most - 0.1


def networks(*gaps: float, seeds: int = 5) -> Networks:
    rng = np.random.default_rng(1)
    hard, groups = rng.random(1000), Groups(1000)
    errors = [hard + rng.normal(0, 0.05, (seeds, 1000)) > 0.9 - gap for gap in gaps]
    return Networks([analyse(each.astype(float), groups) for each in errors], groups)


def test_differences_are_believed_less_where_all_networks_are_alike() -> None:
    """By how much is known in closed form, where the spread is: towards the mean, by the part that is chance."""
    observed, drawn = networks(0.0, 0.01), []
    for spreads in ((1e-3,), (100.0,), SPREADS):
        rng = np.random.default_rng(0)
        found = posterior(observed, margin=0.005, draws=4000, rng=rng, spreads=spreads)
        drawn.append(found.means[:, 0] - found.means[:, 1])
    seen = observed.tables[0].mean - observed.tables[1].mean
    images = difference_of(observed, 0, 1)
    by_images = images.image_variance - images.residual_variance
    by_seeds = float(found.variances.sum(axis=1).mean()) / 5
    assert np.mean(drawn[0]) == pytest.approx(seen * by_images / (by_images + by_seeds), rel=0.1)
    assert np.mean(drawn[1]) == pytest.approx(seen, rel=0.02)
    assert abs(np.mean(drawn[0])) < abs(np.mean(drawn[2])) < abs(np.mean(drawn[1]))
    assert np.var(drawn[1]) == pytest.approx(by_seeds, rel=0.2)


def test_other_networks_tell_how_much_networks_differ() -> None:
    alike = posterior(networks(0, 0.01, 0.005, 0.003), margin=0.005, draws=400, rng=np.random.default_rng(0))
    apart = posterior(networks(0, 0.01, 0.1, 0.05), margin=0.005, draws=400, rng=np.random.default_rng(0))
    most_probable = [SPREADS[each.spreads.mean(axis=0).argmax()] for each in (alike, apart)]
    assert most_probable[0] < 2 < most_probable[1]


def test_runs_vary_at_least_as_much_as_luck_with_single_images_makes_them() -> None:
    observed = networks(0.0, 0.0, seeds=2)
    found = posterior(observed, margin=0.005, draws=200, rng=np.random.default_rng(0))
    assert (found.variances >= [table.residual_variance for table in observed.tables]).all()


@pytest.mark.slow
@pytest.mark.parametrize("alike", [False, True])
def test_the_chance_is_right_as_often_as_it_says(alike: bool) -> None:
    """Whether differences are as likely to be of any size, or mostly small; benchmarks/chance.py has many more."""
    rng = np.random.default_rng(0)
    told, happened, least, most = [], [], [], []
    level = pair_level(2, LOOKS, 0.05)
    for _ in range(500 if alike else 250):
        hard, gap = rng.random(600), rng.normal(0, 0.004) if alike else rng.uniform(-0.04, 0.04)
        rows = {
            name: np.stack([hard + rng.normal(0, 0.05, 600) < share + rng.normal(0, 0.008) for _ in range(LOOKS[1])])
            for name, share in (("a", 0.88), ("b", 0.88 + gap))
        }
        first = {name: each[: LOOKS[0]] for name, each in rows.items()}
        judged = judge(first, margin=0.005, looks=LOOKS)
        if judged.pairs[0].verdict != "unresolved" or judged.pairs[0].seeds_needed is None:
            continue
        found = foresee(first, judged, [("a", "b")], seeds=LOOKS[1], level=level)
        told.append(found.chance)
        least.append(found.least)
        most.append(found.most)
        happened.append(judge(rows, margin=0.005, looks=LOOKS).pairs[0].verdict != "unresolved")
    assert len(told) > 30
    error = np.sqrt(np.mean(told) * (1 - np.mean(told)) / len(told))
    assert np.mean(least) - 3 * error < np.mean(happened) < np.mean(most) + 3 * error
    assert abs(np.mean(told) - np.mean(happened)) < 0.12 + 3 * error  # two networks don't say how much alike they are
    # And it tells likely from unlikely.
    likely = np.array(told) > np.median(told)
    assert np.mean(np.array(happened)[likely]) > np.mean(np.array(happened)[~likely]) + (0.05 if alike else 0.2)

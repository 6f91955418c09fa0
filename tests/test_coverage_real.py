"""Mock comparisons of benchmarks/coverage_real.py: what is kept is read, and intervals that are wrong are found out."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skipwise import SkipwiseError
from skipwise.training.loop.recipe import RECIPES

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RUNS, IMAGES = 25, 4_000


@pytest.fixture(scope="module")
def real() -> Iterator[ModuleType]:
    """benchmarks/coverage_real.py, under a name of its own: the folder beside it has the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        place = importlib.util.spec_from_file_location("coverage_real_command", BENCHMARKS / "coverage_real.py")
        assert place is not None
        assert place.loader is not None
        module = importlib.util.module_from_spec(place)
        place.loader.exec_module(module)
        yield module
        for name in [name for name in sys.modules if name.split(".")[0] == "coverage_real"]:
            del sys.modules[name]


def made_up(groups: NDArray[np.int64] | None = None) -> Any:
    """Answers of two networks that are alike and one that is five points worse, with effects of seeds and images."""
    from coverage_real.answers import Answers, Trained

    rng = np.random.default_rng(3)
    difficulty = rng.normal(size=IMAGES) if groups is None else 2 * rng.normal(size=groups.max() + 1)[groups]
    right = {
        name: rng.normal(size=(RUNS, IMAGES)) / 2 + difficulty + rng.normal(size=(RUNS, 1)) / 15 < threshold
        for name, threshold in (("one", 1.0), ("two", 1.0), ("worse", 0.7))
    }
    trained = Trained(
        name="made-up", networks=tuple(right), width=1.0, size=8, train=1, test=IMAGES, fingerprint="", torch="",
        recipe=RECIPES["fast"], groups=() if groups is None else tuple(map(str, groups)),
    )  # fmt: skip
    return Answers(trained=trained, seeds=dict.fromkeys(right, np.arange(RUNS)), right=right, groups=groups)


def test_what_is_kept_is_read_again(real: ModuleType, tmp_path: Path) -> None:  # noqa: ARG001
    from coverage_real.answers import add, begin, done, load

    answers = made_up()
    begin(tmp_path, answers.trained)
    for seed in (7, 2):
        for name in answers.right:
            add(tmp_path, name, seed, answers.right[name][seed])
    begin(tmp_path, answers.trained)
    found = load(tmp_path)
    assert done(tmp_path, "one") == {2, 7}
    assert found.runs == 2
    for name, right in answers.right.items():
        assert (found.right[name] == right[[2, 7]]).all()
    with pytest.raises(SkipwiseError, match="another way"):
        begin(tmp_path, replace(answers.trained, width=0.5))
    with pytest.raises(SkipwiseError, match="holds no runs"):
        load(tmp_path / "elsewhere")


def test_verdicts_hold_and_those_of_one_run_do_not(real: ModuleType) -> None:
    from coverage_real.mock import SKIPWISE, mocks

    answers = made_up()
    found = mocks(answers, 300, seed=1)
    assert {each.seeds for each in found} == {3, 5}  # a fifth of 25
    ours = real.measures(found, SKIPWISE, answers.runs)
    single = real.measures(found, "one run each, the higher wins", answers.runs)
    assert ours["false claims"][0] < 0.08
    assert ours["missed"][0] < 0.08
    assert ours["found"][0] > 0.5
    assert single["false claims"][0] > 0.9
    assert real.measures(found, "bootstrap over images", answers.runs)["false claims"][0] > 0.12


def test_intervals_of_no_width_miss(real: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from coverage_real import mock

    judge = mock.judge

    def certain(*args: Any, **settings: Any) -> Any:
        found = judge(*args, **settings)
        pair = found.pairs[0]
        return replace(found, pairs=(replace(pair, low=pair.difference, high=pair.difference),))

    monkeypatch.setattr(mock, "judge", certain)
    answers = made_up()
    ours = real.measures(mock.mocks(answers, 120, seed=1), mock.SKIPWISE, answers.runs)
    assert ours["missed, raw"][0] == 1
    assert ours["missed"][0] > 0.3
    assert ours["false claims"][0] > 0.9


def test_truth_knows_nothing_of_the_mock_comparison(real: ModuleType) -> None:  # noqa: ARG001
    from coverage_real import mock

    answers = made_up()
    places, chosen = np.arange(4), np.arange(IMAGES) < 500
    known = mock._truth(answers, "one", "worse", places, places, chosen)
    for right in answers.right.values():
        right[places], right[:, chosen] = True, False
    assert mock._truth(answers, "one", "worse", places, places, chosen) == known
    assert known[0] > 4 * known[1] > 0
    for each in mock.mocks(answers, 24, seed=2):
        assert each.images <= 2_000
        assert not each.alike or len(each.used) == 2 * each.seeds  # the second of the two takes other seeds


def test_groups_are_drawn_whole_and_told(real: ModuleType) -> None:  # noqa: ARG001
    from coverage_real.mock import SKIPWISE, UNGROUPED, mocks

    answers = made_up(np.random.default_rng(0).integers(80, size=IMAGES))
    apart = [each for each in mocks(answers, 60, seed=1) if not each.alike]
    sizes = np.bincount(answers.groups)
    assert all(each.images <= np.sort(sizes)[-40:].sum() for each in apart)
    assert all(UNGROUPED in each.intervals for each in apart)
    arms = [np.mean([np.subtract(*each.intervals[method][::-1]) for each in apart]) for method in (SKIPWISE, UNGROUPED)]
    assert arms[0] > 1.05 * arms[1]


def test_error_grows_where_seeds_decide(real: ModuleType) -> None:
    from coverage_real.mock import mocks

    answers = made_up()
    found = mocks(answers, 300, seed=1)
    by_seed, by_chance = real.share(found, lambda each: 3 in each.used, RUNS), real.share(found, lambda _: True, RUNS)
    binomial = np.sqrt(by_seed[0] * (1 - by_seed[0]) / len(found))
    assert by_chance[0] == 1
    assert 0 < by_chance[1] < 1 / len(found)
    assert by_seed[1] > 3 * binomial


def test_documented_runs_are_those_that_are_kept(real: ModuleType) -> None:
    from coverage_real.answers import KEPT, load
    from coverage_real.mock import SKIPWISE, mocks

    text = (BENCHMARKS.parent / "docs" / "statistics.md").read_text()
    sets = [path.parent for path in sorted(KEPT.glob("*/set.json"))]
    assert KEPT / "cifar10" in sets
    for folder in sets:
        answers = load(folder)
        assert all(len(set(seeds.tolist())) == len(seeds) for seeds in answers.seeds.values())
        for name, right in answers.right.items():
            runs = 100 * right.mean(axis=1)
            assert f"| {name} | {len(runs)} | {runs.mean():.1f} | {runs.std(ddof=1):.2f} |" in text
    answers = load(KEPT / "cifar10")
    found = mocks(answers, 200, seed=5)
    assert real.measures(found, "one run each, the higher wins", answers.runs)["false claims"][0] > 0.9
    assert real.measures(found, SKIPWISE, answers.runs)["false claims"][0] < 0.15

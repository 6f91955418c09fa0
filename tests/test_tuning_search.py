"""The search for learning rates: alike for all, resumed to the byte, on validation images only, readable by Optuna."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import skipwise
from skipwise.comparison.executors import worker
from skipwise.comparison.plan.plan import Plan
from skipwise.core.errors import SkipwiseError
from skipwise.data.images import Images, without_test
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.training.tuning.tried import Tried, best_values
from skipwise.training.tuning.tuning import Tuning
from tests.fabricated import fabricate
from tests.test_tracking import StopAt

SEARCH = {"models": ["plain18", "tests.external_networks:Linear"], "seeds": 2, "epochs": 6, "width": 0.125}
SEARCH |= {
    "img_size": 16,
    "precision": "fp32",
    "compile": False,
    "tune": [0.01, 1.0],
    "tune_epochs": 3,
    "tune_trials": 6,
}


def test_every_network_gets_the_same_budget_and_old_plans_keep_their_digest() -> None:
    grid = Tuning(rates=(0.1, 0.4), epochs=5, seed=7)
    assert (grid.runs, grid.first_epochs, grid.rounds) == ((0, 2), 5, ())
    searched = Tuning(rates=(0.1, 0.4), epochs=9, seed=7, trials=10)
    assert (searched.first_epochs, searched.rounds, searched.runs) == (3, (4, 4, 2), (10, 5))
    assert Tuning(rates=(0.1, 0.4), epochs=1, seed=7, trials=10).runs == (0, 10)
    plan = replace(fabricate(exploratory=False, looks=(2,)).plan, tuning=grid)
    before = msgspec.json.decode(msgspec.json.encode(plan))
    del before["tuning"]["trials"], before["tuning"]["space"]  # as earlier versions wrote it
    assert msgspec.convert(before, Plan, strict=False).digest() == plan.digest()
    assert plan.digest() != replace(plan, tuning=searched).digest()
    # The digest of this plan in the version before `trials` was there.
    bare = plan.tuning_jobs()
    assert {job.folder.rpartition("-lr")[2] for job in bare.values()} == {"0.1", "0.4"}


def test_only_runs_of_all_epochs_are_chosen_from() -> None:
    tuning = Tuning(rates=(0.1, 0.4), epochs=9, seed=7, trials=2)
    runs = [
        Tried(model="a", lr=0.1, outcome=0.9, nll=0.1, epochs=3),
        Tried(model="a", lr=0.2, outcome=0.8, nll=0.1, epochs=9),
        Tried(model="a", lr=0.3, outcome=None, nll=None, epochs=9),
    ]
    assert best_values(runs, OUTCOMES["accuracy"], tuning) == {"a": {"lr": 0.2}}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tune_what": ["lr"]}, "--tune-what says what --tune-trials searches"),
        ({"tune_trials": 5, "lr": 0.1}, "--tune-trials chooses the learning rate, so --lr"),
        ({"tune_trials": 5, "tune_what": ["lr", "lr"]}, "--tune-what takes each hyperparameter once"),
        ({"tune_trials": 5, "tune_what": "weight_decy"}, "weight_decy"),
        ({"tune_trials": 5, "tune_what": ["mixup"], "tune": [0.1, 1]}, "--tune-what leaves lr out"),
        ({"tune_epochs": 5}, "--tune-epochs is for --tune and --tune-trials"),
        ({"tune_trials": 1, "tune": [0.1, 1]}, "--tune-trials must lie between 2 and 1000, not 1"),
        (
            {"tune_trials": 5, "tune": [0.1, 1], "lr": 0.1},
            "--tune chooses the learning rate, so --lr",
        ),
        ({"tune_trials": 5, "tune": [0.1, 0.1]}, "--tune needs at least two learning rates"),
    ],
)
def test_mistakes(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SkipwiseError, match=said):
        skipwise.compare("digits", models=["plain18", "resnet18"], **options)


class Guarded:
    """Pixels of which some may not be looked at."""

    def __init__(self, pixels: Any, forbidden: set[int]) -> None:
        self.pixels, self.forbidden = pixels, forbidden

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pixels.shape

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, indices: Any) -> Any:
        assert not self.forbidden & set(np.atleast_1d(indices).tolist()), "a test image was looked at"
        return self.pixels[indices]


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_it_is_the_same_when_it_was_stopped_and_looks_at_no_test_image(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    guarded = []

    def guard(images: Images) -> Images:
        tested = set(images.members("test").tolist())
        guarded.append(len(tested))
        return replace(without_test(images), pixels=Guarded(images.pixels, tested))

    monkeypatch.setattr(worker, "without_test", guard)
    whole = skipwise.compare(photos, output=tmp_path / "whole", **SEARCH)
    assert len(guarded) == 2 * (6 + 3)
    assert min(guarded) > 0
    for run in (tmp_path / "whole/tuning").iterdir():
        assert not [name for name in np.load(run / "predictions.npz").files if name.startswith("test")]
    for stop in (4, 30):
        with pytest.raises(SkipwiseError, match="StopAt failed"):
            skipwise.compare(photos, output=tmp_path / "out", callbacks=[StopAt(stop)], **SEARCH)
    (tmp_path / "out/tuning.db").write_bytes(b"damaged")
    again = skipwise.compare(photos, output=tmp_path / "out", **SEARCH)
    assert (again.folder / "comparison.json").read_bytes() == (whole.folder / "comparison.json").read_bytes()

    results = whole.results
    tried = Counter((run.model, run.epochs) for run in results.tried)
    assert tried == {(name, epochs): runs for name in SEARCH["models"] for epochs, runs in ((1, 6), (3, 3))}
    assert {run.lr for run in results.tried if run.model == "plain18"} > {results.candidates[0].lr}
    assert whole.costs.tuning_seconds is not None
    assert 0 < whole.costs.tuning_seconds < whole.costs.trained_seconds
    storage = optuna.storages.RDBStorage(f"sqlite:///{whole.folder / 'tuning.db'}")
    try:
        for candidate in results.candidates:
            study = optuna.load_study(study_name=candidate.name, storage=storage)
            states = Counter(trial.state.name for trial in study.trials)
            assert states == {"COMPLETE": 3, "PRUNED": 3}
            values = {trial.params["lr"]: trial.value for trial in study.trials if trial.value is not None}
            assert values[candidate.lr] == max(values.values())
    finally:
        storage.remove_session()
        storage.engine.dispose()
    page = whole.report.read_text()
    assert "Optuna chose 6 learning rates between 0.01 and 1" in page
    assert "Tuning took" in page

"""The search for hyperparameters through Optuna: the same number of trials and of epochs for every network.

In each round, Optuna's sampler chooses some points for every network, by what was found before. All are trained for a
part of the epochs; then a pruner ends the worse half, and the others are trained for all epochs. A round is judged when
all of its runs have ended, in the order of the trials. So what is chosen depends on nothing but the plan, however many
runs go on at once and however often the work is stopped: a search that is repeated finds the runs that have ended, and
asks the sampler the same again.

tuning.json   the points that were chosen so far, written before they are trained
tuning.db     the studies, one for each network, in Optuna's own format, for its dashboard; it is written anew
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna

from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.training.folder.names import TUNING
from skipwise.training.loop.recipe import Recipe
from skipwise.training.tuning.asked import SEEDS
from skipwise.training.tuning.space import LR, SPACE, own_values
from skipwise.training.tuning.tried import Point, Tried
from skipwise.training.tuning.tuning import Tuning, kept

CHOSEN, STORAGE = f"{TUNING}.json", f"{TUNING}.db"
ROUND = "round"


Train = Callable[[Sequence[Point], int, str], Sequence[Tried]]
"""Trains at some points for so many epochs, and returns what each run reached, in their order. The text says how far
the search is."""
Merit = Callable[[Tried], float | None]
"""The outcome that a run reached, turned so that more is better; None where it failed."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """`tuning.json`: the points of each network that a seed of the tuning has chosen so far.

    Args:
        seed: of the tuning, which a time limit may change.
        rates: the learning rates of each round by network, as earlier versions wrote them.
        points: those of each round, by network.
    """

    seed: int
    rates: dict[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    points: dict[str, tuple[tuple[dict[str, float], ...], ...]] = field(default_factory=dict)

    def of(self, model: str) -> tuple[tuple[dict[str, float], ...], ...]:
        """The points of a network, round by round."""
        if model in self.points:
            return self.points[model]
        return tuple(tuple({LR: rate} for rate in rates) for rates in self.rates.get(model, ()))


class BetterHalf(optuna.pruners.BasePruner):
    """Ends the worse half of the trials of a round, once all of them have reported."""

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Returns whether a trial is among the worse half; of two that are alike, the later one is worse."""
        peers = [each for each in study.get_trials(deepcopy=False) if each.user_attrs[ROUND] == trial.user_attrs[ROUND]]
        merits = {each.number: _reported(each) for each in peers}
        better = sorted(merits, key=lambda number: (-merits[number], number))[: kept(len(peers))]
        return trial.number not in better


def _reported(trial: optuna.trial.FrozenTrial) -> float:
    values = trial.intermediate_values
    return values[max(values)] if values else float("-inf")


def search(
    tuning: Tuning, recipes: Mapping[str, Recipe], folder: Path, train: Train, merit: Merit
) -> tuple[Tried, ...]:
    """Chooses hyperparameters for every network, tries them, and returns what each run reached.

    Args:
        tuning: what is searched.
        recipes: of each network, before it is tuned.
        folder: of the run or the comparison.
        train: does runs.
        merit: says how good a run is.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for leftover in folder.glob(f"{STORAGE}*"):
        leftover.unlink()
    storage = optuna.storages.RDBStorage(f"sqlite:///{(folder / STORAGE).absolute()}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return _Search(tuning, recipes, folder, train, merit, storage).runs()
    finally:
        storage.remove_session()
        storage.engine.dispose()


class _Search:
    def __init__(
        self,
        tuning: Tuning,
        recipes: Mapping[str, Recipe],
        folder: Path,
        train: Train,
        merit: Merit,
        storage: Any,
    ) -> None:
        self.tuning, self.recipes, self.folder, self.train, self.merit = tuning, recipes, folder, train, merit
        self.studies = {
            model: optuna.create_study(
                storage=storage, study_name=model, direction="maximize", pruner=BetterHalf(), load_if_exists=False
            )
            for model in recipes
        }
        self.chosen = Chosen(seed=tuning.seed)
        if (folder / CHOSEN).exists() and (found := read_sealed(folder / CHOSEN, Chosen)).seed == tuning.seed:
            self.chosen = found

    def runs(self) -> tuple[Tried, ...]:
        """Does all rounds."""
        found: list[Tried] = []
        for number, size in enumerate(self.tuning.rounds):
            trials = self._ask(number, size)
            if self.tuning.first_epochs < self.tuning.epochs:
                found += self._report(trials, number)
            found += self._finish(trials, number)
        return tuple(found)

    def _ask(self, number: int, size: int) -> dict[str, list[optuna.Trial]]:
        """The trials of a round, whose points are written down."""
        trials: dict[str, list[optuna.Trial]] = {}
        for model, study in self.studies.items():
            # A sampler of the round's own, so that a search that goes on chooses as one that was not stopped.
            study.sampler = optuna.samplers.TPESampler(
                seed=(self.tuning.seed + number) % SEEDS,
                n_startup_trials=2 * self.tuning.rounds[0],
                constant_liar=True,
                multivariate=len(self.tuning.ranges) > 1,
            )
            before = self.chosen.of(model)
            if number < len(before):
                for values in before[number]:
                    study.enqueue_trial(values)
            elif number == 0 and self.tuning.space:
                own = own_values(self.recipes[model], self.tuning.space)
                if own is not None:
                    study.enqueue_trial(own)
            trials[model] = [self._trial(study, number) for _ in range(size)]
            if number >= len(before):
                self.chosen.points[model] = (*before, tuple(self._values(trial) for trial in trials[model]))
        write_sealed(self.folder / CHOSEN, self.chosen)
        return trials

    def _trial(self, study: optuna.Study, number: int) -> optuna.Trial:
        trial = study.ask()
        trial.set_user_attr(ROUND, number)
        for each in self.tuning.ranges:
            trial.suggest_float(each.name, each.low, each.high, log=SPACE[each.name].log)
        return trial

    def _values(self, trial: optuna.Trial) -> dict[str, float]:
        return {name: trial.params[name] for name in self.tuning.names}

    def _report(self, trials: dict[str, list[optuna.Trial]], number: int) -> list[Tried]:
        """Trains all trials for a part of the epochs, and leaves the better half of them in `trials`."""
        found = self._train(trials, number, self.tuning.first_epochs)
        for model, each in trials.items():
            for trial in each:
                if (merit := self.merit(found[model, trial.number])) is not None:
                    trial.report(merit, self.tuning.first_epochs)
            pruned = [trial for trial in each if trial.should_prune()]
            for trial in pruned:
                self.studies[model].tell(trial, state=optuna.trial.TrialState.PRUNED)
            trials[model] = [trial for trial in each if trial not in pruned]
        return list(found.values())

    def _finish(self, trials: Mapping[str, Sequence[optuna.Trial]], number: int) -> list[Tried]:
        found = self._train(trials, number, self.tuning.epochs)
        for model, each in trials.items():
            for trial in each:
                merit = self.merit(found[model, trial.number])
                failed = optuna.trial.TrialState.FAIL if merit is None else None
                self.studies[model].tell(trial, merit, state=failed)
        return list(found.values())

    def _train(
        self, trials: Mapping[str, Sequence[optuna.Trial]], number: int, epochs: int
    ) -> dict[tuple[str, int], Tried]:
        points = [
            Point(model=model, trial=trial.number, values=self._values(trial))
            for model, each in trials.items()
            for trial in each
        ]
        found = self.train(points, epochs, f"Tuning {number + 1} of {len(self.tuning.rounds)}")
        return {(point.model, point.trial): run for point, run in zip(points, found, strict=True)}

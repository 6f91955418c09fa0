"""The search for learning rates through Optuna: the same number of trials and of epochs for every candidate.

In each round, Optuna's sampler chooses some rates for every candidate, by what was found before. All are trained for a
part of the epochs; then a pruner ends the worse half, and the others are trained for all epochs. A round is judged when
all of its runs have ended, in the order of the trials. So what is chosen depends on nothing but the plan, however many
runs go on at once and however often the comparison is stopped: a search that is repeated finds the runs that have
ended, and asks the sampler the same again.

tuning.json   the rates that were chosen so far, written before they are trained
tuning.db     the studies, one for each candidate, in Optuna's own format, for its dashboard; it is written anew
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna

from skipwise.comparison.plan.layout import TUNING
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.plan.tuning import Tuning, kept
from skipwise.comparison.results.records import Tried
from skipwise.comparison.run.rounds import Rounds
from skipwise.comparison.tuning.tried import tried
from skipwise.core.files.checksums import read_sealed, write_sealed

CHOSEN, STORAGE = f"{TUNING}.json", f"{TUNING}.db"
RATE, ROUND = "lr", "round"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """`tuning.json`: the rates of each candidate that a seed of the tuning has chosen so far.

    Args:
        seed: of the tuning, which a time limit may change.
        rates: by candidate, those of each round.
    """

    seed: int
    rates: dict[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)


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


def search(plan: Plan, folder: Path, rounds: Rounds) -> tuple[Tried, ...]:
    """Chooses learning rates for every candidate, tries them, and returns what each run reached.

    Args:
        folder: the comparison's.
        rounds: does the runs.
    """
    assert plan.tuning is not None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for leftover in folder.glob(f"{STORAGE}*"):
        leftover.unlink()
    storage = optuna.storages.RDBStorage(f"sqlite:///{(folder / STORAGE).absolute()}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return _Search(plan, plan.tuning, folder, rounds, storage).runs()
    finally:
        storage.remove_session()
        storage.engine.dispose()


class _Search:
    def __init__(self, plan: Plan, tuning: Tuning, folder: Path, rounds: Rounds, storage: Any) -> None:
        self.plan, self.tuning, self.folder, self.rounds = plan, tuning, folder, rounds
        self.studies = {
            model: optuna.create_study(
                storage=storage, study_name=model, direction="maximize", pruner=BetterHalf(), load_if_exists=False
            )
            for model in plan.trained
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
        """The trials of a round, whose rates are written down."""
        trials: dict[str, list[optuna.Trial]] = {}
        for model, study in self.studies.items():
            # A sampler of the round's own, so that a search that goes on chooses as one that was not stopped.
            study.sampler = optuna.samplers.TPESampler(
                seed=self.tuning.seed + number, n_startup_trials=2 * self.tuning.rounds[0], constant_liar=True
            )
            before = self.chosen.rates.get(model, ())
            for rate in before[number] if number < len(before) else ():
                study.enqueue_trial({RATE: rate})
            trials[model] = [self._trial(study, number) for _ in range(size)]
            if number >= len(before):
                self.chosen.rates[model] = (*before, tuple(trial.params[RATE] for trial in trials[model]))
        write_sealed(self.folder / CHOSEN, self.chosen)
        return trials

    def _trial(self, study: optuna.Study, number: int) -> optuna.Trial:
        trial = study.ask()
        trial.set_user_attr(ROUND, number)
        trial.suggest_float(RATE, self.tuning.rates[0], self.tuning.rates[-1], log=True)
        return trial

    def _report(self, trials: dict[str, list[optuna.Trial]], number: int) -> list[Tried]:
        """Trains all trials for a part of the epochs, and leaves the better half of them in `trials`."""
        found = self._train(trials, number, self.tuning.first_epochs)
        for model, each in trials.items():
            for trial in each:
                if (merit := self._merit(found[model, trial.params[RATE]])) is not None:
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
                merit = self._merit(found[model, trial.params[RATE]])
                failed = optuna.trial.TrialState.FAIL if merit is None else None
                self.studies[model].tell(trial, merit, state=failed)
        return list(found.values())

    def _train(
        self, trials: Mapping[str, Sequence[optuna.Trial]], number: int, epochs: int
    ) -> dict[tuple[str, float], Tried]:
        jobs = {
            (model, trial.params[RATE]): self.plan.tuning_job(model, trial.params[RATE], epochs)
            for model, each in trials.items()
            for trial in each
        }
        self.rounds.do([list(jobs.values())], f"Tuning {number + 1} of {len(self.tuning.rounds)}", tuning=True)
        return {key: tried(self.plan, self.folder, job, self.rounds.records[job.folder]) for key, job in jobs.items()}

    def _merit(self, run: Tried) -> float | None:
        """The outcome that a run reached, turned so that more is better; None where it failed."""
        return None if run.outcome is None else self.plan.question.scoring.merit(run.outcome)

"""The options of tuning."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.core.errors import SkipwiseError, require
from skipwise.core.options import Listed, option, options
from skipwise.training.loop.recipe import RecipeOptions
from skipwise.training.tuning.space import LR, check_names

LEAST_TRIALS, MOST_TRIALS = 2, 1000


@options("Tuning")
class TuneOptions:
    """Options for hyperparameters that are chosen on the validation images first."""

    tune: Sequence[float] | None = option(
        None,
        "Try these peak learning rates first, and choose one for each network by the validation images. With "
        "--tune-trials, the lowest and the highest one to search between.",
        metavar="lr=A,B,...",
        listed=Listed(of=float, takes="learning rates, like --tune lr=0.05,0.1,0.2", prefix="lr="),
    )
    tune_trials: int | None = option(
        None,
        "Have Optuna choose hyperparameters so many times for each network, by the validation images, and train with "
        "the best ones.",
        metavar="N",
    )
    tune_what: Sequence[str] | None = option(
        None,
        "The hyperparameters that --tune-trials searches: lr, weight_decay, momentum, label_smoothing, mixup, cutmix "
        "and cutout, separated by commas.",
        unset="lr",
        metavar="NAME,NAME,...",
        listed=Listed(takes="hyperparameters, like --tune-what lr,weight_decay"),
    )
    tune_epochs: int | None = option(
        None, "The number of epochs of the runs that tune.", unset="a third of the recipe's", metavar="N"
    )

    @property
    def asked(self) -> bool:
        """Whether there is anything to tune."""
        return self.tune is not None or self.tune_trials is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters to tune."""
        words = self.tune_what.split(",") if isinstance(self.tune_what, str) else self.tune_what
        return (LR,) if words is None else tuple(words)

    def check(self, lr: float | None) -> None:
        """Checks the options before the images are read.

        Args:
            lr: the learning rate that was asked for; None where none was.

        Raises:
            SkipwiseError: a value is out of range, options exclude each other, or Optuna is not installed.
        """
        if self.tune_what is not None and self.tune_trials is None:
            raise SkipwiseError("--tune-what says what --tune-trials searches; say how many trials, too.")
        if self.tune_epochs is not None and not self.asked:
            raise SkipwiseError("--tune-epochs is for --tune and --tune-trials; leave it out.")
        check_names(self.names)
        if self.tune is not None and LR not in self.names:
            raise SkipwiseError(
                "--tune has learning rates, and --tune-what leaves lr out; add lr, or leave --tune out."
            )
        if lr is not None and self.asked and LR in self.names:
            what = "--tune" if self.tune is not None else "--tune-trials"
            other = "" if self.tune is not None else ", or name other hyperparameters with --tune-what"
            raise SkipwiseError(
                f"{what} chooses the learning rate, so --lr has nothing to do; give one of them{other}."
            )
        if self.tune is not None:
            for rate in self.tune:
                RecipeOptions(lr=rate).check()
            if len(set(self.tune)) < 2:
                raise SkipwiseError(
                    "--tune needs at least two learning rates to choose from, like --tune lr=0.05,0.1,0.2."
                )
        RecipeOptions(epochs=self.tune_epochs).check()
        if self.tune_trials is not None:
            if not LEAST_TRIALS <= self.tune_trials <= MOST_TRIALS:
                raise SkipwiseError(
                    f"--tune-trials must lie between {LEAST_TRIALS} and {MOST_TRIALS}, not {self.tune_trials}."
                )
            require("optuna", extra="tune")

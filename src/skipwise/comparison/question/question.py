"""The question that a comparison answers: its networks, interim looks, margin and error rate."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from msgspec import UNSET, UnsetType

from skipwise.core.deprecation import earlier_name
from skipwise.core.differences import compared
from skipwise.core.errors import SkipwiseError
from skipwise.evaluation.outcomes import Outcome, outcome_of
from skipwise.nets.catalogue import check_model
from skipwise.statistics import MOST_SEEDS, SCHEDULE, pair_level

FEWEST, LEAST = 3, 2
"""The fewest seeds that a verdict should rest on, and the fewest with which there is one."""
LEAST_ALPHA = 1e-9
"""The smallest alpha that is accepted; below it, quantiles lose their digits."""


@dataclass(frozen=True, kw_only=True)
class FurtherOutcome:
    """An outcome that is judged beside the first one.

    Args:
        outcome: the name of one of `evaluation.outcomes`.
        margin: the difference in it that would not matter, in its unit.
    """

    outcome: str
    margin: float

    def __post_init__(self) -> None:
        """Raises ValueError for an outcome that there is not."""
        _check_outcome(self.outcome)

    def __str__(self) -> str:
        return self.outcome

    @property
    def scoring(self) -> Outcome:
        """The outcome that it counts."""
        return outcome_of(self.outcome)


@dataclass(frozen=True, kw_only=True)
class Question:
    """The question that a comparison answers.

    Args:
        candidates: names of the networks, at least two.
        looks: the numbers of seeds after which the results are judged; increasing, the first at least 2.
        first_seed: the seeds are this one and those that follow it, the same for every candidate.
        margin: the difference in the outcome that would not matter, in the outcome's unit: percentage points, nats.
        alpha: the chance that any of the answers is wrong, about any outcome.
        outcome: what counts per image, the name of one of `evaluation.outcomes`; the choice, and who gets more seeds,
            go by it.
        every_pair: whether more seeds are spent also on pairs that have no part in the choice.
        further_outcomes: what else is judged; left out of files where there is none.
    """

    candidates: tuple[str, ...]
    looks: tuple[int, ...]
    first_seed: int = 0
    margin: float
    alpha: float
    outcome: str = "accuracy"
    every_pair: bool = False
    further_outcomes: tuple[FurtherOutcome, ...] | UnsetType = field(
        default=UNSET, metadata=compared("other outcomes are asked for beside the first one")
    )

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"candidates": "contenders"}
    contenders = earlier_name("candidates", "contenders")

    def __post_init__(self) -> None:
        """Raises ValueError for an outcome that there is not."""
        _check_outcome(self.outcome)

    @property
    def scoring(self) -> Outcome:
        """The outcome that is compared; of several, the first."""
        return outcome_of(self.outcome)

    @property
    def further(self) -> tuple[FurtherOutcome, ...]:
        """The other outcomes that are judged."""
        return () if isinstance(self.further_outcomes, UnsetType) else self.further_outcomes

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The names of all outcomes, the first one first."""
        return (self.outcome, *(each.outcome for each in self.further))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants of the test images that the outcomes read, each once."""
        return tuple(dict.fromkeys(v for name in self.outcomes if (v := outcome_of(name).variant)))

    @property
    def questions(self) -> tuple[Question, ...]:
        """The question about each outcome by itself, with its share of alpha.

        All intervals hold together (Bonferroni): what outcomes of the same answers have in common is not known before.
        """
        alone = replace(self, alpha=self.share_of_alpha, further_outcomes=UNSET)
        return (alone, *(replace(alone, outcome=each.outcome, margin=each.margin) for each in self.further))

    @property
    def share_of_alpha(self) -> float:
        """The chance that any of the answers about one of the outcomes is wrong."""
        return self.alpha / len(self.outcomes)

    @property
    def tolerance(self) -> float:
        """The margin as a difference of scores: 0.005 for half a point."""
        return self.margin / self.scoring.scale

    @property
    def seeds(self) -> tuple[int, ...]:
        """All that may be needed."""
        return tuple(range(self.first_seed, self.first_seed + self.looks[-1]))

    @property
    def level(self) -> float:
        """The level of each pair's interval at each look, so that together they miss with probability `alpha`."""
        return pair_level(len(self.candidates), self.looks, self.share_of_alpha)

    def check(self) -> None:
        """Raises SkipwiseError where the question can't be answered."""
        if len(self.candidates) < 2:
            raise SkipwiseError("A comparison needs at least two networks; name them with --models a,b.")
        for name in self.candidates:
            if self.candidates.count(name) > 1:
                raise SkipwiseError(f"{name!r} is among the networks twice; name each network once in --models.")
            check_model(name)
        if not self.scoring.can_decide:
            raise SkipwiseError(
                f"No network can be chosen by {self.outcome} alone, as one that only guesses would win: it relies on "
                f"nothing. Name another outcome first, such as --outcome accuracy,{self.outcome}."
            )
        for each in self.questions:
            each.scoring.check_margin(each.margin)
        if not LEAST_ALPHA <= self.alpha < 1:
            raise SkipwiseError(f"--alpha must lie between {LEAST_ALPHA:g} and 1, not {self.alpha:g}.")


def _check_outcome(name: str) -> None:
    """Raises ValueError, which a record that is read may raise, for an outcome that there is not."""
    try:
        outcome_of(name)
    except SkipwiseError as error:
        raise ValueError(str(error)) from error


def choose_looks(seeds: int | None, looks: Sequence[int] | None) -> tuple[int, ...]:
    """The looks of a question: one, after so many seeds, or those given, or the usual ones.

    Raises:
        SkipwiseError: both are given, numbers that no interval can be made of, or that do not rise.
    """
    if seeds is not None and looks is not None:
        raise SkipwiseError("--seeds asks for one look and --looks for several; give one of them.")
    if seeds is not None:
        if seeds < 2:
            raise SkipwiseError(
                f"--seeds {seeds} can't be compared: no interval can be given from fewer than two runs of a network, "
                "since nothing shows how much a run varies; use --seeds 2 or, better, 5."
            )
        looks = (seeds,)
    chosen = SCHEDULE if looks is None else tuple(looks)
    if not chosen or chosen[0] < 2 or any(a >= b for a, b in itertools.pairwise(chosen)):
        shown = f"; not {','.join(map(str, chosen))}" if chosen else ""
        raise SkipwiseError(f"--looks must be rising numbers of seeds, the first at least 2, like 5,8,12{shown}.")
    if chosen[-1] > MOST_SEEDS:
        raise SkipwiseError(f"At most {MOST_SEEDS:,} seeds can be compared, not {chosen[-1]:,}.")
    return chosen

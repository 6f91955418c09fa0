"""The results of a comparison: one record without a clock in it, and one with the timings on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from msgspec import UNSET, UnsetType

from skipwise.comparison.question.question import Question
from skipwise.comparison.results.disagreements import Disagreement, Divided
from skipwise.comparison.results.judged import JudgedOutcome, Reached, find_pair
from skipwise.comparison.results.learning_curve import LearningCurve
from skipwise.comparison.results.recommendation import Recommendation
from skipwise.comparison.results.target import TargetEpochs
from skipwise.core.deprecation import earlier_name
from skipwise.core.machine.system import Machine
from skipwise.cost.counts import Counts
from skipwise.cost.interleaved import Timing
from skipwise.cost.price import Price
from skipwise.evaluation.calibration import Calibration
from skipwise.evaluation.metrics import Metrics
from skipwise.evaluation.outcomes import Outcome
from skipwise.statistics import Climb, Estimate, Pair, Share, Spreads, beaten
from skipwise.training.tuning.space import LR
from skipwise.training.tuning.tried import Tried


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One run in short. Metrics are None where it failed or the split is empty; `reason` says why it failed; `fold` is
    the part of the images it was tested on, in cross-validation. `not_learned` is the likely cause where it learned
    nothing, "" where nobody knows it."""

    seed: int
    fold: int | None = None
    status: str
    reason: str | None
    val: Metrics | None
    test: Metrics | None
    not_learned: str | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network's results over its seeds.

    Args:
        lr: the peak learning rate, its own where rates were tuned.
        tuned: the hyperparameters that were tuned; left out where none were, or learning rates only.
        outcome: the mean of what the question counts over runs that learned, None with fewer than two such seeds.
        accuracy: the mean accuracy of runs that learned, None with no such seed.
        without_near_duplicates: that on the test images without a near-duplicate in another split; None if all or
            none have one.
        per_class: that on each class's images, in the order of `Results.classes`; () with no finished seed.
        runs: in the order of their seeds; as many as the question needed.
        repeated: the seeds that gave the same answers as an earlier one to the last bit, which none should.
        not_trained: why it is left out of the verdicts, where the time was too short to train it.
        climb: what the last part of its training brought on the validation images, where that can be told.
        not_learned: how many of its runs learned nothing; None in records of earlier versions, and without runs.
        calibration: how far its confidence is from its accuracy on all test images; None in records of earlier
            versions, and without runs that learned.
    """

    name: str
    counts: Counts | None
    lr: float
    outcome: Estimate | None
    accuracy: float | None
    without_near_duplicates: float | None
    per_class: tuple[float, ...]
    runs: tuple[RunResult, ...]
    repeated: tuple[int, ...]
    not_trained: str | None = None
    climb: Climb | None = None
    not_learned: Share | None = None
    calibration: Calibration | None = None
    tuned: dict[str, float] | UnsetType = UNSET

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"without_near_duplicates": "without_twins"}
    without_twins = earlier_name("without_near_duplicates", "without_twins")

    @property
    def chosen(self) -> Mapping[str, float]:
        """The values of the hyperparameters that may have been tuned."""
        return {LR: self.lr} if isinstance(self.tuned, UnsetType) else self.tuned

    @property
    def failed(self) -> int:
        """The number of its runs that failed."""
        return sum(run.status == "failed" for run in self.runs)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that it was trained with."""
        return tuple(dict.fromkeys(run.seed for run in self.runs))

    @property
    def seeds_that_count(self) -> tuple[int, ...]:
        """The seeds of which every run finished and learned: in cross-validation, the runs of all folds."""
        left_out = {run.seed for run in self.runs if run.status != "finished" or run.not_learned is not None}
        return tuple(seed for seed in self.seeds if seed not in left_out)

    @property
    def folds(self) -> int:
        """The number of runs for each seed: one, or one per fold."""
        return len({run.fold for run in self.runs}) or 1


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at the data: after how many seeds, which candidates had been trained so far and which pairs it decided."""

    seeds: int
    candidates: tuple[str, ...]
    decided: tuple[tuple[str, str], ...]

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"candidates": "contenders"}
    contenders = earlier_name("candidates", "contenders")


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """A cross-check on a pair: the 95% interval, for it alone, by resampling seeds and images."""

    a: str
    b: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """The errors (or the loss) of network a divided by those of b, with the 95% interval for this pair alone."""

    a: str
    b: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Results:
    """`comparison.json`: the same plan gives the same bytes.

    `plan` is the digest of the plan it was made under; `near_duplicates` is the number of test images that are, exactly
    or nearly, among the training or validation images too; `guess` is the outcome of whoever knows only how common each
    class is: for accuracy, of always answering the commonest.
    `class_images` counts the test images of each class. `test_groups` is the number of groups that the test images
    belong to, None where each is by itself; `grouped_by` is what said so, beside near-duplicates. `divided` has the
    images on which the two networks of a pair disagree; () in records of earlier versions. `further_outcomes`
    has what was found by the other outcomes that were asked for, `spreads` how much the outcome varies with the seed,
    `target_epochs` how many epochs an accuracy takes, and `learning_curve` what more training images would bring, where
    that was asked for; each is left out of files where there is none.
    """

    plan: str
    question: Question
    data: str
    fingerprint: str
    test_images: int
    near_duplicates: int
    guess: float
    classes: tuple[str, ...]
    class_images: tuple[int, ...]
    exploratory: bool
    folds: int | None
    candidates: tuple[Candidate, ...]
    pairs: tuple[Pair, ...]
    looks: tuple[Look, ...]
    bootstraps: tuple[Bootstrap, ...]
    disagreements: tuple[Disagreement, ...]
    tried: tuple[Tried, ...]
    test_groups: int | None = None
    grouped_by: str = ""
    ratios: tuple[Ratio, ...] = ()
    divided: tuple[Divided, ...] = ()
    further_outcomes: tuple[JudgedOutcome, ...] | UnsetType = UNSET
    spreads: Spreads | UnsetType = UNSET
    target_epochs: TargetEpochs | UnsetType = UNSET
    learning_curve: LearningCurve | UnsetType = UNSET

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"candidates": "contenders", "near_duplicates": "twins"}
    contenders = earlier_name("candidates", "contenders")
    twins = earlier_name("near_duplicates", "twins")

    @property
    def further(self) -> tuple[JudgedOutcome, ...]:
        """The results by each further outcome."""
        return () if isinstance(self.further_outcomes, UnsetType) else self.further_outcomes

    @property
    def judged(self) -> tuple[JudgedOutcome, ...]:
        """The results by each outcome, the first one first; in the order of `question.questions`."""
        question = self.question
        first = JudgedOutcome(
            outcome=question.outcome,
            margin=question.margin,
            networks=tuple(Reached(name=c.name, outcome=c.outcome) for c in self.candidates),
            pairs=self.pairs,
        )
        return (first, *self.further)

    def pair(self, a: str, b: str) -> Pair | None:
        """The pair as seen from a's side, whichever way round it is kept; None if it could not be judged."""
        return find_pair(self.pairs, a, b)

    def division(self, a: str, b: str) -> Divided | None:
        """The images on which a and b disagree, as seen from a's side; None where that is not known."""
        for each in self.divided:
            if (each.a, each.b) == (a, b):
                return each
            if (each.a, each.b) == (b, a):
                return each.turned()
        return None

    def beaten(self) -> dict[str, str]:
        """The candidates shown to be more than the margin behind another one, and which; see `statistics.beaten`."""
        outcome = self.question.scoring
        return beaten([as_advantage(pair, outcome) for pair in self.pairs], self.question.tolerance)

    def advantage(self, a: str, b: str) -> Pair | None:
        """Returns how much better a is than b, below 0 where it is worse; None if the pair could not be judged."""
        pair = self.pair(a, b)
        return None if pair is None else as_advantage(pair, self.question.scoring)

    @property
    def class_images_that_count(self) -> tuple[int, ...]:
        """The number of test images of each class that the question counts."""
        chosen = set(self.question.scoring.class_numbers(self.classes))
        return tuple(count if c in chosen else 0 for c, count in enumerate(self.class_images))


def as_advantage(pair: Pair, outcome: Outcome) -> Pair:
    """The pair with a difference that says how much better its first network is, whichever way is better."""
    if outcome.higher_is_better:
        return pair
    return replace(pair, difference=-pair.difference, low=-pair.high, high=-pair.low)


@dataclass(frozen=True, kw_only=True)
class Settling:
    """A look that more seeds would allow.

    Args:
        seeds: of each network that the choice could not be told apart from, and of the choice.
        chance: the probability that nothing of that is open then; see `statistics.foresee`.
        least, most: the same if the networks are as much alike, or as different, as is plausible; None in records of
            earlier versions.
    """

    seeds: int
    chance: float
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, kw_only=True)
class Costs:
    """`costs.json`: what was timed on this machine, and the recommendation that rests on it.

    Args:
        threads: with which latencies were measured.
        latencies: seconds per image at batch 1.
        recommendation: made with these latencies, without limits.
        run_seconds: the median time that a run of each candidate took, beside the others that went on at once; {} in
            records of earlier versions, and without runs of this comparison.
        processes: how many runs went on at once.
        curve_seconds: the time of those runs that made a learning curve; None where there are none.
        tuning_seconds: the time of those runs that tuned learning rates; None where there are none, and in records of
            earlier versions.
        trained_seconds: the time of all runs together, those that tuned learning rates or made a learning curve
            included, but not those that were trained before; None in records of earlier versions.
        finished: the day on which the comparison was finished, such as "2026-11-30" (UTC); "" in records of earlier
            versions.
        price: of a machine, where it was named.
        settling: what more seeds may settle; None where nothing is open, and in records of earlier versions.
    """

    machine: Machine
    threads: int
    latencies: dict[str, Timing]
    recommendation: Recommendation
    run_seconds: dict[str, float] = field(default_factory=dict)
    processes: int = 1
    trained_seconds: float | None = None
    finished: str = ""
    price: Price | None = None
    settling: Settling | None = None
    tuning_seconds: float | None = None
    curve_seconds: float | None = None

    @property
    def medians(self) -> dict[str, float]:
        """The median seconds per image of each candidate."""
        return {name: timing.median for name, timing in self.latencies.items()}

"""The results of a comparison: one record without a clock in it, and one with the timings on this machine."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from msgspec import UNSET, UnsetType

from skipwise.comparison.plan.question import Question
from skipwise.comparison.results.judged import JudgedOutcome, Reached, find_pair
from skipwise.comparison.results.target import TargetEpochs
from skipwise.core.deprecation import earlier_name
from skipwise.core.machine.system import Machine
from skipwise.cost.counts import Counts
from skipwise.cost.interleaved import Timing
from skipwise.evaluation.calibration import Calibration
from skipwise.evaluation.metrics import Metrics
from skipwise.evaluation.outcomes import Outcome
from skipwise.statistics import Climb, Estimate, Pair, Share, Spreads, beaten

Quantity = Literal["latency", "size", "multiply-adds", "outcome"]
Basis = Literal[
    "too few compared", "none fits", "only one fits", "cheapest of those as good", "alone as good", "best guess"
]
"""The reason why a candidate was chosen, or why none was."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One run in short. Metrics are None where it failed or the split is empty; `reason` says why it failed; `fold` is
    the part of the images it was tested on, in cross-validation. `not_learned` is the likely cause where it learned
    nothing."""

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

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"without_near_duplicates": "without_twins"}
    without_twins = earlier_name("without_near_duplicates", "without_twins")

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
class Disagreement:
    """A test image that some candidates mostly get right and others mostly wrong.

    Args:
        id: its path, as in split.csv.
        label: its class.
        right: the share of each candidate's runs that got it right, in the order of the candidates; None without runs.
        answers: each candidate's commonest answer.
    """

    id: str
    label: str
    right: tuple[float | None, ...]
    answers: tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class DividingImage:
    """A test image that most runs of one network get right, and most runs of another get wrong.

    Args:
        id: its path, as in split.csv.
        label: its class.
        right_a, right_b: the share of the runs of each that got it right.
        answer_a, answer_b: the commonest answer of each.
    """

    id: str
    label: str
    right_a: float
    right_b: float
    answer_a: str
    answer_b: str


@dataclass(frozen=True, kw_only=True)
class Divided:
    """The test images on which two networks disagree.

    Args:
        a, b: the networks.
        only_a: the number of images that most runs of a get right, and most runs of b get wrong.
        only_b: the number of those the other way round.
        images: some of them, those first on which they differ most.
    """

    a: str
    b: str
    only_a: int
    only_b: int
    images: tuple[DividingImage, ...]

    def turned(self) -> Divided:
        """The same from b's side, those first that b gets right."""
        images = tuple(
            replace(i, right_a=i.right_b, right_b=i.right_a, answer_a=i.answer_b, answer_b=i.answer_a)
            for i in sorted(self.images, key=lambda image: image.right_a > image.right_b)
        )
        return Divided(a=self.b, b=self.a, only_a=self.only_b, only_b=self.only_a, images=images)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A learning rate that was tried: the outcome on the validation images, None where the run failed."""

    model: str
    lr: float
    outcome: float | None
    nll: float | None


@dataclass(frozen=True, kw_only=True)
class Excess:
    """A limit that a candidate breaks.

    Args:
        quantity: what is limited.
        value: the candidate's, in seconds, bytes, multiply-adds or as a score; None where it is not known.
        limit: in the same unit.
    """

    quantity: Quantity
    value: float | None
    limit: float


@dataclass(frozen=True, kw_only=True)
class Faster:
    """A candidate that is faster than the recommended one.

    Args:
        name: the candidate.
        latency: seconds per image.
    """

    name: str
    latency: float


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The candidate to use, and what that rests on; `Comparison.verdict` says it in words.

    Args:
        candidate: the choice; None if nothing could be compared or nothing fits.
        shown: whether it was shown to be less than the margin worse than every other one that fits.
        largest_loss: the most it may be worse than one of them (`against`) that is not excluded, as a difference of
            scores (for accuracy, a fraction); None where there is no other, or no bound.
        against: the candidate that it may be furthest behind.
        unfit: the limits that each candidate breaks, for those that break any.
        basis: why this candidate was chosen; None in records of earlier versions.
        latency: its seconds per image; None where that was not measured.
        where: the machine on which latencies were measured.
        fastest: the fastest candidate that fits, if it is faster than the choice.
        as_good: all candidates that are shown to be less than the margin worse than every other one that fits.
        rivals: the candidates from which a best guess could not be told apart.
        level: the candidates that did exactly as well as a best guess.
        faster: the fastest candidate that is faster than a best guess and shown to be as good, if there is one.
        faster_rival: the fastest of `rivals` that is faster than a best guess, if there is one.
        not_reached: the outcome that was asked for, where it is not shown that the choice reaches it.
    """

    candidate: str | None
    shown: bool
    largest_loss: float | None
    against: str | None
    unfit: dict[str, tuple[Excess, ...]]
    basis: Basis | None = None
    latency: float | None = None
    where: str = ""
    fastest: Faster | None = None
    as_good: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    faster: Faster | None = None
    faster_rival: Faster | None = None
    not_reached: float | None = None

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"candidate": "contender"}
    contender = earlier_name("candidate", "contender")

    @property
    def sentence(self) -> str:
        """The choice in a few words; replaced by `Comparison.verdict`, which says how sure it is, too."""
        warnings.warn("`recommendation.sentence` is now `Comparison.verdict`.", DeprecationWarning, stacklevel=2)
        if self.candidate is None:
            return "No network can be recommended."
        return f"Use {self.candidate}." if self.shown else f"Use {self.candidate}, if you must choose now."

    @property
    def separating(self) -> tuple[str, ...]:
        """Always empty; replaced by `Comparison.verdict`, which says what would change it."""
        warnings.warn("`recommendation.separating` is now in `Comparison.verdict`.", DeprecationWarning, stacklevel=2)
        return ()


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
    and `target_epochs` how many epochs an accuracy takes, where one was asked for; each is left out of files where
    there is none.
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
class Costs:
    """`costs.json`: what was timed on this machine, and the recommendation that rests on it.

    Args:
        threads: with which latencies were measured.
        latencies: seconds per image at batch 1.
        recommendation: made with these latencies, without limits.
        run_seconds: the median time that a run of each candidate took, beside the others that went on at once; {} in
            records of earlier versions, and without runs of this comparison.
        processes: how many runs went on at once.
        trained_seconds: the time of all runs together, those that tuned learning rates included, but not those that
            were trained before; None in records of earlier versions.
        finished: the day on which the comparison was finished, such as "2026-11-30" (UTC); "" in records of earlier
            versions.
    """

    machine: Machine
    threads: int
    latencies: dict[str, Timing]
    recommendation: Recommendation
    run_seconds: dict[str, float] = field(default_factory=dict)
    processes: int = 1
    trained_seconds: float | None = None
    finished: str = ""

    @property
    def medians(self) -> dict[str, float]:
        """The median seconds per image of each candidate."""
        return {name: timing.median for name, timing in self.latencies.items()}

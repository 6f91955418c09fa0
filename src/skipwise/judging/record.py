"""Records of a judgement: its plan, its results, and the folder where they are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from skipwise.comparison.question.question import Question
from skipwise.comparison.results.records import Candidate, Results, RunResult
from skipwise.core.shown import Shown
from skipwise.core.workspace.workspace import Workspace
from skipwise.statistics import Estimate, Pair, Share

RECORD, REPORT, PLAN = "judge.json", "judge.md", "plan.json"


@dataclass(frozen=True, kw_only=True)
class JudgePlan:
    """The predictions that are judged, and the question.

    Args:
        question: the networks, the outcome, the margin and alpha.
        fingerprint: a hash of the images' ids and labels, and of all answers and scores.
        grouped_by: what says which images belong together; "" where each is by itself.
        sources: where the predictions were read, as they were named.
    """

    question: Question
    fingerprint: str
    grouped_by: str
    sources: tuple[str, ...]

    def same_as(self, other: JudgePlan) -> bool:
        """Returns whether both ask the same of the same predictions, wherever these lie."""
        return (self.question, self.fingerprint) == (other.question, other.fingerprint)

    def difference(self, other: JudgePlan) -> str:
        """Returns a phrase for the user that names what differs."""
        if self.question.candidates != other.question.candidates:
            return f"it is about {', '.join(other.question.candidates)}"
        if self.question != other.question:
            return "the outcome, the margin or alpha differ"
        return "the predictions differ"


@dataclass(frozen=True, kw_only=True)
class JudgedNetwork:
    """A network's results over its seeds.

    Args:
        name: the network's name.
        seeds: its seeds.
        unlearned: those of its seeds whose answers show nothing that was learned; they are in no interval.
        outcome: the mean of what is compared, with its interval; None with too few seeds that learned.
        accuracy: the mean accuracy over seeds that learned, a fraction; None without any.
        per_class: the accuracy on the images of each class, 0 where there are none; () without any such seed.
        not_learned: how many of its seeds learned nothing, with the share of all seeds that may.
    """

    name: str
    seeds: tuple[int, ...]
    unlearned: tuple[int, ...]
    outcome: Estimate | None
    accuracy: float | None
    per_class: tuple[float, ...]
    not_learned: Share | None


@dataclass(frozen=True, kw_only=True)
class OneSeedPair:
    """A second opinion on two files of one seed each: McNemar's exact test, for this pair alone.

    Args:
        a, b: the networks.
        only_a, only_b: images that only this one got right.
        p: the exact two-sided value; None where images belong together, as the test takes each for independent.
    """

    a: str
    b: str
    only_a: int
    only_b: int
    p: float | None


@dataclass(frozen=True, kw_only=True)
class Judged(Shown):
    """The verdicts on some networks' predictions: `judge.json`.

    Args:
        question: the networks, the outcome, the margin and alpha.
        images: how many they were tested on.
        classes: the names of the classes.
        class_images: how many images each class has.
        groups: how many groups the images belong to; None where each is by itself.
        grouped_by: what says so.
        guess: the outcome of whoever knows only how common each class is.
        networks: the results of each network.
        pairs: the difference of each pair with its interval and verdict, which hold for all pairs at once.
        one_seed: McNemar's test for each pair, where each network has one seed; () otherwise.
        compared: what was compared, in a phrase.
        notes: what a reader must know beside the answer, a sentence each.
        verdict: the answer in a few sentences.

    Example:
        >>> import skipwise
        >>> labels = np.arange(1000) % 4
        >>> def answers(wrong, seed):
        ...     return np.where((np.arange(1000) + seed) % 100 < wrong, (labels + 1) % 4, labels)
        >>> old, new = [answers(20, 0), answers(20, 1)], [answers(5, 0), answers(5, 1)]
        >>> found = skipwise.judge_predictions(labels, {"old": old, "new": new})
        >>> found.pairs[0].verdict, found.networks[1].accuracy
        ('worse', 0.95)
        >>> print(found.verdict[0])
        Use new: it is shown to be better than every other network, by at least ... points.
    """

    question: Question
    images: int
    classes: tuple[str, ...]
    class_images: tuple[int, ...]
    groups: int | None
    grouped_by: str
    guess: float
    networks: tuple[JudgedNetwork, ...]
    pairs: tuple[Pair, ...]
    one_seed: tuple[OneSeedPair, ...]
    compared: str
    notes: tuple[str, ...]
    verdict: tuple[str, ...]

    @property
    def has_one_seed(self) -> bool:
        """True if it is about single files rather than networks, as there is one seed of each."""
        return all(len(network.seeds) == 1 for network in self.networks)

    @property
    def results(self) -> Results:
        """The same as a comparison's results, without what only a comparison knows."""
        return Results(
            plan="",
            question=self.question,
            data="",
            fingerprint="",
            test_images=self.images,
            near_duplicates=0,
            guess=self.guess,
            classes=self.classes,
            class_images=self.class_images,
            exploratory=False,
            folds=None,
            candidates=tuple(_candidate(network) for network in self.networks),
            pairs=self.pairs,
            looks=(),
            bootstraps=(),
            disagreements=(),
            tried=(),
            test_groups=self.groups,
            grouped_by=self.grouped_by,
        )


def _candidate(network: JudgedNetwork) -> Candidate:
    return Candidate(
        name=network.name,
        counts=None,
        lr=math.nan,  # nobody knows it
        outcome=network.outcome,
        accuracy=network.accuracy,
        without_near_duplicates=None,
        per_class=network.per_class,
        runs=tuple(
            RunResult(
                seed=seed,
                status="finished",
                reason=None,
                val=None,
                test=None,
                not_learned="" if seed in network.unlearned else None,
            )
            for seed in network.seeds
        ),
        repeated=(),
        not_learned=network.not_learned,
    )


@dataclass(frozen=True, kw_only=True)
class JudgeReport(Shown):
    """A finished judgement: where it is and what it says.

    Args:
        folder: where judge.json and judge.md are.
        plan: what was judged.
        judged: what was found.
        repeated: whether it was there already, and nothing was done now.

    Example:
        >>> import skipwise
        >>> report = skipwise.judge(["a-s0.csv", "a-s1.csv", "b-s0.csv", "b-s1.csv"])
        >>> report.judged.networks[0].seeds, report.page.name
        ((0, 1), 'judge.md')
    """

    folder: Path
    plan: JudgePlan
    judged: Judged
    repeated: bool = False

    @property
    def page(self) -> Path:
        """The report for people, in Markdown."""
        return self.folder / REPORT


JUDGEMENTS = Workspace(
    parent=Path("runs/judge"),
    noun="a judgement",
    plan_file=PLAN,
    results=(REPORT, RECORD),
    kind=JudgePlan,
    renamable=False,
)

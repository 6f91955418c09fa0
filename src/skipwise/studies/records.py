"""Records of a study: its plan, its results, and the report of its verb."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.comparison.plan.planned import Planned
from skipwise.core.shown import Shown
from skipwise.core.workspace.workspace import Workspace
from skipwise.statistics.records import Estimate
from skipwise.studies.answers import Answer, Verdict
from skipwise.studies.designs import Part, Scale, Setup

RECORD = "study.json"


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """`plan.json` of a study: its design, as it stood when it was begun, with what was measured for it.

    Args:
        study: its name.
        scale: "small" or "full".
        seed: the first seed.
        setup: as the table has it.
        settled: the same, with what was measured for it; None before that.
    """

    study: str
    scale: Scale
    seed: int
    setup: Setup
    settled: Setup | None = None

    def same_as(self, other: StudyPlan) -> bool:
        """Returns whether it is the same study; its measurements may differ today."""
        return replace(self, settled=None) == replace(other, settled=None)

    def difference(self, other: StudyPlan) -> str:
        """Returns a phrase for the user that names what differs from a stored plan."""
        for name in ("study", "scale", "seed"):
            if getattr(self, name) != getattr(other, name):
                return f"its {name} is {getattr(other, name)}"
        return "its design is another"


@dataclass(frozen=True, kw_only=True)
class OutcomeFound:
    """A further outcome of a network, with its interval; None with fewer than two runs that learned."""

    outcome: str
    value: Estimate | None


@dataclass(frozen=True, kw_only=True)
class NetworkFound:
    """A network in a comparison of a study.

    Args:
        name: the network.
        parameters, multiply_adds: counted; None where it could not be built.
        outcome: the mean of what is compared with its interval; None with fewer than two runs that learned.
        train_loss: the mean loss in the last epoch, in nats; None without finished runs.
        spread: the standard deviation of the accuracy over runs that learned; None with fewer than two.
        runs: finished runs.
        learned: those of them that learned anything.
        failed: runs that failed.
        further: the other outcomes.
    """

    name: str
    parameters: int | None
    multiply_adds: int | None
    outcome: Estimate | None
    train_loss: float | None
    spread: float | None
    runs: int
    learned: int
    failed: int
    further: tuple[OutcomeFound, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NormsFound:
    """The change of the loss's gradient with depth in a network: the geometric mean of its runs.

    Args:
        name: the network.
        runs: in which it was recorded.
        blocks: of the network.
        before, after: by what factor the gradient's root mean square grows from one block to the one before it, before
            the first step and after the last epoch; None where it is not finite.
    """

    name: str
    runs: int
    blocks: int
    before: float | None
    after: float | None


@dataclass(frozen=True, kw_only=True)
class ComparisonFound:
    """A comparison of a study.

    Args:
        name: of its design.
        title: what it is for.
        command: the command that does it without `study`.
        outline: the images, the question and the recipe, a line each.
        plan: the digest of its plan.
        data: the name of the set.
        fingerprint: of the images and their split.
        outcome: the first outcome.
        seeds: of the runs of each network.
        steps: the optimizer's steps of a run.
        networks: what became of each network.
        norms: how gradients change from block to block, where that was recorded.
    """

    name: str
    title: str
    command: str
    outline: tuple[str, ...]
    plan: str
    data: str
    fingerprint: str
    outcome: str
    seeds: tuple[int, ...]
    steps: int
    networks: tuple[NetworkFound, ...]
    norms: tuple[NormsFound, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The answer to a part of the claim.

    Args:
        part: the part.
        value, low, high: how much better `part.a` does than `part.b`, or how much more it has, with its interval; None
            where there is none.
        unit: of these numbers.
        verdict: on that pair, from the side of `part.a`.
        answer: what follows for the claim.
        margin: the difference that would not matter; None where every difference does.
        seeds_to_settle: about how many seeds would settle it if what was observed is the truth.
        details: what else was found, a sentence each.
    """

    part: Part
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str
    verdict: Verdict
    answer: Answer
    margin: float | None = None
    seeds_to_settle: int | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of a network of a study on the machine that did it.

    Args:
        comparison, name: the design and the network.
        latency: the median seconds of a forward pass of one image, one image at a time.
        run: the median seconds of a run, beside the others that went on at once.
    """

    comparison: str
    name: str
    latency: float | None
    run: float | None


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """`study.json`, and docs/studies/NAME.json: all that the page of a study says.

    Args:
        study, scale, seed: which study it is.
        claim, source, reasons, not_covered, would_change, rule: as the table had them.
        alpha: the probability that any of the intervals misses the truth.
        measured: what was measured, and what followed from it.
        comparisons: what was compared.
        findings: the answers to the parts of the claim.
        verdict: on the claim.
        version: of Skipwise.
        machine: the processor and what else times depend on.
        costs: what was timed. Nothing else here depends on a clock.
        notes: what a reader should know of how this study was done.
    """

    study: str
    scale: Scale
    seed: int
    claim: str
    source: str
    reasons: tuple[str, ...]
    not_covered: tuple[str, ...]
    would_change: tuple[str, ...]
    rule: str
    alpha: float
    measured: tuple[str, ...]
    comparisons: tuple[ComparisonFound, ...]
    findings: tuple[Finding, ...]
    verdict: Answer
    version: str
    machine: str
    costs: tuple[Cost, ...]
    notes: tuple[str, ...] = ()


STUDIES_DONE = Workspace(
    parent=Path("runs/study"), noun="a study", plan_file="plan.json", results=(RECORD,), kind=StudyPlan
)


@dataclass(frozen=True, kw_only=True)
class StudyReport(Shown):
    """A finished study.

    Args:
        folder: where its comparisons are.
        record: what it found.
        page: docs/studies/NAME.md, or where else the page was asked for.
        repeated: whether it was finished before, and nothing was trained now.

    Example:
        >>> import skipwise
        >>> skipwise.StudyReport.__name__, RECORD
        ('StudyReport', 'study.json')
        >>> found = skipwise.study("squeeze-excite", data=["cifar10=cifar10.zip"])  # doctest: +SKIP
        >>> [(each.part.claim, each.answer) for each in found.record.findings]  # doctest: +SKIP
    """

    folder: Path
    record: StudyRecord
    page: Path
    repeated: bool


@dataclass(frozen=True, kw_only=True)
class PlannedStudy(Shown):
    """The runs that a study would do.

    Args:
        study: its name.
        claim: what it tests.
        folder: where its results are, or would be.
        setup: its comparisons, with what was measured for them.
        comparisons: the comparisons, each as `skipwise.compare` plans it.
        seconds: the expected time; None where nothing is left to do.
        finished: whether the study is finished.
    """

    study: str
    claim: str
    folder: Path
    setup: Setup
    comparisons: tuple[Planned, ...]
    seconds: float | None
    finished: bool

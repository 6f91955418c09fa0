"""A finished comparison: read back, and its report written again."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import UnsetType

from skipwise.comparison.options import ReportOptions
from skipwise.comparison.plan.curve import PARTS
from skipwise.comparison.plan.layout import COSTS, PLAN, REPORT, RESULTS
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.comparison.question.target import check_reachable, target_of
from skipwise.comparison.results.choice import choose
from skipwise.comparison.results.records import Costs, Results
from skipwise.core.addresses import is_address
from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.escaping import json_text
from skipwise.core.files.checksums import read_sealed
from skipwise.core.files.json_records import as_json
from skipwise.core.remote.copies import local_path
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.cost.price import Price, parse_price
from skipwise.training.callbacks import RunEnd
from skipwise.training.folder.files import read_history
from skipwise.training.folder.names import RECORD
from skipwise.training.folder.record import read_run
from skipwise.training.folder.state import EpochMetrics

FORMATS = ("html", "md", "json")
AGAIN = "remove it and give the command that made the comparison again"
PICTURES = "pictures.json"
"""The images that the report shows, so that it can be written again."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Shown):
    """A finished comparison.

    Args:
        folder: where its files are.
        plan: what was fixed before it began.
        results: accuracies, pairs and verdicts: comparison.json.
        costs: parameters, latencies and the recommendation: costs.json.
        repeated: whether it was finished before, and nothing was done now.

    Example:
        >>> import skipwise
        >>> found = skipwise.recommend("runs/compare/images").comparison  # or what skipwise.compare returns
        >>> found.results.question.candidates[:2], found.report.name
        (('resnet18', 'se_resnet18'), 'report.html')
        >>> found.costs.medians["resnet18"] * 1000  # milliseconds per image
        9.8
    """

    folder: Path
    plan: Plan
    results: Results
    costs: Costs
    repeated: bool

    @property
    def verdict(self) -> tuple[str, ...]:
        """The answer in a few sentences: what to use, how sure that is, what would change it and what that costs."""
        from skipwise.comparison.wording.answer import answer  # which is above the records

        return answer(self.results, self.costs.recommendation, self.costs).sentences

    @property
    def claims(self) -> tuple[str, ...]:
        """The findings by the outcomes beside the first one, a sentence each; () where there is one outcome."""
        from skipwise.comparison.wording.further import claims, further  # which are above the records

        return tuple(sentence for found in further(self.results) for sentence in claims(*found))

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.folder / REPORT


def read_comparison(folder: Path) -> Comparison:
    """A finished comparison.

    Raises:
        SkipwiseError: there is none in the folder, it is not finished, or its plan was changed afterwards.
    """
    if not (folder / PLAN).is_file():
        raise SkipwiseError(f"There is no comparison in {folder}; 'skipwise compare' makes one.")
    if not COMPARISONS.is_finished(folder):
        raise SkipwiseError(f"The comparison in {folder} is not finished; give the command that started it again.")
    plan = read_sealed(folder / PLAN, Plan, mend="put it back, or compare in another folder")
    results = read_sealed(folder / RESULTS, Results, mend=AGAIN)
    if plan.digest() != results.plan:
        raise SkipwiseError(
            f"{folder / PLAN} is not the plan that {folder / 'comparison.json'} was made under; put it back, or "
            "compare in another folder."
        )
    costs = read_sealed(folder / COSTS, Costs, mend=AGAIN)
    if costs.recommendation.basis is None:
        # Earlier versions kept it in words only.
        costs = replace(costs, recommendation=choose(results, costs.medians))
    return Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=True)


@takes(ReportOptions)
def report(comparison: str | os.PathLike[str], *, options: ReportOptions) -> Path | str:
    """Writes the report of a finished comparison again.

    Args:
        comparison: the folder of the comparison.

    Returns:
        The path of the page for "html"; the text itself for "md" and "json".

    Raises:
        SkipwiseError: there is no finished comparison in the folder, it is damaged, or there is no such format.

    Example:
        >>> import skipwise
        >>> text = skipwise.report("runs/compare/images", format="md")
        >>> "| network |" in text
        True
    """
    format = options.format
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if format == "html" and is_address(comparison):
        raise SkipwiseError(
            f"The page can't be written to {comparison}; copy the comparison here first, or take --format md or json."
        )
    price = None if options.cost.price is None else parse_price(options.cost.price)
    found = priced(_asked_of(read_comparison(local_path(comparison)), options.target.target_accuracy), price)
    if format == "md":
        from skipwise.comparison.report.markdown import markdown  # not for those who only read

        return markdown(found.plan, found.results, found.costs)
    if format == "json":
        return record(found)
    from skipwise.comparison.report.rewrite import rewrite_report  # not for those who only read

    return rewrite_report(found)


def priced(found: Comparison, price: Price | None) -> Comparison:
    """A comparison with a price of machines that is named only now."""
    return found if price is None else replace(found, costs=replace(found.costs, price=price))


def _asked_of(found: Comparison, accuracy: float | None) -> Comparison:
    """A comparison, with the epochs that an accuracy takes where that is asked only now."""
    target = target_of(accuracy)
    check_reachable(target, found.plan.split_images["val"], planned=False)
    if target is None:
        return found
    from skipwise.comparison.evidence.by_seed import target_epochs  # not for those who only read

    added = target_epochs(found.plan, found.folder, found.results.candidates, target)
    return replace(found, results=replace(found.results, target_epochs=added))


def record(comparison: Comparison) -> str:
    """A comparison as one JSON record."""
    claims = {"claims": comparison.claims} if comparison.results.further else {}
    fields = {"folder": str(comparison.folder), "verdict": comparison.verdict, **claims, "plan": comparison.plan}
    return json_text(as_json({**fields, "results": comparison.results, "costs": comparison.costs}))


def histories(plan: Plan, folder: Path, results: Results) -> dict[str, list[tuple[EpochMetrics, ...]]]:
    """The epochs of every candidate's runs."""
    return {
        candidate.name: [
            read_history(folder / job.folder)
            for seed in dict.fromkeys(run.seed for run in candidate.runs)
            for job in plan.jobs(candidate.name, seed)
        ]
        for candidate in results.candidates
    }


def runs_of(found: Comparison) -> list[RunEnd]:
    """The ends of a finished comparison's runs, as far as their folders are still there."""
    results, plan = found.results, found.plan
    jobs = [
        plan.tuning_job(
            run.model,
            run.searched,
            trial=run.trial if isinstance(run.trial, int) else 0,
            epochs=run.epochs if isinstance(run.epochs, int) else None,
        )
        for run in results.tried
    ]
    for candidate in results.candidates:
        jobs += [job for seed in candidate.seeds for job in plan.jobs(candidate.name, seed, tuned=candidate.chosen)]
        if not isinstance(results.learning_curve, UnsetType) and results.learning_curve.network == candidate.name:
            for part, seed in itertools.product(PARTS, plan.curve_seeds):
                jobs += plan.curve_jobs(candidate.name, part, seed, tuned=candidate.chosen)
    ended = []
    for job in jobs:
        if (found.folder / job.folder / RECORD).is_file():
            record = read_run(found.folder / job.folder)
            ended.append(RunEnd(run=job.folder, record=record, earlier=True))
    return ended

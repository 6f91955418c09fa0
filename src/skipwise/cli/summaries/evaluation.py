"""The summary of an evaluation in the terminal; it needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from skipwise.cli.program import as_typed
from skipwise.core.progress import Console
from skipwise.core.remote.copies import local_path
from skipwise.core.text import command, finished_already
from skipwise.deploy.artifact.artifact import is_artifact
from skipwise.evaluating.record import PREDICTIONS, EvaluationReport
from skipwise.evaluating.relying import relied, rows
from skipwise.evaluating.report import corruption_wording, wording
from skipwise.evaluation.reliance import Reliance
from skipwise.evaluation.robustness import Robustness
from skipwise.training.folder.dropped import has_dropped_weights


def print_evaluation(report: EvaluationReport, *, network: str, described: Sequence[str | Path] = ()) -> None:
    """Prints how good the network is, by class too, whether its confidence can be trusted, and where the rest is.

    Args:
        network: the folder or the file that was named, for the command to type next.
        described: the options that describe a file of weights, for that command.
    """
    console, found = Console(), report.evaluation
    model, split = report.record.plan.model, report.record.plan.split

    def sentence(text: str | None, style: str = "") -> None:
        if text:
            console.print(Text(text, style=style), soft_wrap=not console.is_terminal)

    if report.repeated:
        sentence(finished_already(report.folder))
    scores, few = wording.weakest_first(found), wording.FEW_CLASSES
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("class", overflow="fold")
    for heading in ("images", "precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    for each in scores[:few]:
        shares = (each.precision, each.recall, each.f1)
        table.add_row(Text(each.name), f"{each.images:,}", *(wording.share(share) for share in shares))
    console.print()
    console.print(table)
    if len(scores) > few:
        sentence(f"{len(scores) - few:,} more classes are recognised better; the page has them all.")
    console.print()
    numbers = Table(box=None, pad_edge=False, show_header=False, padding=(0, 3, 0, 0))
    for outcome in found.outcomes:
        numbers.add_row(wording.measure(outcome, split), wording.measured(outcome))
    console.print(numbers)
    console.print()
    if report.robustness is not None:
        console.print(_corruptions(report.robustness))
        console.print()
    if report.reliance is not None:
        console.print(_backgrounds(report.reliance))
        console.print()
    sentence(wording.headline(found, model), "bold")
    sentence(wording.against_guessing(found))
    sentence(wording.weakest(found))
    sentence(wording.trust(found))
    sentence(wording.scaled(found))
    sentence(wording.operating(found))
    for refusal in wording.refusals(found):
        sentence(refusal)
    if report.robustness is not None:
        sentence(corruption_wording.mean_accuracy(report.robustness))
        sentence(corruption_wording.most_harmful(report.robustness))
    if report.reliance is not None:
        sentence(relied(report.reliance))
    console.print()
    console.print(Text(f"Page:    {report.page}"), soft_wrap=True)
    console.print(Text(f"Answers: {report.folder / PREDICTIONS}"), soft_wrap=True)
    verb, rest = "export", list(described)
    if is_artifact(local_path(network)):
        verb, rest = "predict", ["path/to/images"]
    elif has_dropped_weights(local_path(network)):
        verb = "restore"
    elif local_path(network).is_file() and "--classes" not in rest:
        rest += ["--classes", ",".join(found.classes)]
    console.print(Text(f"Next:    {as_typed(command('skipwise', verb, Path(network), *rest))}"), soft_wrap=True)


def _corruptions(found: Robustness) -> Table:
    """The accuracy under each kind of corruption in percent, the worst kind first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("right, in %, under")
    table.add_column("mean", justify="right")
    for severity in found.severities:
        table.add_column(f"sev. {severity}", justify="right")
    for kind in found.worst_first:
        cells = (f"{100 * cell.accuracy.value:.0f}" for cell in kind.cells)
        table.add_row(corruption_wording.kind_name(kind), f"{100 * kind.accuracy.value:.1f}", *cells)
    return table


def _backgrounds(found: Reliance) -> Table:
    """The accuracy before each background."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("background")
    table.add_column("right", justify="right")
    for name, value in rows(found):
        table.add_row(name, value)
    return table

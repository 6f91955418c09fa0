"""What a person reads of an evaluation at the end; without torch."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from skipwise.core.progress import Console
from skipwise.core.text import command, finished_already
from skipwise.deploy.artifact.artifact import is_artifact
from skipwise.evaluating import wording
from skipwise.evaluating.record import PREDICTIONS, EvaluationReport


def print_evaluation(report: EvaluationReport, *, network: str) -> None:
    """How good the network is, class by class, what its confidence is worth, and where the rest is.

    Args:
        network: the folder that was named, for the command to type next.
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
    sentence(wording.headline(found, model), "bold")
    sentence(wording.against_guessing(found))
    sentence(wording.weakest(found))
    sentence(wording.trust(found))
    sentence(wording.scaled(found))
    sentence(wording.operating(found))
    for refusal in wording.refusals(found):
        sentence(refusal)
    console.print()
    console.print(Text(f"Page:    {report.page}"), soft_wrap=True)
    console.print(Text(f"Answers: {report.folder / PREDICTIONS}"), soft_wrap=True)
    verb, rest = ("predict", ["path/to/images"]) if is_artifact(Path(network)) else ("export", [])
    console.print(Text(f"Next:    {command('skipwise', verb, Path(network), *rest)}"), soft_wrap=True)

"""The summary of a single run in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import UnsetType
from rich.text import Text

from skipwise.cli.program import as_typed
from skipwise.cli.summaries.next_steps import rival_of
from skipwise.core.progress import Console
from skipwise.core.text import command, count, finished_already
from skipwise.evaluating.record import EvaluationReport
from skipwise.evaluating.report import wording
from skipwise.evaluation.one_network import Evaluation
from skipwise.statistics.runs.shares import exact
from skipwise.training.train import Trained
from skipwise.training.tuning.space import LR
from skipwise.training.tuning.wording import tuning_said


def print_trained(trained: Trained, report: EvaluationReport | None, *, words: Sequence[str | Path]) -> None:
    """Prints the result of a run, its folder and the next command.

    Args:
        report: its evaluation; None where there is none.
        words: the images as they were named, and the options that were given and that `compare` has, too.
    """
    console = Console()
    record, spec = trained.record, trained.plan.spec
    if trained.repeated:
        console.print(Text(finished_already(trained.folder)), soft_wrap=True)
    console.print()
    if record.status == "failed":
        console.print(Text(f"The run failed: {record.reason}.", style="bold"))
    elif record.test is not None:
        sentences = [_accuracy(record.test.accuracy, trained.plan.split_images["test"], spec.model)]
        if report is not None:
            found = report.evaluation
            sentences = [wording.headline(found, spec.model), *_more(found)]
        if not isinstance(record.tuned, UnsetType):
            sentences.append(tuning_said(record.tuned))
        for number, sentence in enumerate(sentences):
            console.print(Text(sentence, style="" if number else "bold"), soft_wrap=not console.is_terminal)
        if record.lr_cuts:
            times = f"{len(record.lr_cuts)} times" if len(record.lr_cuts) > 1 else "once"
            again = f"The loss diverged {times}, and each time training went on at half the learning rate: lower --lr."
            console.print(Text(again), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Run:    {trained.folder}"), soft_wrap=True)
    if report is not None:
        console.print(Text(f"Page:   {report.page}"), soft_wrap=True)
    data, *options = words
    models = f"{spec.model},{rival_of(spec.model)}"
    following = command("skipwise", "compare", Path(data), "--models", models, *options)
    if record.status == "failed":
        tuned = trained.plan.tuning is not None and LR in trained.plan.tuning.names
        instead = " in place of --tune and --tune-trials" if tuned else ""
        rate = record.spec.recipe.lr / 10
        following = f"the same command with --lr {rate:g}{instead} (and another --output, if you gave one)"
    console.print(Text(f"Next:   {as_typed(following)}"), soft_wrap=True)


def _accuracy(accuracy: float, images: int, model: str) -> str:
    low, high = exact(accuracy * images, images, 0.05)
    return (
        f"{model} is right on {accuracy * 100:.1f}% of {count(images, 'test image')} (95% interval {low * 100:.1f} to "
        f"{high * 100:.1f}%)."
    )


def _more(found: Evaluation) -> list[str]:
    """Returns a few more sentences about a run."""
    sentences = (wording.against_guessing(found), wording.weakest(found), wording.trust(found))
    return [sentence for sentence in sentences if sentence]

"""The verb `evaluate` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import OwnModelOptions, PrintOptions, print_json
from skipwise.core.escaping import say
from skipwise.core.options import group, options
from skipwise.core.text import finished_already
from skipwise.evaluating.options import EvaluateOptions

Network = Annotated[
    str, typer.Argument(metavar="RUN|ARTIFACT", help="What 'skipwise train' or 'skipwise export' made.")
]
Images = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]",
        help="Labelled images, matched by the names of their classes. Without them, the run's own test images.",
    ),
]


@options()
class EvaluateOutput:
    """Options of `evaluate` that only the command line has."""

    own: OwnModelOptions = group(OwnModelOptions)
    record: PrintOptions = group(PrintOptions)


def evaluate(line: Line[EvaluateOptions], network: Network, data: Images = None, *, shown: EvaluateOutput) -> None:
    """Say how good a network is, what it gets wrong, and what its confidence is worth; write a page of it."""
    from skipwise.cli.summaries.evaluation import print_evaluation
    from skipwise.core.progress import Bar
    from skipwise.evaluating.evaluate import evaluate as run

    with Bar(sys.stderr) as bar:
        report = run(network, data, **line.given() | shown.own.trust, progress=bar.preparing, notice=bar.noticed)
    if shown.record.json:
        if report.repeated:
            say(finished_already(report.folder), sys.stderr)
        print_json({"folder": str(report.folder), "evaluation": report.record})
    else:
        print_evaluation(report, network=network)

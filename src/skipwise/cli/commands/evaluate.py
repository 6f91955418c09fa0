"""The verb `evaluate` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, print_json
from skipwise.core.escaping import say
from skipwise.core.options import declared, group, options
from skipwise.core.text import finished_already
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.evaluating.options import EvaluateOptions

Network = Annotated[
    str,
    typer.Argument(
        metavar="RUN|ARTIFACT|FILE",
        help="What 'skipwise train' or 'skipwise export' made, or a file of weights, with --model.",
    ),
]
Images = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="Labelled images, matched by the names of their classes. Without them, the run's own test images.",
    ),
]


NOT_OF_THE_FILE = {
    *("network", "data", "json"),
    *(name for name in declared(EvaluateOptions) if name not in declared(ExternalWeights)),
}
"""What the command to export a file of weights does not repeat."""


@options()
class EvaluateOutput:
    """Options of `evaluate` that only the command line has."""

    record: PrintOptions = group(PrintOptions)


def evaluate(line: Line[EvaluateOptions], network: Network, data: Images = None, *, shown: EvaluateOutput) -> None:
    """Say how good a network is, and what it gets wrong. Its page also says what its confidence is worth."""
    from skipwise.cli.summaries.evaluation import print_evaluation
    from skipwise.core.progress import Bar
    from skipwise.evaluating.evaluate import evaluate as run

    with Bar(sys.stderr) as bar:
        report = run(network, data, **line.given(), progress=bar.preparing, notice=bar.noticed)
    if shown.record.json:
        if report.repeated:
            say(finished_already(report.folder), sys.stderr)
        print_json({"folder": str(report.folder), "evaluation": report.record})
    else:
        described = line.words(without=NOT_OF_THE_FILE)
        print_evaluation(report, network=network, described=described)

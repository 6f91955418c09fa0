"""The verb `judge` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, print_json
from skipwise.core.escaping import say
from skipwise.core.text import finished_already
from skipwise.judging.options import JudgeOptions

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="Predictions: a file for each network and seed, called after both (resnet18-s0.csv), or tables that hold "
        "several. Tables (.csv, .tsv, .parquet, .xlsx, .jsonl) have id, label, and prediction or a column for each "
        "class; .npz files have such arrays. Folders of runs and evaluations will do, too.",
    ),
]


def judge(line: Line[JudgeOptions], files: Files, shown: PrintOptions) -> None:
    """Compare networks by predictions that any tool has made. Every pair gets an interval and a verdict."""
    from skipwise.core.progress import Bar
    from skipwise.judging.judge import judge as run

    with Bar(sys.stderr) as bar:
        report = run(files, **line.given(), progress=bar.preparing, notice=bar.noticed)
    if shown.json:
        if report.repeated:
            say(finished_already(report.folder), sys.stderr)
        print_json({"folder": str(report.folder), "judged": report.judged})
    else:
        from skipwise.cli.summaries.judgement import print_judgement

        print_judgement(report)

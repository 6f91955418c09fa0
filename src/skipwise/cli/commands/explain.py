"""The verb `explain` on the command line."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from skipwise.cli.commands.predict import Images
from skipwise.cli.declared import Line
from skipwise.cli.options import OwnModelOptions, PrintOptions, print_json
from skipwise.cli.program import as_typed
from skipwise.core.escaping import say
from skipwise.core.text import command, finished_already
from skipwise.explaining.options import ExplainOptions

Model = Annotated[
    str, typer.Argument(metavar="RUN|ARTIFACT", help="A finished run, or what 'skipwise export --explain' made.")
]


def explain(line: Line[ExplainOptions], run: Model, images: Images, own: OwnModelOptions, shown: PrintOptions) -> None:
    """Show in heat maps which parts of images the answers come from. --check says whether to believe the maps."""
    from skipwise.cli.summaries.explain import print_explanation
    from skipwise.core.progress import Bar
    from skipwise.core.remote.copies import local_path
    from skipwise.deploy.artifact.artifact import is_artifact
    from skipwise.explaining.explain import explain as run_explain

    warnings.filterwarnings("ignore", module="PIL")  # about odd metadata
    with Bar(sys.stderr) as bar:
        report = run_explain(Path(run), images, **line.given() | own.trust, progress=bar.preparing, notice=bar.noticed)
    if report.repeated and shown.json:
        say(finished_already(report.folder), sys.stderr)
    if shown.json:
        print_json({"folder": str(report.folder), "explanation": report.record})
    else:
        print_explanation(report)
        if report.record.checks is None and "-" not in images and not is_artifact(local_path(run)):
            checked = command("skipwise", "explain", *line.words(without={"json"}), "--check")
            say(f"Next:   {as_typed(checked)}")

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
        say(f"Next:   {as_typed(_next_command(run, report.record.model, own))}")


def _next_command(model: str, network: str, own: OwnModelOptions) -> str:
    """The command after an explanation: a run is exported so that it explains its answers wherever it is used; networks
    that can't be are evaluated, and what was exported is served."""
    from skipwise.core.remote.copies import local_path
    from skipwise.nets.external import is_external

    if not (local_path(model) / "run.json").exists():
        return command("skipwise", "serve", Path(model))
    trusted = ["--model", own.own_model] if own.own_model else []
    if is_external(network):
        return command("skipwise", "evaluate", Path(model), *trusted)
    return command("skipwise", "export", Path(model), "--explain")

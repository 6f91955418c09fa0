"""The verb `study` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import BEGAN, PrintOptions, print_json
from skipwise.core.escaping import say
from skipwise.core.text import finished_already
from skipwise.studies.options import StudyOptions

if TYPE_CHECKING:
    from skipwise.studies.records import PlannedStudy, StudyReport

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="STUDY",
        help="The name of a study: depth, squeeze-excite, robustness, bottleneck, inverted or initialisation. Without "
        "a name, all of them are listed with what they test and how long they take.",
    ),
]


def study(line: Line[StudyOptions], name: Name = None, *, shown: PrintOptions) -> None:
    """Test a claim about residual networks that people repeat. A page is written with a verdict."""
    from skipwise.cli.live import Screen

    if name is None:
        _list(line, json=shown.json)
        return
    from skipwise.studies.records import PlannedStudy
    from skipwise.studies.study import study as run

    with contextlib.redirect_stdout(sys.stderr), Screen(sys.stderr, BEGAN) as screen:
        found = run(name, **line.given(), callbacks=[screen])
    if isinstance(found, PlannedStudy):
        _print_planned(found, line, json=shown.json)
    else:
        _print(found, json=shown.json)


def _list(line: Line[StudyOptions], *, json: bool) -> None:
    from skipwise.cli.summaries.study import print_studies
    from skipwise.core.progress import Bar
    from skipwise.studies.listing import list_studies

    with Bar(sys.stderr) as bar:
        rows = list_studies(line.options.design.scale, progress=bar.preparing)
    if json:
        print_json(rows)
    else:
        print_studies(rows, typed=sys.argv)


def _print(report: StudyReport, *, json: bool) -> None:
    from skipwise.cli.summaries.study import print_study

    if json:
        if report.repeated:
            say(finished_already(report.folder), sys.stderr)
        print_json({"folder": str(report.folder), "page": str(report.page), "study": report.record})
    else:
        print_study(report, typed=sys.argv)


def _print_planned(planned: PlannedStudy, line: Line[StudyOptions], *, json: bool) -> None:
    from skipwise.cli.program import program_of
    from skipwise.cli.summaries.study import print_planned_study
    from skipwise.core.text import command

    following = command(*program_of(sys.argv), "study", *line.words(without={"dry_run", "json"}))
    if json:
        comparisons = [{"folder": str(each.folder), "plan": each.plan} for each in planned.comparisons]
        record = {name: getattr(planned, name) for name in ("study", "claim", "setup", "seconds", "finished")}
        print_json({"folder": str(planned.folder), **record, "comparisons": comparisons, "next": following})
    else:
        print_planned_study(planned, following)

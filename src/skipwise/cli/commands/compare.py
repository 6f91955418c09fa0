"""The verb `compare` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from skipwise.cli.advice import print_advice_on
from skipwise.cli.declared import Line
from skipwise.cli.options import BEGAN, AdviceOptions, Data, PrintOptions, print_json
from skipwise.comparison.options import CompareOptions
from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.escaping import say
from skipwise.core.options import group, option, options
from skipwise.core.text import command, finished_already

if TYPE_CHECKING:
    from skipwise.comparison.plan.planned import Planned
    from skipwise.comparison.results.finished import Comparison

PRINTED = ("text", "md", "json")
USUAL_LOOKS = (5, 8, 12)
"""Those of `compare`, which needs numpy to be imported."""


@options("Output")
class FormatOptions:
    """The format in which a comparison is printed."""

    format: str = option("text", "What to print: text, md (Markdown, for a pull request) or json.")


@options()
class CompareOutput:
    """The output options of `compare`."""

    text: FormatOptions = group(FormatOptions)
    advice: AdviceOptions = group(AdviceOptions)
    record: PrintOptions = group(PrintOptions)


def compare(line: Line[CompareOptions], data: Data, shown: CompareOutput) -> int:
    """Say which network to use on your images, and how sure that is. All are trained alike, each with several seeds."""
    format, json = _format(line, shown)
    if shown.advice.advice:
        study = line.options.study
        looks = 1 if study.seeds is not None else len(study.looks or USUAL_LOOKS)
        print_advice_on(data, line, networks=len(study.models), looks=looks, json=json)
        return 0
    from skipwise.cli.live import Screen
    from skipwise.comparison.compare import compare as run
    from skipwise.comparison.plan.planned import Planned

    # A network of one's own may print; standard output is for the result.
    with contextlib.redirect_stdout(sys.stderr), Screen(sys.stderr, BEGAN) as screen:
        found = run(data, **line.given(), began=BEGAN, callbacks=[screen])
    if isinstance(found, Planned):
        _print_planned(found, line, json=json)
        return 0
    _print(found, format)
    return 2 if any(candidate.failed for candidate in found.results.candidates) else 0


def _format(line: Line[CompareOptions], shown: CompareOutput) -> tuple[str, bool]:
    """Returns the output format, and whether it is JSON."""
    format, json = shown.text.format, shown.record.json
    if format not in PRINTED:
        raise unknown_name("format", format, PRINTED)
    if json and format != "text":
        raise SkipwiseError("--json and --format say different things; give one of them.")
    if line.options.planning.dry_run and format == "md":
        raise SkipwiseError("--dry-run prints text or json, and no Markdown; leave --format out.")
    return ("json", True) if json else (format, format == "json")


def _print(comparison: Comparison, format: str) -> None:
    # What prints is not imported before there is something to print.
    if comparison.repeated and format != "text":
        say(finished_already(comparison.folder), sys.stderr)
    if format == "json":
        from skipwise.comparison.results.finished import record

        print(record(comparison))
    elif format == "md":
        from skipwise.comparison.report.markdown import markdown

        say(markdown(comparison.plan, comparison.results, comparison.costs))
    else:
        from skipwise.cli.summaries.comparison import print_comparison

        print_comparison(comparison, typed=sys.argv)


def _print_planned(planned: Planned, line: Line[CompareOptions], *, json: bool) -> None:
    """Prints the result of a dry run. The next command carries out the plan, from its file if it was saved."""
    from skipwise.cli.program import program_of
    from skipwise.cli.summaries.planned import print_planned
    from skipwise.comparison.plan.saved import left_to
    from skipwise.comparison.wording.study import given_up

    saved, without = line.options.planning.save_plan, {"dry_run", "json", "format", "save_plan"}
    if saved is not None:
        without |= {"plan", *left_to(planned.plan)}
    words = [*line.words(without=without), *([] if saved is None else ["--plan", saved])]
    following = command(*program_of(sys.argv), "compare", *words)
    if not json:
        print_planned(planned, following)
        return
    record = {name: getattr(planned, name) for name in ("stage", "noticed", "plan", "forecast")}
    print_json({"folder": str(planned.folder), **record, "given_up": given_up(planned.plan), "next": following})

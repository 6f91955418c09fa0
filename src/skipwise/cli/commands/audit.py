"""The verb `audit` on the command line."""

from __future__ import annotations

import sys

from skipwise.auditing.options import AuditOptions
from skipwise.cli.declared import Line
from skipwise.cli.options import Data, PrintOptions, print_json
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.options import option, options
from skipwise.core.text import count, finished_already


@options("Output")
class StatusOptions:
    """Options for the exit status."""

    strict: bool = option(False, "Exit with status 2 if an image is in more than one split.")


def audit(line: Line[AuditOptions], data: Data, status: StatusOptions, shown: PrintOptions) -> None:
    """Show what is in a set of images, and what is wrong with it.

    Images are found that are unreadable, duplicated, in two splits, blank, odd or mislabelled. The exit status is 2 if
    something has to be corrected before training.
    """
    from skipwise.auditing.audit import audit as run_audit
    from skipwise.cli.summaries.audit import print_audit
    from skipwise.core.progress import Bar

    with Bar(sys.stderr) as bar:
        report = run_audit(data, **line.given(), progress=bar.preparing, notice=bar.noticed)
    if shown.json:
        if report.repeated:
            say(finished_already(report.folder), sys.stderr)
        print_json({"folder": str(report.folder), "audit": report.record})
    else:
        print_audit(report, typed=sys.argv)
    if faults := report.record.faults:
        what = f"{count(len(faults), 'fault')} {'has' if len(faults) == 1 else 'have'} to be corrected"
        # Whoever sends the audit into a file sees this sentence alone.
        above = not shown.json and sys.stdout.isatty()
        raise SkipwiseError(f"{data} can't be trained on yet: {what}, as said above." if above else faults[0])
    if status.strict and report.leaks:
        raise SkipwiseError(f"{report.leaks} (--strict)")

"""The verb `gate` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import OwnModelOptions, PrintOptions, print_json
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.paths import output_path
from skipwise.core.options import group, option, options
from skipwise.gating.options import GatingOptions

Old = Annotated[
    str,
    typer.Argument(
        metavar="OLD", help="The network in use: the folder of an exported network, of a run, or a file of predictions."
    ),
]
New = Annotated[str, typer.Argument(metavar="NEW", help="The network that is to replace it, in any of these forms.")]
Images = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="Labelled images, of which the test split is taken where there is one. Without them, the test images of "
        "the runs, or those in the files.",
    ),
]


@options("Output")
class MarkdownOptions:
    """Options for the report that a pull request shows."""

    markdown: str | None = option(
        None,
        "The file for the report in Markdown, or - to print it instead of the text.",
        unset="none",
        metavar="FILE",
        path=True,
    )


@options()
class GateOutput:
    """Options of `gate` that only the command line has."""

    own: OwnModelOptions = group(OwnModelOptions)
    report: MarkdownOptions = group(MarkdownOptions)
    record: PrintOptions = group(PrintOptions)


def gate(line: Line[GatingOptions], old: Old, new: New, data: Images = None, *, shown: GateOutput) -> int:
    """Say whether a new network may take an old one's place.

    The exit status is 0 if it is shown not to be worse by more than the margin, 1 if it is shown to be worse by more,
    and 3 if these images can't tell.
    """
    from skipwise.core.files.atomic import write_text
    from skipwise.core.progress import Bar
    from skipwise.gating.gate import gate as run

    file = shown.report.markdown
    if file == "-" and shown.record.json:
        raise SkipwiseError("--json and --markdown - both print to standard output; give --markdown a file.")
    path = None if file in (None, "-") else output_path(str(file))
    if path is not None and not path.parent.is_dir():  # said before the work
        raise SkipwiseError(f"There is no folder {path.parent} for --markdown; make it, or name another file.")
    with Bar(sys.stderr) as bar:
        found = run(old, new, data, **line.given() | shown.own.trust, progress=bar.preparing, notice=bar.noticed)
    if path is not None:
        write_text(path, found.markdown)
    if shown.record.json:
        print_json({"outcome": found.outcome, "status": found.status, "gate": found})
    elif file == "-":
        sys.stdout.write(found.markdown)
    else:
        from skipwise.cli.summaries.gate import print_gate

        print_gate(found, data=data, markdown=path)
    return found.status

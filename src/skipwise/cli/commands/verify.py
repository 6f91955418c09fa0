"""The verb `verify` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import OwnModelOptions, PrintOptions, print_json
from skipwise.cli.program import as_typed
from skipwise.core.addresses import is_address
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.files.paths import output_path
from skipwise.core.options import group, option, options
from skipwise.core.text import command
from skipwise.deploy.verify.options import VerifyOptions

Artifact = Annotated[str, typer.Argument(metavar="ARTIFACT", help="A folder that 'skipwise export' made.")]
Images = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="Labelled images; of the run's own, the test images are taken."),
]


@options("Output")
class CertificateOptions:
    """Options for the folder of the certificate and for the exit status."""

    output: str | None = option(
        None, "The folder for the certificate.", unset="the artifact's", metavar="FOLDER", short="-o", path=True
    )
    strict: bool = option(
        False, "Exit with status 1 unless the artifact is certified, also if there are too few images to tell."
    )


@options()
class VerifyOutput:
    """Options of `verify` that only the command line has."""

    own: OwnModelOptions = group(OwnModelOptions)
    certificate: CertificateOptions = group(CertificateOptions)
    record: PrintOptions = group(PrintOptions)


def verify(line: Line[VerifyOptions], artifact: Artifact, data: Images = None, *, shown: VerifyOutput) -> int:
    """Check that an exported file answers as its network does.

    The exit status is 1 if it does not. If the images are too few to tell what INT8 costs, that is a warning and status
    0, or 1 with --strict.
    """
    from skipwise.core.files.folders import make_folder
    from skipwise.core.progress import Bar
    from skipwise.core.remote.copies import local_path
    from skipwise.deploy.verify.certificate import write_certificate
    from skipwise.deploy.verify.verify import verify as check
    from skipwise.deploy.verify.wording import HEADINGS, backend_rows, speed_rows, verdict

    output, strict = shown.certificate.output, shown.certificate.strict
    if strict and data is None:
        raise SkipwiseError("--strict needs images: golden ones alone certify nothing. Name labelled images as DATA.")
    if data is not None and output is None and is_address(artifact):
        raise SkipwiseError(f"A certificate can't be written to {artifact}; name a folder for it with --output.")
    folder = local_path(artifact) if output is None else output_path(output)
    if (data is not None or output is not None) and folder.is_dir():
        make_folder(folder)  # where the certificate can't be written, that is said before the work
    with Bar(sys.stderr) as bar:
        found = check(artifact, data, **line.given() | shown.own.trust, progress=bar.preparing)
    certificate = found.certificate
    status = 0 if certificate.certified or (certificate.passed and not strict) else 1
    page = write_certificate(found, output) if data is not None or output is not None else None
    if shown.record.json:
        print_json({"folder": str(found.folder), "certificate": certificate})
        return status
    _table(HEADINGS, list(backend_rows(certificate)))
    if certificate.speeds:
        _table(*speed_rows(certificate))
    for note in certificate.notes:
        say(note)
    say(verdict(found))
    say()
    if page is not None:
        say(f"Certificate: {page}")
    if not certificate.images:
        say(f"Next:        {as_typed(command('skipwise', 'verify', Path(artifact), 'path/to/test/images'))}")
    elif certificate.passed:
        say(f"Next:        {as_typed(command('skipwise', 'predict', Path(artifact), 'path/to/images'))}")
    return status


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from skipwise.core.progress import Console

    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    console.print(table)
    console.print()

"""The verb `audit`: what is wrong with a set of images, as a record and a page."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from skipwise.auditing.contact_sheets import contact_sheets
from skipwise.auditing.options import AuditOptions
from skipwise.auditing.page import audit_page
from skipwise.auditing.record import AUDITS, PAGE, AuditReport, Record
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import clear_leftovers, write_text
from skipwise.core.files.paths import output_path
from skipwise.core.remote.copies import local_path
from skipwise.core.reporting import Progress
from skipwise.core.signatures import takes
from skipwise.core.workspace.task import Task
from skipwise.data.faults import unreadable_images
from skipwise.data.prepare import files_left_out, obstacles
from skipwise.data.quality.findings import Finding, examine
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources import open_source
from skipwise.data.splits import read_split


@takes(AuditOptions)
def audit(
    data: str | os.PathLike[str],
    *,
    options: AuditOptions,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> AuditReport:
    """Writes a page with a contact sheet of each class, and with what is wrong with the images; changes no image.

    It looks for images that are unreadable, there more than once, in more than one split, under two labels, blank, very
    small or very narrow. If the same images with the same findings have a folder in runs/audit, it is shown again.

    Args:
        data: the name of a data set, or the path of a folder, an archive or a table.
        progress: called as progress(what, done, total) while the images are read; None by default.
        notice: called with each sentence that a person should know; by default nothing is called.

    Returns:
        The findings and where the page is. What would keep `compare` from starting is in `record.faults`.

    Raises:
        SkipwiseError: the images can't be found, none of them can be read, they are no data set, or the folder for the
            results holds something else; nothing is written then.

    Example:
        >>> import skipwise
        >>> report = skipwise.audit("digits", output="audit-of-digits")
        >>> report.record.counts.findings, report.record.faults
        ({}, ())
        >>> sorted(path.name for path in report.folder.glob("audit.*"))
        ['audit.html', 'audit.json']
    """
    split, run, output = options.images.split, options.finding.run, options.folder.output
    source = open_source(data, options.reading, progress)
    notes = tuple(files_left_out(source))
    for sentence in (source.reading, *notes):
        notice(sentence)
    used = np.ones(len(source.ids), dtype=bool)
    if split is not None:
        source = replace(source, splits=tuple(read_split(local_path(split), source.ids).tolist()))
        used = np.array(source.splits) != ""
    doubted: list[Finding] = []
    if run is not None:
        from skipwise.auditing.doubted_labels import (
            doubted_by,  # only here is torch needed, which takes half a gigabyte
        )

        doubted = doubted_by(source, local_path(run))
    seen = scan_images(source, progress).for_images(used)
    for sentence in seen.notes:
        notice(sentence)
    if not (used & seen.readable).any():
        raise SkipwiseError(f"No image of {source.name} can be read; is {data} what you meant?")
    found = examine(source, seen, used, progress)
    faults = obstacles(source, seen, found, used)
    unreadable = unreadable_images(source, seen, used)  # each of them is a finding of its own
    layout = [fault for fault in faults if fault not in unreadable]
    findings = (*(Finding(kind="layout", files=(), detail=fault) for fault in layout), *found.findings, *doubted)
    record = Record(
        data=source.name,
        reading=source.reading,
        notes=notes,
        fingerprint=seen.fingerprint(source, np.flatnonzero(used)),
        counts=replace(found.counts, findings=dict(sorted(Counter(finding.kind for finding in findings).items()))),
        faults=tuple(faults),
        findings=findings,
    )
    leaks = found.leaks()
    excluded = {name for finding in findings for name in finding.exclude}
    rest = used & np.array([name not in excluded for name in source.ids])
    task = Task(
        workspace=AUDITS,
        plan=record,
        name=source.name,
        output=output_path(output) if output is not None else None,
        again=options.folder.again,
        notice=notice,
    )
    made = partial(
        AuditReport,
        data=str(data),
        record=record,
        leaks=leaks,
        trainable_without=not obstacles(source, seen, found, rest),
    )
    place = task.find()
    if place.finished:
        return made(folder=place.folder, repeated=True)
    sheets = contact_sheets(source, used, seen.readable, record.fingerprint)
    page = audit_page(source, seen, record, sheets, leaks=leaks, progress=progress)
    with task.open() as place:
        if place.finished:  # another process was quicker
            return made(folder=place.folder, repeated=True)
        clear_leftovers(place.folder)
        write_text(place.folder / PAGE, page)
        AUDITS.begin(place.folder, record)
    return made(folder=place.folder)

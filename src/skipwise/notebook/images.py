"""An audit of images, and advice on them, in a notebook."""

from __future__ import annotations

from skipwise.advice.advise import Advice, described
from skipwise.auditing.record import AuditReport
from skipwise.auditing.wording import TITLES, TO_MEND, summary
from skipwise.core.text import command, first, shortened
from skipwise.notebook.before import finished_before
from skipwise.pages import card

MOST_LINES = 5
NAMED = 3
LONGEST = 300
"""Characters of an example."""


def audit(report: AuditReport) -> str:
    """The findings by kind with an example of each, what must be corrected, and where the page is."""
    record, rows = report.record, []
    for kind, title in TITLES.items():
        mine = [finding for finding in record.findings if finding.kind == kind]
        if mine and kind != "layout":  # those are faults, which are listed by themselves
            files = ", ".join(mine[0].files[:NAMED]) + (", ..." if len(mine[0].files) > NAMED else "")
            example = f"{files}: {mine[0].detail}" if files else mine[0].detail
            rows.append((title, f"{len(mine):,}", shortened(example, LONGEST)))
    return card.card(
        finished_before(report.folder) if report.repeated else None,
        card.lead(summary(record), "bad" if record.faults else ""),
        card.said([record.reading, *record.notes, report.leaks], soft=True),
        card.said([f"{TO_MEND}:"] if record.faults else []),
        card.listed(first(record.faults, MOST_LINES)),
        card.table(("found", "times", "for example"), rows, left=3),
        card.where(("Page", report.page), ("Record, for exclude=", report.file)),
    )


def advice(found: Advice) -> str:
    """The properties of the images, and each piece of advice with its reason."""
    rows = [(point.topic, point.advice, point.reason) for point in found.points]
    flags = [card.where(("Options", command(*found.flags)))] if found.flags else []
    return card.card(
        card.lead(described(found.traits, photographs=found.photographs)),
        card.table(("about", "advice", "because"), rows, left=3),
        *flags,
    )

"""Studies in a notebook."""

from __future__ import annotations

from skipwise.comparison.wording.plans import outlined
from skipwise.core.text import duration
from skipwise.notebook.before import finished_before
from skipwise.pages import card
from skipwise.studies.page import difference, verdict_of
from skipwise.studies.records import PlannedStudy, StudyReport


def study(report: StudyReport) -> str:
    """The claim, the verdict, and the answer to each part of the claim."""
    record = report.record
    rows = [(each.part.claim, each.answer, difference(each)) for each in record.findings]
    return card.card(
        finished_before(report.folder) if report.repeated else None,
        card.lead(f"{record.claim} {verdict_of(record)}"),
        card.table(("part of the claim", "answer", "found"), rows, left=3),
        card.folded("What this does not cover", card.listed(record.not_covered)),
        card.where(("Page", report.page)),
    )


def planned(found: PlannedStudy) -> str:
    """The claim, what would be compared, and how long that takes."""
    took = [] if found.seconds is None else [f"Expected: about {duration(found.seconds)}."]
    designs = zip(found.setup.designs, found.comparisons, strict=True)
    return card.card(
        card.lead(found.claim),
        card.said([*took, "The study is finished." if found.finished else "Nothing was trained."]),
        card.listed(found.setup.measured),
        *(card.folded(design.title, card.listed(outlined(each.plan))) for design, each in designs),
        card.where(("Folder", found.folder)),
    )

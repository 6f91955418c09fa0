"""Verdicts on predictions, and gates, in a notebook."""

from __future__ import annotations

from markupsafe import Markup

from skipwise.comparison.wording import phrases
from skipwise.core.text import count
from skipwise.gating import wording as gate_wording
from skipwise.gating.record import GateReport
from skipwise.judging.record import Judged, JudgeReport
from skipwise.judging.wording import not_covered
from skipwise.notebook.before import finished_before
from skipwise.notebook.comparing import MOST_ROWS, pair_table
from skipwise.pages import card

LOST = 10
"""Images by name, at most."""


def judged(found: Judged) -> str:
    """The answer, the networks and the pairs."""
    return card.card(*_judged(found))


def report(found: JudgeReport) -> str:
    """The same, and where the report is."""
    return card.card(
        finished_before(found.folder) if found.repeated else None,
        *_judged(found.judged),
        card.where(("Report", found.page)),
    )


def _judged(found: Judged) -> list[Markup]:
    question, results = found.question, found.results
    first, *rest = found.verdict
    rows = [
        (each.name, phrases.reached(each, question), phrases.runs_done(each)) for each in results.candidates[:MOST_ROWS]
    ]
    headings = ("network", f"{phrases.measure(question)} ({phrases.sure(question)})", "seeds")
    return [
        card.lead(first),
        card.said(rest),
        card.said([f"Compared: {found.compared}."], soft=True),
        card.table(headings, rows),
        pair_table(results),
        card.folded("What to know beside this", card.listed(found.notes)),
        card.said([not_covered(found)], soft=True),
    ]


def gated(found: GateReport) -> str:
    """Whether the new network may take the old one's place, both side by side, and the classes."""
    first, *rest = found.verdict
    mood: card.Mood = {"pass": "sure", "fail": "bad", "cannot tell": ""}[found.outcome]  # type: ignore[assignment]
    classes, more = gate_wording.class_rows(found)
    lost = Markup().join(
        (
            card.listed(found.lost[:LOST]),
            card.said([f"And {found.drop.lost - LOST:,} more."] if found.drop.lost > LOST else []),
        )
    )
    return card.card(
        card.lead(first, mood),
        card.said(rest),
        card.said([f"Tested on {count(found.drop.images, 'image')}: {found.data}."], soft=True),
        card.table(("", "old", "new"), gate_wording.side_rows(found)),
        card.folded(
            "Per class",
            card.table(gate_wording.CLASS_HEADINGS, classes),
            card.said([f"{more:,} more classes lost fewer." if more else "", gate_wording.DESCRIPTIVE], soft=True),
        ),
        card.folded(f"Images that only the old network got right ({found.drop.lost:,})", lost) if found.lost else None,
        card.folded("What to know beside this", card.listed(found.notes)),
    )

"""A gate's report in GitHub's Markdown, for a pull request."""

from __future__ import annotations

from skipwise.comparison.report.tables import table
from skipwise.core.escaping import markdown as escaped
from skipwise.core.text import count
from skipwise.gating import wording
from skipwise.gating.record import GateReport

SIGNS = {"pass": "✅", "fail": "❌", "cannot tell": "⚠️"}
SHOWN = 10
"""Images that were lost, by name."""


def markdown(report: GateReport) -> str:
    """The answer, both networks, the classes, what to mind and what is not covered."""
    first, *rest = report.verdict
    classes, more = wording.class_rows(report)
    rows = [[escaped(cell) for cell in row] for row in wording.side_rows(report)]
    groups = f" in {count(report.drop.groups, 'group')} ({escaped(report.grouped_by)})" if report.grouped_by else ""
    sections = [
        f"### {SIGNS[report.outcome]} {escaped(first)}",
        "\n".join(f"- {escaped(sentence)}" for sentence in rest),
        f"Tested on {count(report.drop.images, 'image')}{groups}: {escaped(report.data)}.",
        table(["", f"old: {escaped(report.old.name)}", f"new: {escaped(report.new.name)}"], rows, left=1),
        "" if report.speed is None else escaped(wording.about_speed(report.speed)),
        "\n".join(f"- {escaped(note)}" for note in report.notes),
        _details("Per class", [table(wording.CLASS_HEADINGS, [_escaped(row) for row in classes], left=1),
                               f"{more:,} more classes lost fewer." if more else "", wording.DESCRIPTIVE]),
        _lost(report),
        "The interval is about these two networks on such images. Not covered: other data, and what the same recipe "
        "would give with another seed.",
    ]  # fmt: skip
    return "\n\n".join(filter(None, sections)) + "\n"


def _escaped(row: tuple[str, ...]) -> list[str]:
    return [escaped(cell) for cell in row]


def _lost(report: GateReport) -> str:
    if not report.lost:
        return ""
    names = "\n".join(f"- {escaped(name)}" for name in report.lost[:SHOWN])
    more = report.drop.lost - min(len(report.lost), SHOWN)
    return _details(f"Images that only the old network got right ({report.drop.lost:,})", [
        names, f"And {more:,} more." if more else "",
    ])  # fmt: skip


def _details(title: str, parts: list[str]) -> str:
    """A section that is folded up."""
    inside = "\n\n".join(filter(None, parts))
    return f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>"

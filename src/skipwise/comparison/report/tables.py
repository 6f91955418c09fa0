"""Tables in GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Its first `left` columns and those that hold sentences are aligned to the left, the others to the right."""
    rules = ["---" if index < left or heading == "verdict" else "---:" for index, heading in enumerate(headings)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows))

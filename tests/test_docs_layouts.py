"""docs/layouts.md lists the layouts that the table of the code has."""

from __future__ import annotations

from pathlib import Path

from skipwise.data.sources import LAYOUTS

PAGE = Path(__file__).parent.parent / "docs" / "layouts.md"


def test_the_page_has_the_table_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = text.partition("<!-- layouts -->\n")[2].partition("<!-- end of layouts -->")[0]
    rows = [f"| {layout.title} | {layout.example} |" for layout in LAYOUTS]
    assert written == "\n".join(["| layout | what it looks like |", "|---|---|", *rows, ""])

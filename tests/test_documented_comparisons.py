"""The comparisons that are kept in docs/comparisons say what their records say; these were written before records had
checksums."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipwise.comparison.results.finished import read_comparison, report

KEPT = Path(__file__).parents[1] / "docs" / "comparisons"
pytestmark = pytest.mark.filterwarnings("ignore::skipwise.core.files.checksums.UnsealedWarning")
FOLDERS = sorted(folder.name for folder in KEPT.iterdir() if folder.is_dir())


def test_there_are_some() -> None:
    assert FOLDERS


@pytest.mark.parametrize("name", FOLDERS)
def test_a_kept_report_is_what_its_records_give(name: str) -> None:
    assert (KEPT / name / "report.md").read_text() == report(KEPT / name, format="md")


@pytest.mark.parametrize("name", FOLDERS)
def test_the_page_quotes_what_was_found(name: str) -> None:
    """Its sentence and the accuracy of every network stand in the text about them."""
    page = " ".join((KEPT.parent / "comparisons.md").read_text().split())
    found = read_comparison(KEPT / name)
    assert found.verdict[0] in page
    for candidate in found.results.candidates:
        assert candidate.accuracy is not None
        assert f"| {candidate.name} | {candidate.accuracy:.2%} |" in page

"""The report of a finished comparison, written again from its records."""

from __future__ import annotations

from pathlib import Path

from skipwise.comparison.plan.layout import COSTS
from skipwise.comparison.report.networks import write_network_pages
from skipwise.comparison.report.page import write_report
from skipwise.comparison.report.thumbnails import FromSource
from skipwise.comparison.results.finished import AGAIN, PICTURES, Comparison, histories
from skipwise.core.errors import Damaged
from skipwise.core.files.checksums import check_files
from skipwise.core.files.json_records import read_json
from skipwise.pages.pictures import FEW_PIXELS, is_data_url


def rewrite_report(found: Comparison) -> Path:
    """Writes the page again, and the pages of networks that are missing; returns where it is.

    Raises:
        SkipwiseError: a file of the comparison is damaged, or the disk is full, ...
    """
    plan, folder, results = found.plan, found.folder, found.results
    path = folder / PICTURES
    check_files(folder / COSTS, PICTURES, mend=AGAIN)
    shown = read_json(path, dict[str, str]) if path.exists() else {}
    if not all(map(is_data_url, shown.values())):
        raise Damaged(f"{path} was changed: it names pictures that are elsewhere; {AGAIN}.")
    pages = write_network_pages(
        plan, folder, results, FromSource(plan, folder), few_pixels=plan.preprocessing.size < FEW_PIXELS
    )
    write_report(found.report, plan, results, found.costs, histories(plan, folder, results), shown, pages)
    return found.report

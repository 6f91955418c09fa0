"""The findings of an audit in words, for the terminal and for the page."""

from __future__ import annotations

from skipwise.auditing.record import AUDIT, Record
from skipwise.core.text import count
from skipwise.data.quality.findings import Kind

TO_MEND = "Has to be corrected before training"

TITLES: dict[Kind, str] = {
    "layout": TO_MEND,
    "unreadable": "Can't be read",
    "leakage": "In more than one split",
    "two_labels": "Same image, different labels",
    "exact_duplicates": "Identical files",
    "near_duplicates": "Nearly identical images",
    "looks_mislabelled": "Possibly mislabelled",
    "nearly_blank": "Nearly blank",
    "tiny": "Very small",
    "extreme_shape": "Very long or narrow",
    "small_class": "Small classes",
    "imbalance": "Unbalanced classes",
    "ignored": "Files that are left out",
}


def summary(record: Record) -> str:
    """States in a sentence or two how many images are flagged."""
    counts = record.counts
    images = f"{count(counts.images, 'image')} in {count(len(counts.classes), 'class')}"
    flagged = {name for finding in record.findings for name in finding.files if finding.kind != "ignored"}
    excluded = {name for finding in record.findings for name in finding.exclude}
    about_classes = [finding.detail for finding in record.findings if finding.kind in ("small_class", "imbalance")]
    if not flagged and not about_classes and not record.faults:
        return f"{images}: no problems found."
    if not flagged:
        return " ".join([f"{images}: no image is flagged.", *about_classes[:1]])
    are = "is" if len(flagged) == 1 else "are"
    sentence = f"{len(flagged):,} of {images} {are} flagged."
    if not excluded:
        return f"{sentence} None of them has to be left out."
    return f"{sentence} --exclude {AUDIT} leaves out {len(excluded):,} of them."

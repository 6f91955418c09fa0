"""Where each page of the site stands. A page that no row names is a how-to, so that a new one needs nothing here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading of the navigation.

    Args:
        title: what it says.
        pages: the pages, in order: names, or patterns for several.
    """

    title: str
    pages: tuple[str, ...]


REST = "*"
"""The pages that no other section has."""
SECTIONS = (
    Section(title="Tutorial", pages=("docs/install", "docs/tutorial", "docs/notebooks", "docs/notebooks/*")),
    Section(title="How to", pages=("docs/own-images", "docs/verbs", REST)),
    Section(
        title="Explanation",
        pages=(
            "docs/intervals",
            "docs/statistics",
            "docs/trust",
            "docs/networks",
            "docs/training",
            "docs/advice",
        ),
    ),
    Section(
        title="Reference",
        pages=(*("reference/compare", "reference/*"), *("docs/layouts", "docs/weights", "docs/corruptions")),
    ),
    Section(
        title="Results",
        pages=(*("gallery", "docs/studies/README", "docs/studies/*", "docs/comparisons", "docs/speed"), "benchmarks/*"),
    ),
    Section(title="Project", pages=("docs/README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
)
HOME = "index"


def arranged(pages: Iterable[str]) -> dict[str, list[str]]:
    """Returns the pages of each section, each page once.

    Args:
        pages: all pages but the first, by their paths without a suffix.
    """
    left = sorted(set(pages) - {HOME})
    found: dict[str, list[str]] = {section.title: [] for section in SECTIONS}
    places = [(pattern, section.title) for section in SECTIONS for pattern in section.pages]
    for pattern, title in [place for place in places if place[0] != REST]:
        taken = [page for page in left if fnmatch(page, pattern)]
        found[title] += taken
        left = [page for page in left if page not in taken]
    rest = next(section for section in SECTIONS if REST in section.pages)
    found[rest.title] += left
    return {title: pages for title, pages in found.items() if pages}

"""`audit.html`: what was read, a contact sheet of each class, then the findings, as a page one can send to somebody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import median
from typing import Any

from skipwise.auditing.contact_sheets import Sheet, pictures_each
from skipwise.auditing.record import Record
from skipwise.auditing.thumbnails import small_pictures
from skipwise.auditing.wording import TITLES, TO_MEND, summary
from skipwise.core.reporting import Progress
from skipwise.core.text import count
from skipwise.data.quality.findings import Finding, Kind
from skipwise.data.scan.scan import Scan
from skipwise.data.sources import Source
from skipwise.data.splits import SPLITS
from skipwise.pages import render
from skipwise.pages.pictures import FEW_PIXELS

SHOWN = 24
"""Findings of a kind that are shown; audit.json has all."""
SHOWN_FILES = 6
SHOWN_PICTURES = 60
"""Pictures of one kind of finding."""
SHOWN_FAULTS = 10
WITHOUT_PICTURES: tuple[Kind, ...] = ("unreadable", "ignored")

OPEN = 24
"""Above this number of classes, the contact sheets are in groups that can be opened one at a time."""
GROUP = 50
WIDE = 12
"""A sheet of so many pictures is as wide as the page; smaller ones stand side by side."""
LONGEST = 80
"""Characters of a file's name; of a longer one the end is shown."""


@dataclass(frozen=True)
class _Section:
    """The findings of a kind. Only the first `shown` are on the page."""

    kind: Kind
    findings: Sequence[Finding]

    @property
    def shown(self) -> Sequence[Finding]:
        pictures = 0

        def fits(finding: Finding) -> bool:
            nonlocal pictures
            pictures += min(len(finding.files), SHOWN_FILES)
            return pictures <= SHOWN_PICTURES

        return list(takewhile(fits, self.findings[:SHOWN]))

    @property
    def pictured(self) -> Iterator[str]:
        """The ids of the images whose pictures are shown."""
        for finding in self.shown if self.kind not in WITHOUT_PICTURES else ():
            yield from finding.files[:SHOWN_FILES]


def audit_page(
    source: Source,
    seen: Scan,
    record: Record,
    sheets: Sequence[Sheet],
    *,
    leaks: str,
    progress: Progress | None = None,
) -> str:
    """The page. Its pictures are chosen first, and then only their files are read.

    Raises:
        SkipwiseError: the images can't be read any more.
    """
    sections = []
    for kind in TITLES:
        findings = [finding for finding in record.findings if finding.kind == kind]
        if findings and kind != "layout":  # those are faults, which the page begins with
            sections.append(_Section(kind, findings))
    names = {name for section in sections for name in section.pictured}
    numbers = {name: index for index, name in enumerate(source.ids) if name in names}
    wanted = {*numbers.values(), *(index for sheet in sheets for index in sheet.shown)}
    pictures = small_pictures(source, seen, wanted, progress)
    by_name = {name: pictures.get(index) for name, index in numbers.items()}
    few_pixels = bool(wanted) and int(seen.sides[sorted(wanted)].max()) < FEW_PIXELS
    return render(
        "audit.html",
        title=f"Audit of {record.data}",
        answer=summary(record),
        to_mend=TO_MEND,
        faults=record.faults[:SHOWN_FAULTS],
        more_faults=len(record.faults) - SHOWN_FAULTS,
        reading=record.reading,
        notes=[*record.notes, *([leaks] if leaks else [])],
        facts=_facts(source, record),
        groups=_groups(source, sheets, pictures),
        unshown=len(source.classes) - len(sheets),
        few_pixels=few_pixels,
        sections=[_described(section, by_name) for section in sections],
        fingerprint=record.fingerprint,
    )


def _described(section: _Section, pictures: dict[str, str | None]) -> dict[str, Any]:
    shown = section.shown
    return {
        "kind": section.kind,
        "title": TITLES[section.kind],
        "count": f"{len(section.findings):,}",
        "more": len(section.findings) - len(shown),
        "findings": [
            {
                "detail": finding.detail,
                "files": [
                    (_short(name), pictures.get(name), name in finding.exclude) for name in finding.files[:SHOWN_FILES]
                ],
                "more": len(finding.files) - SHOWN_FILES,
            }
            for finding in shown
        ],
    }


def _facts(source: Source, record: Record) -> list[tuple[str, str]]:
    """Lists facts about the images, a name and a value each."""
    counts = record.counts
    splits = ", ".join(f"{counts.splits[name]:,} {name}" for name in SPLITS if name in counts.splits)
    sizes = list(counts.classes.values())
    facts = [
        ("Images", f"{counts.images:,}{f' ({splits})' if splits else ''}"),
        ("Classes", f"{len(sizes):,}, of {_range((min(sizes), median(sizes), max(sizes)), 'images')}"),
    ]
    if source.container is not None:
        facts.append(("Formats", ", ".join(f"{number:,} {name}" for name, number in counts.kinds.items())))
    if counts.shorter_side and counts.aspect:
        square = counts.aspect[2] == 1
        facts.append(("Shorter side", _range(counts.shorter_side, "pixels")))
        facts.append(("Longer side", "the same" if square else _range(counts.aspect, "times the shorter side")))
    return facts


def _range(values: tuple[float, float, float], unit: str) -> str:
    least, middle, most = (f"{value:,.10g}" for value in values)
    return f"{least} to {most} {unit} (median {middle})" if least != most else f"{least} {unit}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


def _groups(source: Source, sheets: Sequence[Sheet], pictures: dict[int, str]) -> list[dict[str, Any]]:
    """The sheets by the classes' names, in groups if there are many."""
    most = pictures_each(len(sheets))
    size = len(sheets) if len(sheets) <= OPEN else OPEN if most >= WIDE else GROUP
    groups = []
    for start in range(0, len(sheets), size):
        some = sheets[start : start + size]
        images = sum(sheet.images for sheet in some)
        groups.append(
            {
                "title": f"{_short(some[0].name)} to {_short(some[-1].name)}",
                "size": f"{count(len(some), 'class')}, {count(images, 'image')}",
                "folded": size < len(sheets),
                "columns": most,
                "sheets": [_pictured(source, sheet, pictures) for sheet in some],
            }
        )
    return groups


def _pictured(source: Source, sheet: Sheet, pictures: dict[int, str]) -> dict[str, Any]:
    split = {index: source.splits[index] if source.splits else "" for index in sheet.shown}
    return {
        "name": _short(sheet.name),
        "images": count(sheet.images, "image"),
        "splits": ", ".join(f"{number:,} {name}" for name, number in sheet.splits.items()),
        "pictures": [
            (_short(source.ids[index]), split[index], pictures[index]) for index in sheet.shown if index in pictures
        ],
    }

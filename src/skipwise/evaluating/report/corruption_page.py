"""The part of the evaluation's page that shows what noise, blur and weather do."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.evaluating.corrupting import Corrupted
from skipwise.evaluating.report import corruption_wording as wording
from skipwise.evaluation.corruptions import contact_sheet
from skipwise.evaluation.robustness import KindAccuracy, MeanScore
from skipwise.pages.matrix import SHADES
from skipwise.pages.pictures import sheet_url

CELL = 64
"""Pixels a side of each picture of the contact sheet."""
CHARACTERS = 140_000
"""The most characters of the contact sheet's data URL."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number of the table.

    Args:
        text: the accuracy in percent.
        shade: how strong its colour is, from 0 to 9.
        title: what it says in full.
    """

    text: str
    shade: int
    title: str


@dataclass(frozen=True, kw_only=True)
class CorruptionSection:
    """The values that the template shows.

    Args:
        sentences: what was found.
        severities: heads of the columns.
        rows: of the table: the kind, and cells with its mean and each severity.
        overall: the mean over all kinds and severities.
        sheet: the contact sheet as a data URL.
        described: what it shows.
    """

    sentences: tuple[str, ...]
    severities: tuple[int, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    overall: Cell
    sheet: str
    described: str


def corruption_section(corrupted: Corrupted) -> CorruptionSection:
    """The sentences, the table, the worst kind first, and one image in all its corruptions."""
    found = corrupted.robustness
    ranked = found.worst_first
    sheet = contact_sheet(
        corrupted.example,
        kinds=[kind.name for kind in found.kinds],
        severities=found.severities,
        seed=found.seed,
        number=corrupted.number,
        cell=CELL,
    )
    said = (wording.mean_accuracy(found), wording.most_harmful(found), wording.applied_to(found))
    return CorruptionSection(
        sentences=tuple(filter(None, said)),
        severities=found.severities,
        rows=tuple((wording.kind_name(kind), _cells(kind, found.clean)) for kind in ranked),
        overall=_cell(found.accuracy, found.clean, "mean over all"),
        sheet=sheet_url(sheet, CHARACTERS),
        described=(
            "One of the images: in the first row as it is, below with the severities "
            f"{', '.join(map(str, found.severities))}, a column for each kind of corruption."
        ),
    )


def _cells(kind: KindAccuracy, clean: MeanScore) -> tuple[Cell, ...]:
    name = wording.kind_name(kind)
    severities = (_cell(each.accuracy, clean, f"{name}, severity {each.severity}") for each in kind.cells)
    return _cell(kind.accuracy, clean, f"{name}, mean"), *severities


def _cell(accuracy: MeanScore, clean: MeanScore, name: str) -> Cell:
    """The stronger the colour, the larger the share of the clean accuracy that is lost."""
    lost = (clean.value - accuracy.value) / clean.value if clean.value else 0.0
    return Cell(
        text=f"{100 * accuracy.value:.0f}",
        shade=min(SHADES, max(0, round(SHADES * lost))),
        title=f"{name}: {wording.percent(accuracy)}",
    )

"""An explanation in a notebook: images with the heat maps of their answers."""

from __future__ import annotations

import io

from skipwise.explaining.record import ExplanationReport, ImageRecord, MapRecord
from skipwise.explaining.wording import about_centre, about_checks, about_gates, about_maps, summary
from skipwise.notebook.before import finished_before
from skipwise.pages import card
from skipwise.pages.pictures import data_url

SHOWN = 8
"""Images, at most; the page has more."""


def explanation(report: ExplanationReport) -> str:
    """The first images with their heat maps, whether the maps can be believed, and where the page is."""
    record = report.record
    checks = [] if record.checks is None else list(about_checks(record.checks))
    gates = [] if record.gates is None else [f"Gates: {about_gates(record.gates)}"]
    maps = [picture for image in record.images[:SHOWN] for picture in _maps(report, image)]
    more = len(record.images) - SHOWN
    unreadable = [f"{name}: {why}" for name, why in record.unreadable.items()]
    return card.card(
        finished_before(report.folder) if report.repeated else None,
        card.lead(summary(record)),
        card.pictures(maps),
        card.said([f"{more:,} more images are on the page." if more > 0 else ""], soft=True),
        card.said([about_maps(record), about_centre(record), *checks, *gates]),
        card.folded("Images that can't be read", card.listed(unreadable[:SHOWN])),
        card.where(("Page", report.page)),
    )


def _maps(report: ExplanationReport, image: ImageRecord) -> list[card.Picture]:
    label = "" if image.label is None else f", labelled {image.label}"
    found = []
    for each in image.maps:
        answer = each.name == image.answer
        said = (
            f"{image.image}: {image.answer} ({image.probability:.1%}{label})"
            if answer
            else f"what speaks for {each.name}"
        )
        url = _url(report, each)
        found += [] if url is None else [card.Picture(url=url, caption=said)]
    return found


def _url(report: ExplanationReport, map: MapRecord) -> str | None:
    """The picture as it is in the folder, made small; None where it is there no more."""
    from PIL import Image

    try:
        return data_url(Image.open(io.BytesIO((report.folder / map.file).read_bytes())).convert("RGB"))
    except (OSError, ValueError):
        return None

"""`explain.html`: each image with the heat maps of its answer, the checks of the maps, and what the gates do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.explaining.images import SeenImages
from skipwise.explaining.overlay import enlarged
from skipwise.explaining.record import ExplanationRecord, ImageRecord
from skipwise.explaining.wording import about_centre, about_checks, about_gates, about_maps, summary
from skipwise.nets.explanation.records import Curve, GateRecord
from skipwise.pages import render
from skipwise.pages.pictures import bounded_url

SHOWN = 60
"""Images on the page; all of them are in the record."""
CHARACTERS = 16_000
"""The most characters of a picture's data URL."""
SHOWN_CLASSES = 40


def explanation_page(record: ExplanationRecord, seen: SeenImages, pictures: Mapping[str, NDArray[np.uint8]]) -> str:
    """The page.

    Args:
        seen: the images of the record, in the same order.
        pictures: the heat maps by the names of their files.
    """
    checks, gates = record.checks, record.gates
    return render(
        "explain.html",
        title=f"What {record.model} looks at",
        answer=summary(record),
        about=about_maps(record),
        centre=about_centre(record),
        images=[
            _shown(image, square, pictures) for image, square in zip(record.images[:SHOWN], seen.pixels, strict=False)
        ],
        more=len(record.images) - SHOWN,
        left_out=record.left_out,
        unreadable=list(record.unreadable.items())[:SHOWN],
        checks=None if checks is None else about_checks(checks),
        steps=[] if checks is None else checks.randomisation,
        curves=[] if checks is None else _curves(checks.faithfulness.deletion, checks.faithfulness.insertion),
        gates=None if gates is None else about_gates(gates),
        blocks=[] if gates is None else gates.blocks,
        closed=[] if gates is None else _closed(gates),
        facts=[
            ("Network", record.model),
            ("Folder", record.plan.source),
            ("Method", record.method),
            ("Layer", record.layer),
            ("Cells of a map", f"{record.cells} x {record.cells}, one every {record.step:g} pixels"),
        ],
    )


def _shown(image: ImageRecord, square: NDArray[np.uint8], pictures: Mapping[str, NDArray[np.uint8]]) -> dict[str, Any]:
    return {
        "name": image.image,
        "label": image.label,
        "answer": image.answer,
        "wrong": image.label is not None and image.label != image.answer,
        "probability": f"{image.probability:.1%}",
        "picture": _url(enlarged(square)),
        "maps": [
            {
                "name": each.name,
                "picture": _url(pictures[each.file]),
                "logit": f"{each.logit:.2f}",
                "range": f"{each.minimum:.1f} to {each.maximum:.1f}",
                "centre": "none" if each.centre_share is None else f"{each.centre_share:.0%}",
            }
            for each in image.maps
        ],
    }


def _url(pixels: NDArray[np.uint8]) -> str:
    return bounded_url(pixels.tobytes(), len(pixels), CHARACTERS)


def _curves(deletion: Curve, insertion: Curve) -> list[dict[str, Any]]:
    """Both, at every fourth step."""
    return [
        {
            "name": name,
            "steps": [
                (f"{place / (len(curve.map) - 1):.0%}", f"{curve.map[place]:.2f}", f"{curve.random[place]:.2f}")
                for place in range(0, len(curve.map), 4)
            ],
            "better": f"{curve.better:.0%}",
        }
        for name, curve in (("deleted", deletion), ("inserted", insertion))
    ]


def _closed(gates: GateRecord) -> list[tuple[str, list[str]]]:
    """For each class the share of channels that each block closes."""
    rows: dict[str, list[str]] = {}
    for block in gates.blocks:
        for each in block.classes:
            rows.setdefault(each.label, []).append(f"{each.mean:.2f} ({len(each.closed):,})")
    return list(rows.items())[:SHOWN_CLASSES]

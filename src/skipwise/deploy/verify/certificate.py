"""The certificate as files: certificate.json for machines, certificate.html for people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from skipwise.core.files.atomic import write_text
from skipwise.core.files.folders import make_folder
from skipwise.core.files.json_records import write_json
from skipwise.core.files.paths import output_path
from skipwise.core.text import byte_size
from skipwise.data.image.decode import decode_image
from skipwise.data.image.white_level import DEFAULT, Levels
from skipwise.deploy.verify.record import Certificate, Verified
from skipwise.deploy.verify.wording import HEADINGS, backend_rows, named, quantized, speed_rows, verdict
from skipwise.pages import render
from skipwise.pages.pictures import data_url

SHOWN = 60
"""The largest number of changed images on the page. certificate.json has all of them."""


def write_certificate(found: Verified, output: str | os.PathLike[str] | None = None) -> Path:
    """Writes certificate.json and certificate.html, and returns the path of the page.

    Args:
        found: what `verify` returned.
        output: the folder; None is the artifact's.

    Raises:
        SkipwiseError: they can't be written there.
    """
    folder = found.folder if output is None else output_path(output)
    make_folder(folder)
    write_text(folder / "certificate.html", page(found))
    write_json(folder / "certificate.json", found.certificate)
    return folder / "certificate.html"


def page(found: Verified) -> str:
    """The certificate as HTML, in one file that needs no network."""
    certificate, artifact = found.certificate, found.artifact
    headings, rows = speed_rows(certificate)
    return render(
        "certificate.html",
        title=f"Certificate of {named(artifact)}",
        answer=verdict(found),
        passed=certificate.passed and certificate.outcome != "cannot tell",
        headings=HEADINGS,
        results=list(backend_rows(certificate)),
        others=[result.name for result in certificate.results if not result.own],
        speed_headings=headings,
        speeds=rows,
        flips=_flips(found),
        more=len({flip.position for flip in certificate.flips}) - SHOWN,
        golden=certificate.golden,
        quantized="" if artifact.quantization is None else quantized(artifact.quantization),
        notes=certificate.notes,
        facts=_facts(found),
    )


def _flips(found: Verified) -> list[dict[str, Any]]:
    """The images that get another class, the surest before first, each with all its new classes."""
    by_image: dict[int, list[Any]] = {}
    for flip in found.certificate.flips:
        by_image.setdefault(flip.position, []).append(flip)
    order = sorted(by_image.values(), key=lambda flips: -flips[0].before_probability)[:SHOWN]
    if not order or found.images is None:
        return []
    positions = sorted(flips[0].position for flips in order)
    levels = found.artifact.preprocessing.levels
    some = found.images.some(np.array(positions, dtype=np.int64))
    pictures = {
        position: data_url(decode_image(data, levels=levels)[1])
        for position, data in zip(positions, some.encoded(), strict=True)
    }
    return [
        {
            "picture": pictures[flips[0].position],
            "name": flips[0].name,
            "label": flips[0].label,
            "before": f"{flips[0].before} ({flips[0].before_probability:.0%})",
            "after": list(dict.fromkeys(f"{flip.after} ({flip.after_probability:.0%})" for flip in flips)),
        }
        for flips in order
    ]


def _facts(found: Verified) -> list[tuple[str, str]]:
    certificate, made = found.certificate, found.artifact.provenance
    prepared = found.artifact.preprocessing
    machine = certificate.machine
    return [
        ("File", f"{certificate.format}, {byte_size(certificate.size)}"),
        ("Images", _images(certificate)),
        ("Network", f"{made.model}, width {made.width:g}, {made.stem} stem, seed {made.seed}"),
        (
            "Preprocessing",
            f"the middle square{'' if prepared.crop == 1 else f', {prepared.crop:g} of it'}, to {prepared.size} x "
            f"{prepared.size} pixels, antialiased {prepared.interpolation}; all of it inside the file",
        ),
        *_levels(prepared.levels),
        (
            "Checked on",
            f"{certificate.machine.processor}, {certificate.machine.cores} cores, {certificate.machine.system}",
        ),
        ("With", ", ".join(f"{name} {version}" for name, version in machine.versions.items())),
        ("Artifact", certificate.artifact),
    ]


def _levels(levels: Levels) -> list[tuple[str, str]]:
    """The values that count as white, where the training images had more than 8 bits."""
    if levels == DEFAULT:
        return []
    kinds = {"16-bit": levels.white_16, "32-bit or signed": levels.white_32, "floating-point": levels.white_float}
    said = [f"{white:,g} in {kind} images" for kind, white in kinds.items() if white is not None]
    return [("White is", f"{', '.join(said)}; such pixels have to be scaled to 8 bits before the file gets them")]


def _images(certificate: Certificate) -> str:
    if certificate.data is None:
        return "only the golden ones"
    part = f"the {certificate.split} split of " if certificate.split else ""
    return f"{certificate.images:,}, {part}{certificate.data}"

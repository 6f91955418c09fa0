"""The results of an explanation, in sentences for the page and the terminal."""

from __future__ import annotations

import numpy as np

from skipwise.core.text import count
from skipwise.explaining.record import ExplanationRecord, MapChecks
from skipwise.nets.explanation.records import CLASS_ACTIVATION, GateRecord

CHANGED = 0.5
"""Maps that are correlated less than this with those of random weights depend on what was learned."""
UNTOUCHED = 0.8
"""Above this share of its probability, blurring has not taken the answer away."""


def summary(record: ExplanationRecord) -> str:
    """States what was explained, and how many answers are right where that is known."""
    images = record.images
    labelled = [each for each in images if each.label is not None]
    right = sum(each.label == each.answer for each in labelled)
    sentence = f"{record.model}: {count(len(images), 'image')} explained"
    if not labelled:
        return f"{sentence}."
    which = "" if len(labelled) == len(images) else f" of {len(labelled):,} with a label"
    return f"{sentence}, {right:,}{which} answered right."


def about_maps(record: ExplanationRecord) -> str:
    """Explains how the maps were made, and how to read them."""
    if record.method == CLASS_ACTIVATION:
        made = (
            "Class activation maps: the mean of a map is exactly the network's logit for the class, so a map shows "
            "where the logit comes from."
        )
    else:
        made = (
            f"Grad-CAM at the layer {record.layer}: an approximation, by gradients, of which places raise the logit "
            "of the class."
        )
    return (
        f"{made} Light colours speak most for the class; what speaks against it is not coloured. Maps of one image "
        f"have one scale. A map has {record.cells} x {record.cells} cells, so it shows no finer detail than that."
    )


def about_centre(record: ExplanationRecord) -> str:
    """States how central the maps of the answers are; "" where none says anything."""
    shares = [each.maps[0].centre_share for each in record.images if each.maps[0].centre_share is not None]
    if not shares:
        return ""
    return (
        f"On average {np.mean(shares):.0%} of what speaks for the answer lies in the middle quarter of the image; an "
        "even map has 25% there."
    )


def about_checks(checks: MapChecks) -> tuple[str, str]:
    """States whether maps depend on what was learned, and whether the answer depends on what they mark."""
    images, last = count(checks.images, "image"), checks.randomisation[-1].correlation
    said = "depend on what the network learned" if last < CHANGED else "hardly depend on what the network learned"
    first = (
        f"The maps {said}: with random weights in all layers, their rank correlation with the network's own maps is "
        f"{last:.2f} ({images})."
    )
    deletion, insertion = checks.faithfulness.deletion, checks.faithfulness.insertion
    sooner = [
        "sooner" if better else "no sooner"
        for better in (deletion.map_area < deletion.random_area, insertion.map_area > insertion.random_area)
    ]
    second = (
        f"Deleting the pixels that the maps mark lowers the answer's probability {sooner[0]} than deleting others: its "
        f"mean meanwhile is {deletion.map_area:.2f}, and with random maps {deletion.random_area:.2f}. Inserting them "
        f"into a blurred image raises it {sooner[1]}: {insertion.map_area:.2f} against {insertion.random_area:.2f}."
    )
    if insertion.map[0] > UNTOUCHED * insertion.map[-1]:
        second += f" The blurred image alone has {insertion.map[0]:.2f} already, so inserting says little here."
    return first, second


def about_gates(gates: GateRecord) -> str:
    """States what the gates do, in a sentence or two."""
    few = " So few images say little." if gates.images < 50 else ""
    return (
        f"With every gate fixed at its mean over the images, so that no gate depends on the image, {gates.changed:.1%} "
        f"of the answers change, and the accuracy on {count(gates.images, 'image')} goes from {gates.accuracy:.1%} to "
        f"{gates.mean_accuracy:.1%}.{few}"
    )

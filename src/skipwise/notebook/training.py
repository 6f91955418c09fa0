"""A run in a notebook."""

from __future__ import annotations

from markupsafe import Markup
from msgspec import UnsetType

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, duration
from skipwise.notebook.before import finished_before
from skipwise.pages import card
from skipwise.statistics.runs.shares import exact
from skipwise.training.folder.files import read_history
from skipwise.training.train import Trained
from skipwise.training.tuning.wording import tried_rows, tuning_said

LAST = 10
"""Epochs in the table: the last ones."""


def trained(found: Trained) -> str:
    """The result on the test images, how the network was trained, and where the run is."""
    record, spec, images = found.record, found.plan.spec, found.plan.split_images
    if record.status == "failed":
        lead = card.lead(f"The run failed: {record.reason}.", "bad")
    elif record.test is None:
        lead = card.lead(f"{spec.model} is trained. No images were kept for testing.")
    else:
        low, high = exact(record.test.accuracy * images["test"], images["test"], 0.05)
        lead = card.lead(
            f"{spec.model} is right on {100 * record.test.accuracy:.1f}% of {count(images['test'], 'test image')} "
            f"(95% interval {100 * low:.1f} to {100 * high:.1f}%, for this network: another seed gives another)."
        )
    facts = [
        ("images", f"{found.plan.data}: {images['train']:,} for training, {images['val']:,} for validation"),
        (
            "size",
            f"{spec.preprocessing.size} x {spec.preprocessing.size} pixels, {spec.stem} stem, width {spec.width:g}",
        ),
        ("recipe", f"{spec.recipe.name}, {count(spec.recipe.epochs, 'epoch')}, batches of {spec.recipe.batch_size}"),
        ("seed", f"{spec.seed}"),
        (
            "computed",
            f"on {spec.execution.device} in {spec.execution.precision}, {duration(record.seconds)} of training",
        ),
    ]
    tried = None
    if not isinstance(record.tuned, UnsetType):
        rows = [(row.trial, row.values, row.epochs, row.reached) for row in tried_rows(record.tuned)]
        facts.append(("tuned", tuning_said(record.tuned)))
        tried = card.folded("Trials", card.table(("trial", "hyperparameters", "epochs", "validation"), rows))
    return card.card(
        finished_before(found.folder) if found.repeated else None,
        lead,
        card.table((), facts, left=2),
        tried,
        card.folded("Epochs", _epochs(found)),
        card.where(("Run", found.folder)),
    )


def _epochs(found: Trained) -> Markup:
    try:
        history = read_history(found.folder)
    except (SkipwiseError, OSError):  # removed, or damaged since then
        return Markup()
    rows = [
        (str(each.epoch), f"{each.train_loss:.3f}", "" if each.val is None else f"{100 * each.val.accuracy:.1f}%")
        for each in history[-LAST:]
    ]
    return card.table(("epoch", "training loss", "right on validation images"), rows)

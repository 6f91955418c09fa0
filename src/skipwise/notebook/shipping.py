"""Exported networks and certificates in a notebook."""

from __future__ import annotations

from markupsafe import Markup

from skipwise.deploy.export.export import Exported
from skipwise.deploy.verify import wording
from skipwise.deploy.verify.record import Verified
from skipwise.pages import card


def exported(made: Exported) -> str:
    """The exported file, what it costs in accuracy, and the command that verifies it."""
    first, *rest = wording.exported(made)
    places = [("Artifact", made.folder), *([] if made.served is None else [("Server", made.served)])]
    return card.card(
        card.lead(first),
        card.said([*rest, *made.notes]),
        card.where(*places, ("Next", wording.verify_command(made))),
    )


def verified(found: Verified) -> str:
    """The verdict, the backends side by side, and how fast they are."""
    certificate = found.certificate
    mood: card.Mood = "sure" if certificate.certified else "" if certificate.passed else "bad"
    return card.card(
        card.lead(wording.verdict(found), mood),
        card.table(wording.HEADINGS, list(wording.backend_rows(certificate))),
        card.folded("Speed", card.table(*wording.speed_rows(certificate)) if certificate.speeds else Markup()),
        card.folded("What to know beside this", card.listed(certificate.notes)),
        card.where(("Artifact", found.folder)),
    )

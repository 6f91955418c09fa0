"""An evaluation in a notebook."""

from __future__ import annotations

from skipwise.evaluating.record import EvaluationReport
from skipwise.evaluating.report import corruption_wording, wording
from skipwise.notebook.before import finished_before
from skipwise.pages import card


def evaluation(report: EvaluationReport) -> str:
    """The quality of the network, by class too, whether its confidence can be trusted, and where the page is."""
    found, plan, few = report.evaluation, report.record.plan, wording.FEW_CLASSES
    outcomes = [(wording.measure(each, plan.split), wording.measured(each)) for each in found.outcomes]
    scores = wording.weakest_first(found)
    classes = [
        (each.name, f"{each.images:,}", *map(wording.share, (each.precision, each.recall, each.f1)))
        for each in scores[:few]
    ]
    confused = [(f"{each.label} taken for {each.answer}", f"{each.count:,}") for each in found.confused[:few]]
    more = [f"{len(scores) - few:,} more classes are recognised better; the page has them all."]
    said = [wording.against_guessing(found), wording.weakest(found), wording.trust(found), wording.scaled(found)]
    if report.robustness is not None:
        said.append(corruption_wording.mean_accuracy(report.robustness))
        said.append(corruption_wording.most_harmful(report.robustness))
    return card.card(
        finished_before(report.folder) if report.repeated else None,
        card.lead(wording.headline(found, plan.model)),
        card.said(said),
        card.table((), outcomes, left=2),
        card.folded(
            "Classes, the weakest first",
            card.table(("class", "images", "precision", "recall", "F1"), classes),
            card.said(more if len(scores) > few else [], soft=True),
        ),
        card.folded("Classes that are confused most", card.table(("", "images"), confused)),
        card.folded("What to know beside this", card.listed(report.record.notes)),
        card.where(("Page", report.page)),
    )

"""Comparisons in a notebook: the verdict, the networks, the pairs."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from skipwise.comparison.plan.planned import Planned
from skipwise.comparison.recommend import Recommended
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.results.records import Costs, Results
from skipwise.comparison.wording import pairs, phrases
from skipwise.comparison.wording.answer import has_a_bug
from skipwise.comparison.wording.by_seed import lines as by_seed
from skipwise.comparison.wording.further import and_outcomes, claims, decides, further
from skipwise.comparison.wording.notes import notes, reservations
from skipwise.comparison.wording.plans import expected, outlined
from skipwise.comparison.wording.study import given_up_in_all, looks_taken, when_and_how_long
from skipwise.notebook.before import finished_before
from skipwise.pages import card, figures

MOST_ROWS = 15
"""Networks or pairs in a table, at most."""
FAR, FURTHER = 4, 2
"""Intervals are drawn up to so many times the margin, or so many times the largest difference, if that is more."""


def comparison(found: Comparison) -> str:
    """The answer, the networks, the pairs, what to know beside them, and where the report is."""
    results, costs, choice = found.results, found.costs, found.costs.recommendation
    first, *rest = found.verdict
    mood: card.Mood = "bad" if choice.candidate is None or has_a_bug(results) else "sure" if choice.shown else ""
    beside = [*looks_taken(found.plan, results), *by_seed(results), *notes(found.plan, results)]
    return card.card(
        finished_before(found.folder) if found.repeated else None,
        card.lead(first, mood),
        card.said(rest),
        card.said([when_and_how_long(found.plan, costs)], soft=True),
        _networks(results, costs),
        pair_table(results),
        *_further(results),
        card.folded("What to know beside this", card.listed(beside)),
        card.where(("Report", found.report)),
    )


def recommended(found: Recommended) -> str:
    """The network to use within limits, and what that may lose."""
    results, costs = found.comparison.results, found.comparison.costs
    first, *rest = found.verdict
    return card.card(
        card.lead(first, "bad" if found.recommendation.candidate is None else ""),
        card.said([*rest, *found.claims]),
        _networks(results, costs),
        card.folded("What to know beside this", card.listed(reservations(found.comparison.plan, results))),
        card.where(("Report", found.comparison.report)),
    )


def planned(found: Planned) -> str:
    """The plan of a comparison, and how long it is expected to take."""
    plan, folder = found.plan, found.folder
    stages = {
        "new": "Nothing was trained. This is the plan.",
        "begun": "Nothing was trained now. The comparison is unfinished; the same call without dry_run goes on.",
        "finished": "Nothing was trained now. The comparison is finished; the same call without dry_run shows it.",
    }
    return card.card(
        card.lead(stages[found.stage]),
        card.said(outlined(plan)),
        card.said(given_up_in_all(plan)),
        card.said(f"{name}: {sentence}" for name, sentence in plan.not_trained.items()),
        card.said([] if found.forecast is None else expected(plan, found.forecast, folder)),
        card.folded("The images", card.listed(found.noticed)),
        card.where(("Folder", folder)),
    )


def _networks(results: Results, costs: Costs) -> Markup:
    question = results.question
    headings = [
        "network",
        f"{phrases.measure(question)} ({phrases.sure(question)})",
        "runs",
        "per image",
        "size",
        "multiply-adds",
    ]
    rows = [
        (
            card.text(each.name)
            if each.name != costs.recommendation.candidate
            else Markup("<b>{}</b>").format(each.name),
            phrases.reached(each, question),
            phrases.runs_done(each),
            phrases.latency(costs.latencies.get(each.name)),
            phrases.size(each.counts),
            phrases.operations(each.counts),
        )
        for each in results.candidates[:MOST_ROWS]
    ]
    return Markup().join((card.table(headings, rows), _more(len(results.candidates), "networks")))


def pair_table(results: Results) -> Markup:
    """The pairs of networks: the difference with its interval in words and drawn, and the verdict."""
    question, lines = results.question, pairs.pair_lines(results)
    judged = [pair for _, pair in lines if pair is not None]
    reach = max([max(-pair.low, pair.high) for pair in judged], default=0.0)
    shown = FURTHER * max([abs(pair.difference) for pair in judged], default=0.0)
    end = min(max(reach, question.tolerance), max(shown, FAR * question.tolerance))
    headings = [
        "pair",
        "verdict",
        "",
        f"{question.scoring.heading} ({phrases.sure(question)} for all pairs{and_outcomes(question)})",
    ]
    rows: list[Sequence[object]] = []
    for name, pair in lines[:MOST_ROWS]:
        if pair is None:
            rows.append((name, pairs.NOT_JUDGED, "", ""))
            continue
        drawn = figures.interval(
            pair.difference,
            pair.low,
            pair.high,
            ends=(-end, end),
            band=(-question.tolerance, question.tolerance),
        )
        rows.append((name, pairs.short_verdict(pair), drawn, phrases.difference(pair, question)))
    return Markup().join((card.table(headings, rows, left=3), _more(len(lines), "pairs")))


def _more(there: int, what: str) -> Markup:
    return card.said([f"{there - MOST_ROWS:,} more {what} are in the report."] if there > MOST_ROWS else [], soft=True)


def _further(results: Results) -> list[Markup]:
    found = [card.said(claims(question, judged)) for question, judged in further(results)]
    return [*found, card.said([decides(results)])]

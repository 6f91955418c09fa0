"""The section of the report, and of its Markdown, on what more training images would bring."""

from __future__ import annotations

from typing import Any

from skipwise.comparison.report.tables import table
from skipwise.comparison.results.judged import possible
from skipwise.comparison.results.learning_curve import LearningCurve
from skipwise.comparison.results.records import Results
from skipwise.comparison.wording import phrases
from skipwise.comparison.wording.learning_curve import about_curve, curve_of, more_images
from skipwise.core.escaping import markdown as escaped
from skipwise.evaluation.outcomes import Outcome
from skipwise.pages.doubling import Ahead, Size, doubling
from skipwise.statistics import Doubling, Estimate

NAMES = {0.25: "a quarter", 0.5: "half", 1.0: "all"}


def page_of_curve(results: Results) -> dict[str, Any] | None:
    """The section of the page; None where there is no learning curve."""
    curve, outcome = curve_of(results), results.question.scoring
    if curve is None:
        return None
    shown: dict[str, Any] = {
        "said": more_images(results),
        "about": about_curve(curve, results),
        "measure": phrases.measure(results.question),
        "chart": "",
        "rows": [],
    }
    if curve.found is None:
        return shown
    number = next(n for n, candidate in enumerate(results.candidates) if candidate.name == curve.network)
    expected = _expected(curve, curve.found, outcome)
    scale = outcome.scale
    shown["chart"] = doubling(
        [Size(images=each.images, values=[value * scale for value in each.values]) for each in curve.points],
        Ahead(
            images=2 * curve.points[-1].images,
            value=expected.value * scale,
            low=expected.low * scale,
            high=expected.high * scale,
        ),
        number=number,
        name=curve.network,
        y_title=outcome.axis,
    )
    shown["rows"] = [
        {
            "part": NAMES[each.share],
            "images": f"{each.images:,}",
            "value": outcome.value(each.mean),
            "runs": outcome.bounds(min(each.values), max(each.values)),
        }
        for each in curve.points
    ]
    shown["rows"].append(
        {
            "part": "twice as many",
            "images": f"{2 * curve.points[-1].images:,}",
            "value": f"about {outcome.bound(expected.value)} ({outcome.bounds(expected.low, expected.high)})",
            "runs": "",
        }
    )
    return shown


def _expected(curve: LearningCurve, found: Doubling, outcome: Outcome) -> Estimate:
    """The outcome with twice the images."""
    now, then = curve.points[-1].mean, found.next
    sign = 1 if outcome.higher_is_better else -1
    low, high = sorted((now + sign * then.low, now + sign * then.high))
    expected = possible(Estimate(now + sign * then.value, low, min(high, 1.0) if sign > 0 else high), outcome)
    assert expected is not None
    return expected


def markdown_of_curve(results: Results) -> list[str]:
    """The same as a table with what it shows; nothing where there is no learning curve."""
    found = page_of_curve(results)
    if found is None:
        return []
    rows = [[row["part"], row["images"], row["value"], row["runs"]] for row in found["rows"]]
    headings = ["training images", "number", found["measure"], "lowest to highest run"]
    tables = [table(headings, rows, left=1)] if rows else []
    return [*tables, escaped(" ".join(found["about"]))]

"""The table of what draws each record in a notebook."""

from __future__ import annotations

import importlib
from typing import Any

DRAWN: dict[str, str] = {
    "Advice": "images.advice",
    "AuditReport": "images.audit",
    "Cleaning": "working.cleaning",
    "Comparison": "comparing.comparison",
    "EvaluationReport": "evaluating.evaluation",
    "ExplanationReport": "explaining.explanation",
    "Exported": "shipping.exported",
    "GateReport": "judging.gated",
    "HeatMap": "answers.heat_map",
    "JudgeReport": "judging.report",
    "Judged": "judging.judged",
    "Planned": "comparing.planned",
    "PlannedStudy": "studies.planned",
    "Predicted": "answers.predicted",
    "Prediction": "answers.prediction",
    "ProfileReport": "costs.profile",
    "Pushed": "working.pushed",
    "Recommended": "comparing.recommended",
    "Restored": "working.restored",
    "Status": "working.status",
    "StudyReport": "studies.study",
    "Trained": "training.trained",
    "Verified": "shipping.verified",
}
"""For each record the module of this package and the function in it that draws it. They are loaded when they are used:
most need what the record's verb needs."""


def html_of(record: Any) -> str:
    """Returns a record as HTML.

    Raises:
        KeyError: nothing here draws such a record.
    """
    module, _, function = next(
        DRAWN[kind.__name__] for kind in type(record).__mro__ if kind.__name__ in DRAWN
    ).rpartition(".")
    drawn: str = getattr(importlib.import_module(f"skipwise.notebook.{module}"), function)(record)
    return drawn

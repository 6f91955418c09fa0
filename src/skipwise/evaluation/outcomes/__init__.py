"""Outcomes of a comparison: a score for each image, from a network's logits and the image's label; numpy only.

`OUTCOMES` is the table. Whoever judges, prints or draws asks the outcome for its name, unit, direction and digits, so
that a further outcome is one row.
"""

from skipwise.evaluation.outcomes.named import margins_of, outcome_names, outcome_of
from skipwise.evaluation.outcomes.outcome import Labels, Logits, Outcome
from skipwise.evaluation.outcomes.table import OUTCOMES

__all__ = ["OUTCOMES", "Labels", "Logits", "Outcome", "margins_of", "outcome_names", "outcome_of"]

"""The counted costs of a plan's candidates."""

from __future__ import annotations

from skipwise.comparison.plan.plan import Plan
from skipwise.cost.counts import Counts, count


def count_candidate(plan: Plan, name: str) -> Counts | None:
    """Counts a candidate's parameters and multiply-adds at the plan's image size; None for a network that fails."""
    preprocessing = plan.preprocessing
    try:
        network = plan.network(name).build_for_counting()
        return count(network, channels=preprocessing.channels, size=preprocessing.size)
    except Exception:  # its runs will fail the same way, and say how
        return None

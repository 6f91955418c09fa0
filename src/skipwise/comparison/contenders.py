"""A plan's contenders as networks, to be counted, tried out and timed."""

from __future__ import annotations

from torch import nn

from skipwise.comparison.plan import Plan
from skipwise.cost.counts import Counts, count
from skipwise.nets.zoo import create_model


def build_contender(plan: Plan, name: str) -> nn.Module:
    """A contender as its first run starts with it."""
    return create_model(
        name,
        num_classes=len(plan.classes),
        in_channels=plan.preprocessing.channels,
        stem=plan.stem,
        width=plan.width,
        seed=plan.question.first_seed,
    )


def count_contender(plan: Plan, name: str) -> Counts | None:
    """Parameters and multiply-adds at the plan's image size; None for a network of one's own that does not work."""
    try:
        preprocessing = plan.preprocessing
        return count(build_contender(plan, name), channels=preprocessing.channels, size=preprocessing.size)
    except Exception:  # its runs will fail the same way, and say how
        return None

"""A plan's candidates as networks, to be counted, tried out and timed."""

from __future__ import annotations

from typing import Any

from torch import nn

from skipwise.comparison.plan.plan import Plan
from skipwise.cost.counts import Counts, count
from skipwise.nets.external import is_external
from skipwise.nets.uninitialised import blank, shape_of
from skipwise.nets.zoo import create_model


def build_candidate(plan: Plan, name: str) -> nn.Module:
    """A candidate as its first run starts with it."""
    return create_model(name, seed=plan.question.first_seed, **_built(plan))


def count_candidate(plan: Plan, name: str) -> Counts | None:
    """Parameters and multiply-adds at the plan's image size; None for a network of one's own that does not work."""
    preprocessing = plan.preprocessing
    try:
        network = build_candidate(plan, name) if is_external(name) else shape_of(name, **_built(plan))
        return count(network, channels=preprocessing.channels, size=preprocessing.size)
    except Exception:  # its runs will fail the same way, and say how
        return None


def blank_candidate(plan: Plan, name: str) -> nn.Module:
    """A candidate of ours with made-up weights, to be timed."""
    return blank(name, **_built(plan))


def _built(plan: Plan) -> dict[str, Any]:
    return {
        "num_classes": len(plan.classes),
        "in_channels": plan.preprocessing.channels,
        "stem": plan.stem,
        "width": plan.width,
    }

"""A plan's contenders as networks, to be counted, tried out and timed."""

from __future__ import annotations

import contextlib

import torch
from torch import nn

from skipwise.comparison.plan import Plan
from skipwise.cost.counts import Counts, count
from skipwise.nets.guests import is_guest
from skipwise.nets.zoo import create_model


def build_contender(plan: Plan, name: str, *, initialised: bool = True) -> nn.Module:
    """A contender as its first run starts with it, or with any weights."""
    return create_model(
        name,
        num_classes=len(plan.classes),
        in_channels=plan.preprocessing.channels,
        stem=plan.stem,
        width=plan.width,
        seed=plan.question.first_seed if initialised else None,
    )


def count_contender(plan: Plan, name: str) -> Counts | None:
    """Parameters and multiply-adds at the plan's image size; None for a network of one's own that does not work."""
    preprocessing = plan.preprocessing
    try:
        # Of ours, shapes are all that counting needs; others' code may do anything with its weights.
        with contextlib.nullcontext() if is_guest(name) else torch.device("meta"):
            network = build_contender(plan, name, initialised=is_guest(name))
            return count(network, channels=preprocessing.channels, size=preprocessing.size)
    except Exception:  # its runs will fail the same way, and say how
        return None


def blank_contender(plan: Plan, name: str) -> nn.Module:
    """A contender of ours with made-up weights, to be timed: initial ones take longer to make than a step."""
    with torch.device("meta"):
        network = build_contender(plan, name, initialised=False)
    network.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.fill_(1)
    return network

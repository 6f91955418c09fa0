"""Weights that are loaded from memory, without a file."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from skipwise.nets.weights.checkpoints import Contents
from skipwise.nets.weights.loading import Loaded, load_contents


def load_tensors(model: nn.Module, tensors: Mapping[str, Tensor], *, source: str, new_head: bool = False) -> Loaded:
    """`load_weights` for tensors in memory; `source` is what messages call them."""
    return load_contents(model, Contents(source=source, sets={"": dict(tensors)}), new_head=new_head)

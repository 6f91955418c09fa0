"""Finds the last layer, which has to be new where the classes are others."""

from __future__ import annotations

from torch import nn

from skipwise.nets.network import Network


def head_names(network: nn.Module) -> frozenset[str]:
    """The names of the last layer's parameters.

    timm's networks say which layers are their one or two classifiers. In other external networks it is the last layer
    with a matrix of weights.
    """
    parts = dict(network.named_modules(remove_duplicate=False))
    if isinstance(network, Network):
        wanted: list[object] = [network.classifier]
    else:
        wanted = _classifiers(network)
    if not any(part is each for part in parts.values() for each in wanted if _has_matrix(part)):
        wanted = [next((part for part in reversed(list(network.modules())) if _has_matrix(part)), None)]
    return frozenset(
        f"{name}.{own}" if name else own
        for name, part in parts.items()
        if any(part is each for each in wanted)
        for own, _ in part.named_parameters()
    )


def _classifiers(network: nn.Module) -> list[object]:
    if not type(network).__module__.startswith("timm."):
        return []
    found = network.get_classifier()  # type: ignore[operator]
    return list(found) if isinstance(found, tuple | list | nn.ModuleList) else [found]


def _has_matrix(part: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in part.parameters(recurse=False))

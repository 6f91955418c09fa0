"""Explains why weights do not fit a network, by the one thing that differs where it is only one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, listed
from skipwise.nets.heads import head_names
from skipwise.nets.network import Architecture, Network
from skipwise.nets.stems import STEMS
from skipwise.nets.weights.checkpoints import Contents
from skipwise.nets.weights.matching import COUNTER, Match, shape_of
from skipwise.nets.weights.naming import translate
from skipwise.nets.zoo import NETWORKS

SHOWN = 4
"""The most mismatches that a sentence lists."""
_STEM = "stem.0.conv.weight"
_BLOCK = re.compile(r"stages\.(\d+)\.(\d+)\.")


def mismatch_error(
    contents: Contents, model: nn.Module, target: Mapping[str, Tensor], matches: Sequence[Match]
) -> SkipwiseError:
    """The error for a file of which no set fits, about the set that comes closest.

    Args:
        contents: the file.
        model: the network.
        target: its state dict.
        matches: how the file's sets match it.
    """

    def closeness(match: Match) -> tuple[int, int]:
        named = [name for name in match.tensors if name in target]
        return sum(target[name].shape == match.tensors[name].shape for name in named), len(named)

    best = max(matches, key=closeness)
    source = f"{contents.source}, under {best.key}," if best.key else contents.source
    if reason := _one_reason(model, target, best):
        return SkipwiseError(f"{source} {reason} Nothing was loaded.")
    names = list(contents.sets[best.key])
    first = f"Its names are {listed(names, 3)}"
    if best.prefix:
        first += f"; the prefix {best.prefix} was removed"
    more = f"; and {len(best.mismatches) - SHOWN} more" if len(best.mismatches) > SHOWN else ""
    inside = {
        name.removeprefix(best.prefix): tensor
        for name, tensor in contents.sets[best.key].items()
        if name.startswith(best.prefix)
    }
    if networks := _networks_with(inside):
        mend = f"these are the weights of {' or '.join(networks)}, so choose that network."
    else:
        mend = "choose the network and the number of classes that the weights were made for."
    return SkipwiseError(
        f"{source} does not fit this network: {'; '.join(best.mismatches[:SHOWN])}{more}. {first}. Nothing was "
        f"loaded; {mend}"
    )


def _one_reason(model: nn.Module, target: Mapping[str, Tensor], match: Match) -> str:
    """The end of a sentence about the number of classes, the channels, the stem or the width; "" where the names or
    more than one of these differ."""
    if match.tensors.keys() != target.keys():
        return ""
    different = {name: tensor for name, tensor in match.tensors.items() if tensor.shape != target[name].shape}
    if len(different) < len(match.mismatches):  # some tensors cannot be used at all
        return ""
    head = head_names(model)
    name, there = next(iter(different.items()))
    here = target[name]
    shapes = f"({name} is {shape_of(there)} there and {shape_of(here)} here)"
    if different.keys() <= head and all(t.shape[1:] == target[name].shape[1:] for name, t in different.items()):
        return (
            f"is for {there.shape[0]:,} classes, and this network for {here.shape[0]:,} {shapes}; use the same number "
            "of classes."
        )
    body = {name: tensor for name, tensor in different.items() if name not in head}
    if len(body) == 1 and there.ndim == here.ndim == 4 and there.shape[0] == here.shape[0]:
        if there.shape[2:] == here.shape[2:]:
            channels = [count(each.shape[1], "channel") for each in (there, here)]
            return f"is for images of {channels[0]}, and this network for {channels[1]} {shapes}."
        if isinstance(model, Network) and name == _STEM:
            stem = "small" if there.shape[2] < here.shape[2] else "imagenet"
            return f"was trained with the {stem} stem {shapes}; add --stem {stem}."
    if isinstance(model, Network) and there.shape[0] != here.shape[0]:
        return (
            f"is for this network at another width: its first layer has {there.shape[0]:,} channels, and this one has "
            f"{here.shape[0]:,}; multiply --width by {there.shape[0] / here.shape[0]:g}."
        )
    return ""


def _networks_with(tensors: Mapping[str, Tensor]) -> list[str]:
    """The networks of Skipwise, at width 1, that have these weights, whatever the last layer is."""
    names = translate(_layers("plain20", "small"), tensors)
    numbered = {match.group(1, 2) for match in map(_BLOCK.match, names) if match is not None}
    blocks = Counter(stage for stage, _ in numbered)
    depths = [blocks[str(number)] for number in range(len(blocks))]
    found = []
    for name, architecture in NETWORKS.items():
        # Compared before anything is built, which takes longer.
        if [stage.depth for stage in architecture.stages] == depths or _named_as_mobilenet(names, architecture):
            networks = [_layers(name, stem) for stem in STEMS if stem != "auto"]
            if any(_has_weights(network, tensors) for network in networks):
                found.append(name)
    return found


def _named_as_mobilenet(names: Iterable[str], architecture: Architecture) -> bool:
    """Returns whether names and architecture may be those of torchvision's MobileNetV2."""
    return architecture.head_channels is not None and any(name.startswith("features.") for name in names)


def _layers(name: str, stem: str) -> nn.Module:
    with torch.device("meta"):
        return Network(
            NETWORKS[name], num_classes=1, in_channels=3, stem=stem, width=1.0, reduction=None, drop_path=0.0
        )


def _has_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    head = head_names(network)

    def body(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in state.items() if name not in head and not name.endswith(COUNTER)}

    return body(translate(network, tensors)) == body(network.state_dict())

"""Why weights do not fit a network: what is named is the one thing that differs, where it is one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import listed
from skipwise.nets.heads import head_names
from skipwise.nets.network import Architecture, Network
from skipwise.nets.stems import STEMS
from skipwise.nets.weights.checkpoints import Contents
from skipwise.nets.weights.fitting import COUNTER, Fit, shape_of
from skipwise.nets.weights.naming import translate

MOST_FAULTS = 4
_STEM = "stem.0.conv.weight"
_BLOCK = re.compile(r"stages\.(\d+)\.(\d+)\.")


def misfit(contents: Contents, model: nn.Module, target: Mapping[str, Tensor], found: Sequence[Fit]) -> SkipwiseError:
    """The error for a file of which nothing fits, about the set that fits best."""

    def fitting(fit: Fit) -> tuple[int, int]:
        named = [name for name in fit.tensors if name in target]
        return sum(target[name].shape == fit.tensors[name].shape for name in named), len(named)

    best = max(found, key=fitting)
    source = f"{contents.source}, under {best.key}," if best.key else contents.source
    if reason := _one_reason(model, target, best):
        return SkipwiseError(f"{source} {reason} Nothing was loaded.")
    names = list(contents.sets[best.key])
    first = f"Its names are {listed(names, 3)}"
    if best.prefix:
        first += f"; they begin with {best.prefix}, which was taken off"
    more = f"; and {len(best.faults) - MOST_FAULTS} more" if len(best.faults) > MOST_FAULTS else ""
    inside = {
        name.removeprefix(best.prefix): tensor
        for name, tensor in contents.sets[best.key].items()
        if name.startswith(best.prefix)
    }
    if networks := _networks_of(inside):
        mend = f"these are the weights of {' or '.join(networks)}, so choose that network."
    else:
        mend = "choose the network and the number of classes that the weights were made for."
    return SkipwiseError(
        f"{source} does not fit this network: {'; '.join(best.faults[:MOST_FAULTS])}{more}. {first}. Nothing was "
        f"loaded; {mend}"
    )


def _one_reason(model: nn.Module, target: Mapping[str, Tensor], fit: Fit) -> str:
    """A sentence about the number of classes, the channels of the images, the stem or the width, where all names are
    the network's and nothing else differs; "" else."""
    if fit.tensors.keys() != target.keys():
        return ""
    apart = {name: tensor for name, tensor in fit.tensors.items() if tensor.shape != target[name].shape}
    if len(apart) < len(fit.faults):  # numbers of a wrong kind are among the faults
        return ""
    head = head_names(model)
    name, there = next(iter(apart.items()))
    here = target[name]
    shapes = f"({name} is {shape_of(there)} there and {shape_of(here)} here)"
    if apart.keys() <= head and all(tensor.shape[1:] == target[name].shape[1:] for name, tensor in apart.items()):
        return f"is for {there.shape[0]:,} classes, and this network for {here.shape[0]:,} {shapes}; give as many."
    body = {name: tensor for name, tensor in apart.items() if name not in head}
    if len(body) == 1 and there.ndim == here.ndim == 4 and there.shape[0] == here.shape[0]:
        if there.shape[2:] == here.shape[2:]:
            return f"is for images of {_channels(there)}, and this network for {_channels(here)} {shapes}."
        if isinstance(model, Network) and name == _STEM:
            stem = "small" if there.shape[2] < here.shape[2] else "imagenet"
            return f"was trained with the {stem} stem {shapes}; give --stem {stem}."
    if isinstance(model, Network) and there.shape[0] != here.shape[0]:
        return (
            f"is of this network at another width: its first layer has {there.shape[0]:,} channels, and this one has "
            f"{here.shape[0]:,}; give --width, {there.shape[0] / here.shape[0]:g} times what it is here."
        )
    return ""


def _channels(filters: Tensor) -> str:
    return f"{filters.shape[1]} channel{'s' * (filters.shape[1] != 1)}"


def _networks_of(tensors: Mapping[str, Tensor]) -> list[str]:
    """Our networks, at full width, that tensors are the weights of, but for the last layer."""
    from skipwise.nets.zoo import NETWORKS  # which itself loads weights

    names = translate(_layers("plain20", "small"), tensors)
    numbered = {match.group(1, 2) for match in map(_BLOCK.match, names) if match is not None}
    blocks = Counter(stage for stage, _ in numbered)
    depths = [blocks[str(number)] for number in range(len(blocks))]
    found = []
    for name, architecture in NETWORKS.items():
        # Looked at before anything is built, which takes a while.
        if [stage.depth for stage in architecture.stages] == depths or _torchvisions_mobilenet(names, architecture):
            bare = [_layers(name, stem) for stem in STEMS if stem != "auto"]
            if any(_is_of(tensors, network) for network in bare):
                found.append(name)
    return found


def _torchvisions_mobilenet(names: Iterable[str], architecture: Architecture) -> bool:
    return architecture.head_channels is not None and any(name.startswith("features.") for name in names)


def _layers(name: str, stem: str) -> nn.Module:
    from skipwise.nets.spec import NetworkSpec  # which itself loads weights

    return NetworkSpec(name=name, num_classes=1, stem=stem).build_for_counting()


def _is_of(tensors: Mapping[str, Tensor], network: nn.Module) -> bool:
    head = head_names(network)

    def body(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in state.items() if name not in head and not name.endswith(COUNTER)}

    return body(translate(network, tensors)) == body(network.state_dict())

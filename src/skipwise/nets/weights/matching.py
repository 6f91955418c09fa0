"""Matches the tensors of a file with those of a network: under which names they fit, and what does not fit."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from skipwise.core.text import listed
from skipwise.nets.heads import head_names
from skipwise.nets.weights.naming import translate
from skipwise.nets.weights.soundness import unusable

SHOWN = 4
"""The most names that a sentence lists."""
NO_PREFIX = "(no prefix)"
COUNTER = "num_batches_tracked"
"""The end of the names of tensors that do not affect any prediction."""
_WRAPPERS = {"module", "_orig_mod"}
"""Prefixes that DistributedDataParallel, AveragedModel and torch.compile add to names; they are removed silently."""
_NOT_WEIGHTS = re.compile(
    r"(^|[._])(loss\w*|criterion\w*|\w*metrics?|\w*acc(uracy)?|n_averaged|num_updates|steps?|optimi[sz]er\w*)([._]|$)"
)
"""In the names of tensors that training programs save with the weights and that do not affect any prediction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """The match between one set of tensors in a file and the network.

    Args:
        key: the key of the set in the file.
        prefix: what was removed from the beginning of its names.
        tensors: the tensors by the network's names.
        mismatches: what does not fit, a phrase each; empty where everything fits.
        outside: the names in the set that do not begin with the prefix.
        unclaimed: those of them that may hold weights of the network.
        notes: what was done to make the set fit, a phrase each.
    """

    key: str
    prefix: str
    tensors: dict[str, Tensor]
    mismatches: tuple[str, ...]
    outside: tuple[str, ...]
    unclaimed: tuple[str, ...] = ()
    notes: tuple[str, ...]

    @property
    def path(self) -> str:
        """Key and prefix in one, without wrappers, as `--init-key` takes it."""
        parts = f"{self.key}.{self.prefix}".split(".")
        return ".".join(part for part in parts if part and part not in _WRAPPERS) or NO_PREFIX


def match_by_name(
    model: nn.Module, target: dict[str, Tensor], key: str, tensors: dict[str, Tensor], *, new_head: bool, chosen: bool
) -> list[Match]:
    """Matches a set as it is, and without each prefix that enough of its names share.

    Args:
        model: the network.
        target: its state dict.
        key: the key of the set in the file.
        tensors: the set.
        new_head: whether a last layer for another number of classes is replaced by a new one.
        chosen: whether the user chose this set, and so what to leave out.
    """
    shared: Counter[str] = Counter()
    for name in tensors:
        if not name.endswith(COUNTER):
            shared.update(name[: at + 1] for at, letter in enumerate(name) if letter == ".")
    wanted = sum(not name.endswith(COUNTER) for name in target) - 2  # the last layer may have another prefix
    least = max(1, min(wanted, len(tensors) // 2))
    prefixes = sorted((prefix for prefix, count in shared.items() if count >= least), key=len)
    matches = [_match(model, target, key, prefix, tensors, new_head=new_head) for prefix in prefixes]
    fitting = {match.prefix for match in matches if not match.mismatches}
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(tuple(fitting))}
    matches.insert(0, _match(model, target, key, "", rest, new_head=new_head))
    if chosen:
        return matches
    # Weights of the network must not be ignored silently.
    return [
        replace(match, unclaimed=tuple(n for n in match.outside if n in rest and not _NOT_WEIGHTS.search(n)))
        for match in matches
    ]


def match_by_order(
    model: nn.Module, target: dict[str, Tensor], key: str, tensors: dict[str, Tensor], *, new_head: bool
) -> Match | None:
    """Matches a set whose names are all unknown, tensor by tensor in the network's order.

    Returns:
        None where a name is also the network's, or a tensor differs in kind or shape from the network's at its place.
    """
    theirs = {
        name: tensor for name, tensor in tensors.items() if not name.endswith(COUNTER) and not _NOT_WEIGHTS.search(name)
    }
    ours = {name: value for name, value in target.items() if not name.endswith(COUNTER)}
    head = {name: target[name] for name in head_names(model) if name in target} if new_head else {}
    found = {name: torch.zeros_like(value) for name, value in target.items() if name.endswith(COUNTER)}
    if len(theirs) == len(ours) - len(head):
        found |= head
        ours = {name: value for name, value in ours.items() if name not in head}
    if len(theirs) != len(ours) or translate(model, theirs).keys() & target.keys():
        return None
    new = False
    for (their_name, tensor), (name, value) in zip(theirs.items(), ours.items(), strict=True):
        if their_name.rpartition(".")[2] != name.rpartition(".")[2] or unusable(tensor, value):
            return None
        new = new or (name in head and tensor.shape != value.shape)
        if tensor.shape != value.shape and not _other_classes(name, tensor, value, head):
            return None
        found[name] = tensor
    notes = [
        f"none of its names is one of this network's, so its {len(theirs):,} tensors were matched by their order; all "
        "agree in kind and shape, which does not prove that it is the same network"
    ]
    if new:
        notes.append(_new_head({name: found[name] for name in head}, head))
        found |= head
    return Match(key=key, prefix="", tensors=found, mismatches=(), outside=(), notes=tuple(notes))


def _other_classes(name: str, tensor: Tensor, value: Tensor, head: dict[str, Tensor]) -> bool:
    """Returns whether a tensor is of a last layer that differs from the network's only in the number of classes."""
    return name in head and tensor.ndim == value.ndim and tensor.shape[1:] == value.shape[1:]


def _new_head(theirs: dict[str, Tensor], ours: dict[str, Tensor]) -> str:
    both = ((theirs[name], here) for name, here in ours.items() if name in theirs)
    there, here = next((there, here) for there, here in both if there.shape != here.shape)
    if there.ndim == here.ndim > 0 and there.shape[1:] == here.shape[1:]:
        return f"its last layer is for {there.shape[0]:,} classes, so a new one for {here.shape[0]:,} is made"
    return "its last layer has another shape, so a new one is made"


def _match(
    model: nn.Module, target: dict[str, Tensor], key: str, prefix: str, tensors: dict[str, Tensor], *, new_head: bool
) -> Match:
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    outside = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    notes = []
    found = translate(model, inside)
    ignored = [name for name in (*found, *outside) if name not in target and _NOT_WEIGHTS.search(name)]
    if ignored:
        notes.append(f"{listed(ignored, SHOWN)} {'are' if len(ignored) > 1 else 'is'} ignored")
    found = {name: tensor for name, tensor in found.items() if name not in ignored}
    if set(prefix.split(".")) - _WRAPPERS - {""}:
        notes.append(f"the prefix {prefix} is removed from the names")
    if head := _head_outside(target, found, outside, new_head=new_head):
        found |= head
        theirs = {name for name, tensor in outside.items() if any(tensor is each for each in head.values())}
        outside = {name: tensor for name, tensor in outside.items() if name not in theirs}
        notes.append(f"{listed(sorted(theirs), SHOWN)} are used as the last layer")
    # Files from before torch 1.0 do not count batches; nothing that is computed depends on that count.
    for name, value in target.items():
        if name.endswith(COUNTER):
            found.setdefault(name, torch.zeros_like(value))
    if new_head:
        own = {name: target[name] for name in head_names(model) if name in target}
        if own and not own.keys() & found.keys():
            notes.append("it has no last layer, so a new one is made")
            found |= own
        elif any(name in found and found[name].shape != value.shape for name, value in own.items()):
            notes.append(_new_head(found, own))
            found |= own
    return Match(
        key=key,
        prefix=prefix,
        tensors=found,
        mismatches=tuple(_mismatches(target, found)),
        outside=tuple(outside),
        notes=tuple(notes),
    )


def _mismatches(target: dict[str, Tensor], found: dict[str, Tensor]) -> list[str]:
    phrases = [f"it lacks {name} ({shape_of(value)})" for name, value in target.items() if name not in found]
    phrases += [f"it also has {name} ({shape_of(value)})" for name, value in found.items() if name not in target]
    for name, value in found.items():
        if name in target and value.shape != target[name].shape:
            phrases.append(f"{name} is {shape_of(value)} there and {shape_of(target[name])} here")
        elif name in target and (reason := unusable(value, target[name])):
            phrases.append(f"{name} {reason}")
    return phrases


def _head_outside(
    target: dict[str, Tensor], found: dict[str, Tensor], outside: dict[str, Tensor], *, new_head: bool
) -> dict[str, Tensor]:
    """The last layer, where it is the only layer that is missing and exactly one set outside the prefix has its shape.

    Many programs save the backbone and the last layer under different prefixes.
    """
    missing = [name for name in target if name not in found and not name.endswith(COUNTER)]
    layers = {name.rpartition(".")[0] for name in missing}
    if len(layers) != 1 or not any(target[name].ndim == 2 for name in missing):
        return {}
    fitting = []
    for layer in {name.rpartition(".")[0] for name in outside}:
        theirs = {name: f"{layer}.{name.rpartition('.')[2]}" for name in missing}
        if all(
            there in outside
            and (outside[there].shape == target[name].shape or (new_head and outside[there].ndim == target[name].ndim))
            for name, there in theirs.items()
        ):
            fitting.append({name: outside[there] for name, there in theirs.items()})
    return fitting[0] if len(fitting) == 1 else {}


def shape_of(tensor: Tensor) -> str:
    """A tensor's shape, such as "64x3x7x7"."""
    return "x".join(map(str, tensor.shape)) or "scalar"

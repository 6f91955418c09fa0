"""A file's set of tensors, held against a network: under which names it fits, and what does not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from skipwise.core.text import listed
from skipwise.nets.heads import head_names
from skipwise.nets.weights.naming import translate
from skipwise.nets.weights.soundness import unfit

SHOWN = 4
"""Names that are listed in a sentence."""
BARE = "those without a prefix"
COUNTER = "num_batches_tracked"
"""The end of the names of what no answer depends on."""
_WRAPPERS = {"module", "_orig_mod"}
"""Prefixes that DistributedDataParallel, AveragedModel and torch.compile add to names; they are removed silently."""
_ASIDE = re.compile(
    r"(^|[._])(loss\w*|criterion\w*|\w*metrics?|\w*acc(uracy)?|n_averaged|num_updates|steps?|optimi[sz]er\w*)([._]|$)"
)
"""In names of what training programs keep among a network's tensors, and no answer depends on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One set of a file, held against the network: `tensors` are under the network's names, `faults` is what does not
    fit, `outside` are names that do not begin with `prefix`, of which `left` may be a part of the network, and `notes`
    is what was done to make it fit."""

    key: str
    prefix: str
    tensors: dict[str, Tensor]
    faults: tuple[str, ...]
    outside: tuple[str, ...]
    left: tuple[str, ...] = ()
    notes: tuple[str, ...]

    @property
    def path(self) -> str:
        """The key, going on with the prefix, without wrappers."""
        parts = f"{self.key}.{self.prefix}".split(".")
        return ".".join(part for part in parts if part and part not in _WRAPPERS) or BARE


def held_against(
    model: nn.Module, target: dict[str, Tensor], key: str, tensors: dict[str, Tensor], *, new_head: bool, chosen: bool
) -> list[Fit]:
    """A set as it is, and without each beginning that enough of its names share."""
    begin: Counter[str] = Counter()
    for name in tensors:
        if not name.endswith(COUNTER):
            begin.update(name[: at + 1] for at, letter in enumerate(name) if letter == ".")
    wanted = sum(not name.endswith(COUNTER) for name in target) - 2  # the last layer may be elsewhere
    least = max(1, min(wanted, len(tensors) // 2))
    prefixes = sorted((prefix for prefix, count in begin.items() if count >= least), key=len)
    held = [_held(model, target, key, prefix, tensors, new_head=new_head) for prefix in prefixes]
    whole = {fit.prefix for fit in held if not fit.faults}
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(tuple(whole))}
    held.insert(0, _held(model, target, key, "", rest, new_head=new_head))
    if not chosen:  # nothing of the network may be left behind without a word
        for at, fit in enumerate(held):
            held[at] = replace(fit, left=tuple(n for n in fit.outside if n in rest and not _ASIDE.search(n)))
    return held


def held_in_order(
    model: nn.Module, target: dict[str, Tensor], key: str, tensors: dict[str, Tensor], *, new_head: bool
) -> Fit | None:
    """A set under names of another library, tensor for tensor in the order of the network's; None where a name is also
    the network's, or one tensor is of another kind or shape than the network's in its place."""
    theirs = {
        name: tensor for name, tensor in tensors.items() if not name.endswith(COUNTER) and not _ASIDE.search(name)
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
        if their_name.rpartition(".")[2] != name.rpartition(".")[2] or unfit(tensor, value):
            return None
        new = new or (name in head and tensor.shape != value.shape)
        if tensor.shape != value.shape and not _other_classes(name, tensor, value, head):
            return None
        found[name] = tensor
    notes = [
        f"its names are not those of this network, and are passed over: all {len(theirs):,} tensors agree with the "
        "network's in kind and shape, one after the other, which does not prove that it is the same network"
    ]
    if new:
        notes.append(_new_head({name: found[name] for name in head}, head))
        found |= head
    return Fit(key=key, prefix="", tensors=found, faults=(), outside=(), notes=tuple(notes))


def _other_classes(name: str, tensor: Tensor, value: Tensor, head: dict[str, Tensor]) -> bool:
    """Whether a tensor is of a last layer that differs from the network's in the number of classes alone."""
    return name in head and tensor.ndim == value.ndim and tensor.shape[1:] == value.shape[1:]


def _new_head(theirs: dict[str, Tensor], ours: dict[str, Tensor]) -> str:
    apart = ((theirs[name], here) for name, here in ours.items() if name in theirs)
    there, here = next((there, here) for there, here in apart if there.shape != here.shape)
    if there.ndim == here.ndim > 0 and there.shape[1:] == here.shape[1:]:
        return f"its last layer is for {there.shape[0]:,} classes, so a new one for {here.shape[0]:,} is made"
    return "its last layer is of another shape, so a new one is made"


def _held(
    model: nn.Module, target: dict[str, Tensor], key: str, prefix: str, tensors: dict[str, Tensor], *, new_head: bool
) -> Fit:
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    outside = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    notes = []
    found = translate(model, inside)
    aside = [name for name in (*found, *outside) if name not in target and _ASIDE.search(name)]
    if aside:
        notes.append(f"{listed(aside, SHOWN)} {'are' if len(aside) > 1 else 'is'} left out")
    found = {name: tensor for name, tensor in found.items() if name not in aside}
    if set(prefix.split(".")) - _WRAPPERS - {""}:
        notes.append(f"names begin with {prefix}, which is taken off")
    if head := _head_outside(target, found, outside, new_head=new_head):
        found |= head
        theirs = {name for name, tensor in outside.items() if any(tensor is each for each in head.values())}
        outside = {name: tensor for name, tensor in outside.items() if name not in theirs}
        notes.append(f"{listed(sorted(theirs), SHOWN)} are taken for the last layer's")
    # Files from before torch 1.0 don't count batches; nothing that is computed depends on that count.
    for name, value in target.items():
        if name.endswith(COUNTER):
            found.setdefault(name, torch.zeros_like(value))
    if new_head:
        own = {name: target[name] for name in head_names(model) if name in target}
        if own and not own.keys() & found.keys():
            notes.append("there is no last layer, so a new one is made")
            found |= own
        elif any(name in found and found[name].shape != value.shape for name, value in own.items()):
            notes.append(_new_head(found, own))
            found |= own
    faults = [f"it lacks {name} {shape_of(value)}" for name, value in target.items() if name not in found]
    faults += [f"it has {name} {shape_of(value)} besides" for name, value in found.items() if name not in target]
    for name, value in found.items():
        if name in target and value.shape != target[name].shape:
            faults.append(f"{name} is {shape_of(value)} there and {shape_of(target[name])} here")
        elif name in target and (what := unfit(value, target[name])):
            faults.append(f"{name} is {what}")
    return Fit(
        key=key,
        prefix=prefix,
        tensors=found,
        faults=tuple(faults),
        outside=tuple(outside),
        notes=tuple(notes),
    )


def _head_outside(
    target: dict[str, Tensor], found: dict[str, Tensor], outside: dict[str, Tensor], *, new_head: bool
) -> dict[str, Tensor]:
    """The one linear layer that a network lacks, where there is exactly one such beside what was found: many programs
    keep a backbone and its last layer apart."""
    lacking = [name for name in target if name not in found and not name.endswith(COUNTER)]
    layers = {name.rpartition(".")[0] for name in lacking}
    if len(layers) != 1 or not any(target[name].ndim == 2 for name in lacking):
        return {}
    fitting = []
    for layer in {name.rpartition(".")[0] for name in outside}:
        theirs = {name: f"{layer}.{name.rpartition('.')[2]}" for name in lacking}
        if all(
            there in outside
            and (outside[there].shape == target[name].shape or (new_head and outside[there].ndim == target[name].ndim))
            for name, there in theirs.items()
        ):
            fitting.append({name: outside[there] for name, there in theirs.items()})
    return fitting[0] if len(fitting) == 1 else {}


def shape_of(tensor: Tensor) -> str:
    """Such as "64x3x7x7"."""
    return "x".join(map(str, tensor.shape)) or "scalar"

"""Weights from elsewhere -> a network, strictly: one whole set of a file fits, or nothing of it is loaded.

A file may hold several sets (the weights and their averages, a teacher and a student), under keys or as names with
different beginnings. Which of those that fit is taken is said, and can be chosen.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import torch
from torch import Tensor, nn

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.paths import user_path
from skipwise.core.text import listed
from skipwise.nets.weights.checkpoints import Contents, read_contents
from skipwise.nets.weights.fitting import BARE, SHOWN, Fit, held_against, held_in_order
from skipwise.nets.weights.mismatch import misfit
from skipwise.nets.weights.soundness import check_sound, converted, is_untrained

_AVERAGE = re.compile(r"(^|[._])(ema|swa|avg|averaged?|shadow)([._]|$)", re.IGNORECASE)

_CONVENTIONS = (
    ("state_dict_ema", "state_dict", None, "timm reports the accuracy of these averages"),
    ("model_ema", "model", None, "torchvision's training scripts test these averages"),
    ("ema", "model", None, "Ultralytics validates these averages"),
    ("state_dict", "current_model_state", None, "Lightning keeps its averages there"),
    ("state_dict", "ema_state_dict", "meta.mmengine_version", "OpenMMLab keeps its averages there"),
    ("state_dict", "ema_state_dict", "message_hub", "OpenMMLab keeps its averages there"),
    ("teacher", "student", "dino_loss", "DINO evaluates its teacher"),
)
"""Where a file has two sets of weights: the one whose accuracy the program reports, the other, what else such files
have, and why."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What was loaded: the key it lay under, "" where the file holds nothing else, and what is worth saying, a sentence
    each."""

    key: str
    notes: tuple[str, ...]


def load_weights(
    model: nn.Module, path: str | PathLike[str], *, new_head: bool = False, key: str | None = None
) -> Loaded:
    """Loads a file of weights into `model`, all of it or nothing.

    Args:
        path: safetensors, or a `.pt`, `.pth` or `.th` file of tensors.
        new_head: begin with a last layer of zeros if the file is for another number of classes, or has none.
            A file whose names are all foreign is matched by order, if every tensor's kind and shape agree.
        key: of the set to load, where the file holds several; dots lead further down.

    Raises:
        SkipwiseError: the file can't be read or does not fit, with what does not, by name and shape; several sets fit
            and nothing says which is meant; or its numbers are no network's.
    """
    contents = read_contents(user_path(path))
    return _load(model, contents if key is None else contents.under(key), new_head=new_head, chosen=key is not None)


def fit_weights(model: nn.Module, tensors: Mapping[str, Tensor], *, source: str, new_head: bool = False) -> Loaded:
    """`load_weights` for tensors that have been read; `source` names where they came from."""
    return _load(model, Contents(source, {"": dict(tensors)}), new_head=new_head, chosen=False)


def _load(model: nn.Module, contents: Contents, *, new_head: bool, chosen: bool) -> Loaded:
    target = model.state_dict()
    found = [
        fit
        for key, tensors in contents.sets.items()
        for fit in held_against(model, target, key, tensors, new_head=new_head, chosen=chosen)
    ]
    fits = _different([fit for fit in found if not fit.faults])
    if not fits and contents.ordered:
        in_order = (
            held_in_order(model, target, key, tensors, new_head=new_head) for key, tensors in contents.sets.items()
        )
        fits = _different([fit for fit in in_order if fit is not None])
    if not fits:
        raise misfit(contents, model, target, found)
    best, notes = _choose(contents, fits)
    if best.left:
        raise SkipwiseError(
            f"{contents.source} holds more than this network: the names that begin with {best.prefix} fit, and there "
            f"are {listed(best.left, SHOWN)} besides. If those are not needed, leave them out with --init-key "
            f"{shlex.quote(best.path)}."
        )
    names = {id(tensor): name for tensors in contents.sets.values() for name, tensor in tensors.items()}
    ready = {name: converted(tensor, target[name]) for name, tensor in best.tensors.items()}
    # A buffer of somebody's network may be infinite from the start, such as a mask.
    checked = {name: tensor for name, tensor in ready.items() if target[name].isfinite().all()}
    check_sound({names.get(id(best.tensors[name]), name): tensor for name, tensor in checked.items()}, contents.source)
    whole = [
        name
        for name, tensor in best.tensors.items()
        if tensor.ndim > 1 and target[name].is_floating_point() and not tensor.is_floating_point()
    ]
    if whole:
        kind = str(best.tensors[whole[0]].dtype).removeprefix("torch.")
        notes.append(f"{len(whole):,} tensors of {contents.source} are whole numbers ({kind}), and are used as such.")
    if is_untrained(ready):
        notes.append(f"The weights in {contents.source} look untrained: no batch norm of theirs has seen an image.")
    # A new last layer begins without an opinion: gradients of a random one are noise to the layers below.
    new = [name for name, tensor in best.tensors.items() if tensor is target[name]]
    ready |= {name: torch.zeros_like(target[name]) for name in new}
    model.load_state_dict(ready)
    if best.notes:
        notes.append(f"{contents.source}: {'; '.join(best.notes)}.")
    inside = sum(fit.key == best.key for fit in fits) > 1
    key = ".".join(filter(None, (best.key, best.prefix.rstrip(".") if inside else "")))
    if not chosen and len(contents.sets) == len(fits) == 1:  # there is nothing to choose
        key = ""
    return Loaded(key=key, notes=tuple(notes))


def _different(fits: Sequence[Fit]) -> list[Fit]:
    """Without those that are an earlier one again."""
    kept: list[Fit] = []
    for fit in fits:
        if not any(_equal(fit.tensors, other.tensors) for other in kept):
            kept.append(fit)
    return kept


def _equal(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return all(
        tensor.dtype == others[name].dtype and torch.equal(tensor, others[name]) for name, tensor in some.items()
    )


def _choose(contents: Contents, fits: Sequence[Fit]) -> tuple[Fit, list[str]]:
    """The set to take of those that fit, and a sentence about it if there are several.

    Raises:
        SkipwiseError: nothing says which.
    """
    if len(fits) == 1:
        others = [key for key in contents.sets if key != fits[0].key]
        if not others:
            return fits[0], []
        return fits[0], [
            f"Of {contents.source} the weights under {fits[0].key or 'no key'} are used; {listed(others, SHOWN)} "
            f"{'do' if len(others) > 1 else 'does'} not fit this network."
        ]
    keys = [fit.key for fit in fits]
    names = keys if len(set(keys)) == len(keys) else [fit.path for fit in fits]
    by_name = dict(zip(names, fits, strict=True))
    chosen, why = None, ""
    for name, other, mark, reason in _CONVENTIONS:
        if by_name.keys() == {name, other} and (mark is None or mark in contents.marks):
            chosen, why = name, f", since {reason}"
            break
    else:
        plain = [name for name in names if not _AVERAGE.search(name)]
        if len(plain) == 1:
            chosen, why = plain[0], ""
    if chosen is None:
        raise SkipwiseError(
            f"{contents.source} holds {len(fits)} sets of weights that fit this network: {listed(names, SHOWN)}. "
            f"Choose one with --init-key, such as --init-key {shlex.quote(min(names, key=BARE.__eq__))}."
        )
    others = [name for name in names if name != chosen]
    return by_name[chosen], [
        f"{contents.source} holds the weights {listed(names, SHOWN)}. {chosen} is used{why}; give --init-key "
        f"{shlex.quote(others[0])} for {'the others' if len(others) == 1 else 'others'}."
    ]

"""Weights from elsewhere -> a network, strictly: one whole set of a file fits, or nothing of it is loaded.

A file may hold several sets (the weights and their averages, a teacher and a student), under keys or as names with
different beginnings. Which of those that fit is taken is said, and can be chosen. naming.py renames layers.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike

import torch
from torch import Tensor, nn

from skipwise.errors import SkipwiseError
from skipwise.nets.checkpoints import Contents, read_contents
from skipwise.nets.naming import translate
from skipwise.nets.soundness import check_sound, converted, is_untrained, unfit
from skipwise.paths import user_path

_SHOWN = 8
_COUNTER = "num_batches_tracked"
_HEAD = "classifier."
_WRAPPERS = {"module", "_orig_mod"}
"""Of DistributedDataParallel, AveragedModel and torch.compile: their prefixes are nothing to speak of."""
_ASIDE = re.compile(
    r"(^|[._])(loss\w*|criterion\w*|\w*metrics?|\w*acc(uracy)?|n_averaged|num_updates|steps?|optimi[sz]er\w*)([._]|$)"
)
"""In names of what training programs keep among a network's tensors, and no answer depends on."""
_BARE = "those without a prefix"
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
"""Of two sets: the one that a program's reported accuracy is of, the other, what else its files have, and why."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What was loaded: the key it lay under, "" where the file holds nothing else, and what is worth saying, a sentence
    each."""

    key: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fit:
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
        return ".".join(part for part in parts if part and part not in _WRAPPERS) or _BARE


def load_weights(
    model: nn.Module, path: str | PathLike[str], *, new_head: bool = False, key: str | None = None
) -> Loaded:
    """Loads a file of weights into `model`, all of it or nothing.

    Args:
        path: safetensors, or a `.pt`, `.pth` or `.th` file of tensors.
        new_head: leave the last layer's initial weights if the file is for another number of classes, or has none.
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
        for fit in _held_against(model, target, key, tensors, new_head=new_head, chosen=chosen)
    ]
    fits = _different([fit for fit in found if not fit.faults])
    if not fits:
        raise _misfit(contents, target, found)
    best, notes = _choose(contents, fits)
    if best.left:
        raise SkipwiseError(
            f"{contents.source} holds more than this network: the names that begin with {best.prefix} fit, and there "
            f"are {_listed(best.left)} besides. If those are not needed, leave them out with --init-key "
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
    model.load_state_dict(ready)
    if best.notes:
        notes.append(f"{contents.source}: {'; '.join(best.notes)}.")
    inside = sum(fit.key == best.key for fit in fits) > 1
    key = ".".join(filter(None, (best.key, best.prefix.rstrip(".") if inside else "")))
    if not chosen and len(contents.sets) == len(fits) == 1:  # there is nothing to choose
        key = ""
    return Loaded(key=key, notes=tuple(notes))


def _held_against(
    model: nn.Module, target: dict[str, Tensor], key: str, tensors: dict[str, Tensor], *, new_head: bool, chosen: bool
) -> list[_Fit]:
    """A set as it is, and without each beginning that enough of its names share."""
    begin: Counter[str] = Counter()
    for name in tensors:
        if not name.endswith(_COUNTER):
            begin.update(name[: at + 1] for at, letter in enumerate(name) if letter == ".")
    wanted = sum(not name.endswith(_COUNTER) for name in target) - 2  # the last layer may be elsewhere
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


def _held(
    model: nn.Module, target: dict[str, Tensor], key: str, prefix: str, tensors: dict[str, Tensor], *, new_head: bool
) -> _Fit:
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    outside = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    notes = []
    found = translate(model, inside)
    aside = [name for name in (*found, *outside) if name not in target and _ASIDE.search(name)]
    if aside:
        notes.append(f"{_listed(aside)} {'are' if len(aside) > 1 else 'is'} left out")
    found = {name: tensor for name, tensor in found.items() if name not in aside}
    if set(prefix.split(".")) - _WRAPPERS - {""}:
        notes.append(f"names begin with {prefix}, which is taken off")
    if head := _head_outside(target, found, outside, new_head=new_head):
        found |= head
        theirs = {name for name, tensor in outside.items() if any(tensor is each for each in head.values())}
        outside = {name: tensor for name, tensor in outside.items() if name not in theirs}
        notes.append(f"{_listed(sorted(theirs))} are taken for the last layer's")
    # Files from before torch 1.0 don't count batches; nothing that is computed depends on that count.
    for name, value in target.items():
        if name.endswith(_COUNTER):
            found.setdefault(name, torch.zeros_like(value))
    if new_head:
        own = {name: value for name, value in target.items() if name.startswith(_HEAD)}
        if own and not own.keys() & found.keys():
            notes.append("there is no last layer, so a new one is made")
            found |= own
        elif any(name in found and found[name].shape != value.shape for name, value in own.items()):
            found |= own
    faults = [f"it lacks {name} {_shape(value)}" for name, value in target.items() if name not in found]
    faults += [f"it has {name} {_shape(value)} besides" for name, value in found.items() if name not in target]
    for name, value in found.items():
        if name in target and value.shape != target[name].shape:
            faults.append(f"{name} is {_shape(value)} there and {_shape(target[name])} here")
        elif name in target and (what := unfit(value, target[name])):
            faults.append(f"{name} is {what}")
    return _Fit(
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
    lacking = [name for name in target if name not in found and not name.endswith(_COUNTER)]
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


def _different(fits: Sequence[_Fit]) -> list[_Fit]:
    """Without those that are an earlier one again."""
    kept: list[_Fit] = []
    for fit in fits:
        if not any(_equal(fit.tensors, other.tensors) for other in kept):
            kept.append(fit)
    return kept


def _equal(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return all(
        tensor.dtype == others[name].dtype and torch.equal(tensor, others[name]) for name, tensor in some.items()
    )


def _choose(contents: Contents, fits: Sequence[_Fit]) -> tuple[_Fit, list[str]]:
    """The set to take of those that fit, and a sentence about it if there are several.

    Raises:
        SkipwiseError: nothing says which.
    """
    if len(fits) == 1:
        others = [key for key in contents.sets if key != fits[0].key]
        if not others:
            return fits[0], []
        return fits[0], [
            f"Of {contents.source} the weights under {fits[0].key or 'no key'} are used; {_listed(others)} "
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
            f"{contents.source} holds {len(fits)} sets of weights that fit this network: {_listed(names)}. Choose one "
            f"with --init-key, such as --init-key {shlex.quote(min(names, key=_BARE.__eq__))}."
        )
    others = [name for name in names if name != chosen]
    return by_name[chosen], [
        f"{contents.source} holds the weights {_listed(names)}. {chosen} is used{why}; give --init-key "
        f"{shlex.quote(others[0])} for {'the others' if len(others) == 1 else 'others'}."
    ]


def _misfit(contents: Contents, target: dict[str, Tensor], found: Sequence[_Fit]) -> SkipwiseError:
    """What does not fit, of the set that fits best."""

    def fitting(fit: _Fit) -> int:
        return sum(name in target and target[name].shape == tensor.shape for name, tensor in fit.tensors.items())

    best = max(found, key=fitting)
    names = list(contents.sets[best.key])
    first = f"Its names are {_listed(names, 3)}"
    if best.prefix:
        first += f"; they begin with {best.prefix}, which was taken off"
    where = f", under {best.key}," if best.key else ""
    more = f"; and {len(best.faults) - _SHOWN} more" if len(best.faults) > _SHOWN else ""
    return SkipwiseError(
        f"{contents.source}{where} does not fit this network: {'; '.join(best.faults[:_SHOWN])}{more}. {first}. "
        "Nothing was loaded; choose the network and the number of classes that the weights were made for."
    )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = [*names[:most], *([f"{len(names) - most:,} more"] if len(names) > most else [])]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))

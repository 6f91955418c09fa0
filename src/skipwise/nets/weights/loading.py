"""Loads weights into a network strictly: one whole set of a file fits, or nothing is loaded.

A file may hold several sets (the weights and their moving average, a teacher and a student), under different keys or
under different prefixes of the names. A note says which of those that fit was taken; `key` chooses another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import torch
from torch import Tensor, nn

from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.copies import local_path
from skipwise.core.text import count, listed, quoted
from skipwise.nets.weights.checkpoints import Contents, read_contents
from skipwise.nets.weights.matching import NO_PREFIX, SHOWN, Match, match_by_name, match_by_order
from skipwise.nets.weights.mismatch import mismatch_error
from skipwise.nets.weights.soundness import check_sound, converted, is_untrained

_AVERAGE = re.compile(r"(^|[._])(ema|swa|avg|averaged?|shadow)([._]|$)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Convention:
    """A rule of a program: which of two sets of weights in its file is the one whose accuracy it reports.

    Args:
        chosen, other: the keys of the two sets.
        mark: another key that such files have; None where the two keys say enough.
        reason: why `chosen` is taken, as the end of a sentence.
    """

    chosen: str
    other: str
    mark: str | None = None
    reason: str


_CONVENTIONS = (
    _Convention(chosen="state_dict_ema", other="state_dict", reason="timm reports the accuracy of this moving average"),
    _Convention(chosen="model_ema", other="model", reason="torchvision's training scripts test this moving average"),
    _Convention(chosen="ema", other="model", reason="Ultralytics validates this moving average"),
    _Convention(chosen="state_dict", other="current_model_state", reason="Lightning keeps its averaged weights there"),
    _Convention(
        chosen="state_dict",
        other="ema_state_dict",
        mark="meta.mmengine_version",
        reason="OpenMMLab keeps its averaged weights there",
    ),
    _Convention(
        chosen="state_dict",
        other="ema_state_dict",
        mark="message_hub",
        reason="OpenMMLab keeps its averaged weights there",
    ),
    _Convention(chosen="teacher", other="student", mark="dino_loss", reason="DINO evaluates its teacher"),
)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The result of loading weights.

    Args:
        key: the key of the set that was loaded; "" where the file holds nothing else.
        notes: what a user should know about it, a sentence each.
    """

    key: str
    notes: tuple[str, ...]


def load_weights(
    model: nn.Module, path: str | PathLike[str], *, new_head: bool = False, key: str | None = None
) -> Loaded:
    """Loads a file of weights into a network, all of it or nothing.

    Names of layers are those of Skipwise, torchvision, timm, OpenMMLab or the usual CIFAR repositories; prefixes such
    as `module.` are removed. A file with only unknown names is matched by the order of its tensors, if all of them
    agree in kind and shape. Nothing in the file is executed.

    Args:
        model: the network; it is changed in place.
        path: a safetensors file, or a `.pt`, `.pth` or `.th` file of tensors.
        new_head: whether a last layer for another number of classes, or a missing one, is replaced by a new one of
            zeros; default False.
        key: the key of the set to load where the file holds several, with dots between levels, such as
            "state_dict_ema"; None (default) chooses as the program that wrote the file would.

    Returns:
        What was loaded: the key, and notes to show to the user.

    Raises:
        SkipwiseError: the file cannot be read without running code, is damaged, or does not fit (the message names the
            tensors and shapes that differ); several sets fit and it is unclear which is meant; or its values are NaN,
            infinite, or all zero.

    Example:
        >>> import torch
        >>> from skipwise import create_model, load_weights
        >>> trained = create_model("resnet20", num_classes=10, seed=1)
        >>> torch.save({"epoch": 9, "state_dict": trained.state_dict()}, "trained.pth")
        >>> network = create_model("resnet20", num_classes=3, seed=0)
        >>> for note in load_weights(network, "trained.pth", new_head=True).notes:
        ...     print(note)
        The weights in trained.pth look untrained: the statistics of all its batch norms have their initial values.
        trained.pth: its last layer is for 10 classes, so a new one for 3 is made.
        >>> torch.equal(network.stem[0].conv.weight, trained.stem[0].conv.weight)
        True
    """
    contents = read_contents(local_path(path))
    given = contents if key is None else contents.under(key)
    return load_contents(model, given, new_head=new_head, chosen=key is not None)


def load_contents(model: nn.Module, contents: Contents, *, new_head: bool, chosen: bool = False) -> Loaded:
    """Loads what a file of weights holds, see `load_weights`.

    Args:
        contents: the sets of tensors in the file.
        new_head: whether a last layer for other classes is replaced by a new one.
        chosen: whether the user named the set.
    """
    target = model.state_dict()
    fitting = _fitting(model, target, contents, new_head=new_head, chosen=chosen)
    best, notes = _choose(contents, fitting)
    if best.unclaimed:
        raise SkipwiseError(
            f"{contents.source} holds more than this network: the tensors under {best.prefix} fit, but there "
            f"{'are' if len(best.unclaimed) > 1 else 'is'} also {listed(best.unclaimed, SHOWN)}. To ignore that, add "
            f"--init-key {quoted(best.path)}."
        )
    ready = {name: converted(tensor, target[name]) for name, tensor in best.tensors.items()}
    _check_values(contents, best, target, ready)
    notes += _notes_on_values(contents, best, target, ready)
    # A new last layer starts at zero: the gradients of a random one would be noise to the layers below.
    new = [name for name, tensor in best.tensors.items() if tensor is target[name]]
    model.load_state_dict(ready | {name: torch.zeros_like(target[name]) for name in new})
    if best.notes:
        notes.append(f"{contents.source}: {'; '.join(best.notes)}.")
    return Loaded(key=_key_of(best, contents, fitting, chosen=chosen), notes=tuple(notes))


def _fitting(
    model: nn.Module, target: dict[str, Tensor], contents: Contents, *, new_head: bool, chosen: bool
) -> list[Match]:
    """The different sets of a file that fit, at least one.

    Raises:
        SkipwiseError: none does.
    """
    matches = [
        match
        for key, tensors in contents.sets.items()
        for match in match_by_name(model, target, key, tensors, new_head=new_head, chosen=chosen)
    ]
    fitting = _different([match for match in matches if not match.mismatches])
    if not fitting and contents.ordered:
        by_order = (
            match_by_order(model, target, key, tensors, new_head=new_head) for key, tensors in contents.sets.items()
        )
        fitting = _different([match for match in by_order if match is not None])
    if not fitting:
        raise mismatch_error(contents, model, target, matches)
    return fitting


def _check_values(contents: Contents, best: Match, target: Mapping[str, Tensor], ready: Mapping[str, Tensor]) -> None:
    names = {id(tensor): name for tensors in contents.sets.values() for name, tensor in tensors.items()}
    # A buffer of an external network may be infinite from the start, such as a mask.
    checked = {name: tensor for name, tensor in ready.items() if target[name].isfinite().all()}
    check_sound({names.get(id(best.tensors[name]), name): tensor for name, tensor in checked.items()}, contents.source)


def _notes_on_values(
    contents: Contents, best: Match, target: Mapping[str, Tensor], ready: Mapping[str, Tensor]
) -> list[str]:
    notes = []
    integers = [
        tensor
        for name, tensor in best.tensors.items()
        if tensor.ndim > 1 and target[name].is_floating_point() and not tensor.is_floating_point()
    ]
    if integers:
        kind = str(integers[0].dtype).removeprefix("torch.")
        notes.append(
            f"{contents.source} holds integers ({kind}) in {count(len(integers), 'tensor')}, which are used without "
            "rescaling."
        )
    if is_untrained(ready):
        notes.append(
            f"The weights in {contents.source} look untrained: the statistics of all its batch norms have their "
            "initial values."
        )
    return notes


def _key_of(best: Match, contents: Contents, fitting: Sequence[Match], *, chosen: bool) -> str:
    """The key that loads the same set again, "" where there is nothing to choose."""
    if not chosen and len(contents.sets) == len(fitting) == 1:
        return ""
    shares_key = sum(match.key == best.key for match in fitting) > 1
    return ".".join(filter(None, (best.key, best.prefix.rstrip(".") if shares_key else "")))


def _different(matches: Sequence[Match]) -> list[Match]:
    """The matches without those that repeat an earlier one."""
    kept: list[Match] = []
    for match in matches:
        if not any(_equal(match.tensors, other.tensors) for other in kept):
            kept.append(match)
    return kept


def _equal(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return all(
        tensor.dtype == others[name].dtype and torch.equal(tensor, others[name]) for name, tensor in some.items()
    )


def _choose(contents: Contents, fitting: Sequence[Match]) -> tuple[Match, list[str]]:
    """The set to load, and a sentence about the choice if the file holds several.

    Raises:
        SkipwiseError: several sets fit, and it is unclear which is meant.
    """
    if len(fitting) == 1:
        others = [key for key in contents.sets if key != fitting[0].key]
        if not others:
            return fitting[0], []
        return fitting[0], [
            f"The weights under {fitting[0].key or 'no key'} in {contents.source} are used; {listed(others, SHOWN)} "
            f"{'do' if len(others) > 1 else 'does'} not fit this network."
        ]
    keys = [match.key for match in fitting]
    names = keys if len(set(keys)) == len(keys) else [match.path for match in fitting]
    by_name = dict(zip(names, fitting, strict=True))
    chosen, reason = _by_convention(names, contents)
    if chosen is None:
        raise SkipwiseError(
            f"{contents.source} holds {len(fitting)} sets of weights that fit this network: {listed(names, SHOWN)}. "
            f"Choose one with --init-key, such as --init-key {quoted(min(names, key=NO_PREFIX.__eq__))}."
        )
    others = [name for name in names if name != chosen]
    return by_name[chosen], [
        f"{contents.source} holds the weights {listed(names, SHOWN)}. {chosen} is used{reason}; for "
        f"{'the other' if len(others) == 1 else 'another'}, add --init-key {quoted(others[0])}."
    ]


def _by_convention(names: Sequence[str], contents: Contents) -> tuple[str | None, str]:
    """The set whose accuracy the program that wrote the file reports, and why; or the only one that is not averaged."""
    for each in _CONVENTIONS:
        if set(names) == {each.chosen, each.other} and (each.mark is None or each.mark in contents.marks):
            return each.chosen, f", since {each.reason}"
    plain = [name for name in names if not _AVERAGE.search(name)]
    return (plain[0], "") if len(plain) == 1 else (None, "")

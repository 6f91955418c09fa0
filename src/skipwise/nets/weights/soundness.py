"""Refuses weights that no trained network can have, such as those a diverged training leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from skipwise.core.errors import SkipwiseError

SHOWN = 5
"""The most names that a sentence lists."""


def unusable(tensor: Tensor, target: Tensor) -> str:
    """Returns the reason why a tensor cannot replace `target`, as the end of a sentence; "" where it can."""
    if tensor.is_complex() and not target.is_complex():
        return "holds complex numbers"
    return "has a shape but no values" if tensor.is_meta else ""


def converted(tensor: Tensor, target: Tensor) -> Tensor:
    """A tensor of any precision and layout, dense and in the precision of the network's tensor `target`."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.detach().to(target.dtype)


def check_sound(tensors: Mapping[str, Tensor], source: str) -> None:
    """Checks weights for values that no useful network has.

    Args:
        tensors: the weights, by the names that the message shows.
        source: where they come from, as the message says it.

    Raises:
        SkipwiseError: there are NaN or infinite values, negative variances, norms without statistics, or only zeros.
    """
    numbers = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    variances = {name: tensor for name, tensor in numbers.items() if name.endswith("running_var")}
    weights = [tensor for tensor in numbers.values() if tensor.ndim > 1]
    if bad := _found(numbers, lambda tensor: ~torch.isfinite(tensor)):
        raise SkipwiseError(
            f"{source} holds NaN or infinite numbers in {len(bad):,} of {len(tensors):,} tensors: {_shown(bad)}. The "
            "training that made it has probably diverged; use weights from before that."
        )
    if bad := _found(variances, lambda tensor: tensor < 0):
        raise SkipwiseError(
            f"{source} holds negative variances in {_shown(bad)}; the file is damaged, or its names are mixed up."
        )
    empty = [name for name, tensor in variances.items() if tensor.numel() and not tensor.any()]
    if empty:
        raise SkipwiseError(
            f"{source} holds only zeros in {_some(empty)}: the running statistics of these batch norms were never "
            "computed, or not saved. Save the whole state dict of the trained network."
        )
    if weights and not any(tensor.any() for tensor in weights):
        raise SkipwiseError(
            f"{source} holds only zeros in all its weights; save the state dict of the trained network again."
        )


def is_untrained(tensors: Mapping[str, Tensor]) -> bool:
    """Returns whether there are batch norms, and all their running statistics have their initial values."""
    means = [tensor for name, tensor in tensors.items() if name.endswith("running_mean")]
    variances = [tensor for name, tensor in tensors.items() if name.endswith("running_var")]
    return bool(means) and not any(mean.any() for mean in means) and all((var == 1).all() for var in variances)


def _found(tensors: Mapping[str, Tensor], is_bad: Callable[[Tensor], Tensor]) -> dict[str, tuple[int, int]]:
    """Counts the bad values, and all values, of each tensor that has any."""
    counts = {name: (int(is_bad(tensor).sum()), tensor.numel()) for name, tensor in tensors.items()}
    return {name: count for name, count in counts.items() if count[0]}


def _shown(found: Mapping[str, tuple[int, int]]) -> str:
    return _some([f"{name} ({bad:,} of {all_:,})" for name, (bad, all_) in found.items()])


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")

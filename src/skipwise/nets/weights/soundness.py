"""Whether weights can be anybody's: what a diverged training leaves, and what was never written, is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from skipwise.core.errors import SkipwiseError

SHOWN = 5


def unfit(tensor: Tensor, target: Tensor) -> str:
    """What a tensor is, if it can't take the place of a network's; "" else."""
    if tensor.is_complex() and not target.is_complex():
        return "complex numbers"
    return "a shape without numbers" if tensor.is_meta else ""


def converted(tensor: Tensor, target: Tensor) -> Tensor:
    """A tensor of any precision as the network computes with it."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.detach().to(target.dtype)


def check_sound(tensors: Mapping[str, Tensor], source: str) -> None:
    """Raises SkipwiseError for numbers that no useful network has.

    Args:
        tensors: under their names, as the network will have them.
        source: where they come from, for the sentence.
    """
    numbers = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    variances = {name: tensor for name, tensor in numbers.items() if name.endswith("running_var")}
    weights = [tensor for tensor in numbers.values() if tensor.ndim > 1]
    if bad := _found(numbers, lambda tensor: ~torch.isfinite(tensor)):
        raise SkipwiseError(
            f"{source} holds NaN or infinite numbers in {len(bad):,} of {len(tensors):,} tensors: {_shown(bad)}. Such "
            "weights answer nothing. A training that diverged leaves them; take those that it had before."
        )
    if bad := _found(variances, lambda tensor: tensor < 0):
        raise SkipwiseError(
            f"{source} holds negative variances in {_shown(bad)}, which no images give; the file is damaged, or its "
            "names are mixed up."
        )
    empty = [name for name, tensor in variances.items() if tensor.numel() and not tensor.any()]
    if empty:
        raise SkipwiseError(
            f"{source} holds nothing but zeros in {_some(empty)}: the statistics of its batch norms were never "
            "gathered, or not saved."
        )
    if weights and not any(tensor.any() for tensor in weights):
        raise SkipwiseError(f"{source} holds nothing but zeros in all its weights; they were never written.")


def is_untrained(tensors: Mapping[str, Tensor]) -> bool:
    """Whether there are batch norms, and none of them has ever seen an image."""
    means = [tensor for name, tensor in tensors.items() if name.endswith("running_mean")]
    variances = [tensor for name, tensor in tensors.items() if name.endswith("running_var")]
    return bool(means) and not any(mean.any() for mean in means) and all((var == 1).all() for var in variances)


def _found(tensors: Mapping[str, Tensor], is_bad: Callable[[Tensor], Tensor]) -> dict[str, tuple[int, int]]:
    """How many of how many numbers, by the names of the tensors that have any."""
    counts = {name: (int(is_bad(tensor).sum()), tensor.numel()) for name, tensor in tensors.items()}
    return {name: count for name, count in counts.items() if count[0]}


def _shown(found: Mapping[str, tuple[int, int]]) -> str:
    return _some([f"{name} ({bad:,} of {of:,})" for name, (bad, of) in found.items()])


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")

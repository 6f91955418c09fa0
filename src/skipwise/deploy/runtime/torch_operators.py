"""The functions that a program of PyTorch may call: functions of tensors and numbers, and nothing else.

None of them reads or writes a file, looks up a name, keeps a reference to other memory, repeats a part of the program,
draws random numbers, or remembers an earlier image. So the answer depends on the pixels alone. A program that calls
anything else is refused before it runs.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch

_ATEN = frozenset(
    """
    conv1d conv2d conv3d convolution conv_transpose2d linear matmul mm bmm addmm baddbmm addbmm einsum outer dot mv
    scaled_dot_product_attention bilinear lstm gru

    max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d

    batch_norm layer_norm group_norm instance_norm rms_norm linalg_vector_norm norm std std_mean var var_mean dropout
    dropout_ feature_dropout alpha_dropout

    relu relu_ relu6 relu6_ leaky_relu leaky_relu_ prelu rrelu elu elu_ celu celu_ selu selu_ gelu gelu_ silu silu_
    mish mish_ hardtanh hardtanh_ hardsigmoid hardsigmoid_ hardswish hardswish_ hardshrink softshrink softplus sigmoid
    sigmoid_ log_sigmoid tanh tanh_ glu threshold threshold_ softmax log_softmax logsumexp

    add add_ sub sub_ mul mul_ div div_ rsub true_divide floor_divide remainder fmod pow square sqrt rsqrt reciprocal
    exp expm1 log log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh erf neg neg_ abs abs_ sign floor floor_
    ceil round trunc frac clamp clamp_ clamp_min clamp_min_ clamp_max clamp_max_ clip maximum minimum fmax fmin lerp
    addcmul addcdiv cumsum cumprod isnan isinf isfinite nan_to_num eq ne lt le gt ge logical_and logical_or
    logical_not logical_xor bitwise_and bitwise_or bitwise_not where masked_fill masked_fill_ sum mean amax amin max
    min argmax argmin all any prod median topk sort argsort

    reshape view flatten unflatten permute transpose t numpy_T swapaxes movedim moveaxis squeeze unsqueeze expand
    expand_as broadcast_to repeat tile repeat_interleave cat concat concatenate stack hstack vstack chunk split
    split_with_sizes tensor_split unbind narrow select slice slice_scatter select_scatter index index_select index_put
    gather scatter scatter_add take_along_dim embedding flip roll rot90 tril triu diagonal meshgrid contiguous clone
    detach detach_ lift_fresh_copy lift_fresh alias to _to_copy type_as view_as reshape_as copy_ fill fill_ zero_ pad
    constant_pad_nd reflection_pad2d replication_pad2d unfold im2col col2im pixel_shuffle pixel_unshuffle
    channel_shuffle upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_bicubic2d_aa
    _upsample_bilinear2d_aa grid_sampler grid_sampler_2d affine_grid_generator

    arange linspace zeros zeros_like ones ones_like full full_like new_zeros new_ones new_full eye scalar_tensor
    one_hot sym_size sym_numel sym_stride _shape_as_tensor _assert_tensor_metadata _assert_scalar _assert_async
    sym_constrain_range sym_constrain_range_for_size
    """.split()
)

_LARGEST = 2**63 - 1


def _of_numbers(function: Callable[..., Any]) -> Callable[..., int | float]:
    """The function, limited to numbers as arguments and result. Integers must fit into 64 bits: multiplying
    longer ones may take for ever."""

    @functools.wraps(function)
    def checked(*given: Any) -> int | float:
        result = function(*map(_number, given))
        return _number(result)

    return checked


def _number(value: Any) -> int | float:
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LARGEST):
        return value
    raise ValueError("one of its sizes is not a number, or does not fit into 64 bits")


_OF_NUMBERS: dict[str, Callable[..., int | float]] = {
    **{
        f"_operator.{name}": _of_numbers(getattr(operator, name))
        for name in "add sub mul floordiv truediv mod neg eq ne lt le gt ge and_ or_".split()
    },
    **{
        f"torch.{name}": _of_numbers(getattr(torch, name))
        for name in "sym_min sym_max sym_int sym_float sym_not sym_ite".split()
    },
    "math.trunc": _of_numbers(math.trunc),
}
"""The operators on sizes. Powers and shifts are left out: their results may exhaust memory."""

_RUNNING = ("running_mean", "running_var")


def function_called(target: str) -> Callable[..., Any]:
    """The function of this name.

    Raises:
        ValueError: it is none of those that a program may call.
    """
    if target in _OF_NUMBERS:
        return _OF_NUMBERS[target]
    library, _, rest = target.partition("torch.ops.aten.")
    name, _, overload = rest.partition(".")
    known = not library and name in _ATEN and overload.isidentifier() and not overload.startswith("_")
    found = getattr(getattr(torch.ops.aten, name), overload, None) if known else None
    if not isinstance(found, torch._ops.OpOverload) or (_writes(found) and not name.endswith("_")):
        raise ValueError(f"it calls {target!r}, which is not an operator that Skipwise runs")
    return found


def _writes(function: torch._ops.OpOverload) -> bool:
    """Returns whether it writes into one of its arguments, as operators in place or with `out=` do."""
    said = [each.alias_info for each in function._schema.arguments]
    return any(each is not None and each.is_write for each in said)


def check_constant(function: torch._ops.OpOverload, given: Mapping[str, Any]) -> None:
    """Checks that a call gives the same result for the same tensors, whenever it is made.

    Args:
        given: its arguments by name, without those that have their default.

    Raises:
        ValueError: it draws random numbers, or updates running means.
    """
    names = {each.name for each in function._schema.arguments}
    if names.issuperset(_RUNNING):
        learning = any(given.get(name) is not None for name in _RUNNING)
        switches = {"training", "use_input_stats"} if learning else set()
    else:
        switches = {"train", "training", "dropout_p"}
    if any(given.get(name, False) not in (False, 0) for name in switches & names) or "generator" in given:
        raise ValueError(f"its call of {function} is for training, so its answers change each time")

"""Translates the names that torchvision, timm, OpenMMLab and the usual CIFAR repositories give to layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from skipwise.nets.network import Network


def _block(match: re.Match[str], rest: str) -> str:
    # They count stages from 1, and Skipwise from 0; both count blocks from 0.
    return f"stages.{int(match[1]) - 1}.{match[2]}.{rest}"


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^(?:layer0\.)?conv1\.", lambda _: "stem.0.conv."),
        (r"^(?:layer0\.)?bn1\.", lambda _: "stem.0.norm."),
        (r"^layer(\d+)\.(\d+)\.conv(\d)\.", lambda m: _block(m, f"branch.{int(m[3]) - 1}.conv.")),
        (r"^layer(\d+)\.(\d+)\.bn(\d)\.", lambda m: _block(m, f"branch.{int(m[3]) - 1}.norm.")),
        (r"^layer(\d+)\.(\d+)\.(?:downsample|shortcut)\.0\.", lambda m: _block(m, "skip.shortcut.conv.")),
        (r"^layer(\d+)\.(\d+)\.(?:downsample|shortcut)\.1\.", lambda m: _block(m, "skip.shortcut.norm.")),
        (r"^layer(\d+)\.(\d+)\.(?:se|se_module)\.(?:fc1|fc\.0)\.", lambda m: _block(m, "gate.squeeze.")),
        (r"^layer(\d+)\.(\d+)\.(?:se|se_module)\.(?:fc2|fc\.2)\.", lambda m: _block(m, "gate.excite.")),
        (r"^(?:fc|linear|last_linear|classifier(?:\.1)?)\.(?=weight$|bias$)", lambda _: "classifier."),
    )
)


def translate(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by the names that `model` gives its layers.

    The known names are those of torchvision's ResNets, ResNeXts and MobileNetV2, of timm's MobileNetV2, SE-ResNets and
    legacy SE-ResNets, and of the CIFAR repositories (`linear` for the head, `shortcut`). Where two tensors would get
    the same name, the second keeps its own. For an external network nothing is translated.
    """
    if not isinstance(model, Network):
        return dict(tensors)
    target = model.state_dict()
    features = _mobilenet_names(model)
    renamed: dict[str, Tensor] = {}
    for theirs, tensor in tensors.items():
        name = theirs
        for pattern, replacement in _RULES:
            name, count = pattern.subn(replacement, name)
            if count:
                break
        prefix, _, leaf = name.rpartition(".")
        name = f"{features.get(prefix, prefix)}.{leaf}"
        if name in target and tensor.ndim == 4 and target[name].ndim == 2 and tensor.shape[2:] == (1, 1):
            tensor = tensor[:, :, 0, 0]  # a gate's linear layer, saved as a 1x1 convolution
        if name in target and tensor.shape != target[name].shape and ".gate." in name:
            tensor = _without_idle_units(name, tensor, target[name].shape)
        renamed[name if name not in renamed else theirs] = tensor
    return renamed


def _without_idle_units(name: str, tensor: Tensor, shape: torch.Size) -> Tensor:
    """A gate's tensor without hidden units that are all zeros; timm's gates have eight or more."""
    axis = 1 if name.endswith("excite.weight") else 0
    more = tensor.ndim == len(shape) and tensor.shape[axis] > shape[axis]
    if not more or tensor.narrow(axis, shape[axis], tensor.shape[axis] - shape[axis]).any():
        return tensor
    return tensor.narrow(axis, 0, shape[axis])


_TIMM_BLOCKS = {1: ("conv_dw", "conv_pw"), 2: ("conv_pw", "conv_dw", "conv_pwl")}
"""timm's names of the convolutions of an inverted residual, by the index of the last one: two of them or three."""


def _mobilenet_names(model: Network) -> dict[str, str]:
    """Our names of MobileNetV2's layers by torchvision's, which number the blocks through all stages, and by timm's."""
    names = {}

    def layer(theirs: str, ours: str) -> None:
        names[f"{theirs}.0"] = f"{ours}.conv"
        names[f"{theirs}.1"] = f"{ours}.norm"

    layer("features.0", "stem.0")
    names["conv_stem"] = "stem.0.conv"
    number = 1
    for stage_name, stage in model.stages.named_children():
        if not isinstance(stage, nn.Sequential) or hasattr(stage, "conv"):
            layer(f"features.{number}", f"stages.{stage_name}")  # the 1x1 convolution before the head
            names |= {"conv_head": f"stages.{stage_name}.conv", "bn2": f"stages.{stage_name}.norm"}
            continue
        for block_name, block in stage.named_children():
            branch = f"stages.{stage_name}.{block_name}.branch"
            last = len(block.get_submodule("branch")) - 1  # type: ignore[arg-type]
            for index in range(last):
                layer(f"features.{number}.conv.{index}", f"{branch}.{index}")
            # torchvision does not group the linear projection with its norm, which is the next layer.
            names[f"features.{number}.conv.{last}"] = f"{branch}.{last}.conv"
            names[f"features.{number}.conv.{last + 1}"] = f"{branch}.{last}.norm"
            for index, conv in enumerate(_TIMM_BLOCKS.get(last, ())):
                names[f"blocks.{stage_name}.{block_name}.{conv}"] = f"{branch}.{index}.conv"
                names[f"blocks.{stage_name}.{block_name}.bn{index + 1}"] = f"{branch}.{index}.norm"
            number += 1
    return names

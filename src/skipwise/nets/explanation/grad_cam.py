"""Grad-CAM for any network at a named layer (Selvaraju et al. 2017, arXiv:1610.02391), computed by captum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skipwise.core.errors import SkipwiseError, require
from skipwise.nets.explanation.layers import find_layer


def gradient_maps(network: nn.Module, layer: str, x_BCHW: Tensor, classes_BK: Tensor) -> tuple[Tensor, Tensor]:
    """The logits of images, and maps of some classes by the gradients at a layer.

    A map is the layer's channels, each weighted by the sum of the logit's gradient over its positions. So at the last
    layer before global pooling and a linear layer it is the class activation map without the bias. What speaks against
    the class is negative, where the paper's ReLU would remove it.

    Args:
        network: in evaluation mode.
        layer: the name of the layer, as `network.named_modules()` has it.
        x_BCHW: normalised images.
        classes_BK: the numbers of K classes for each image.

    Returns:
        Logits [B, classes] and maps [B, K, h, w].

    Raises:
        SkipwiseError: there is no such layer, its output is no map, or captum is not installed.
    """
    require("captum", extra="explain")
    from captum.attr import LayerGradCam

    module = find_layer(network, layer)
    method = LayerGradCam(network, module)
    logits_BC = _forward(network, module, layer, x_BCHW)
    x_BCHW = x_BCHW.detach().requires_grad_()
    with torch.enable_grad():
        maps = [method.attribute(x_BCHW, target=classes_B, relu_attributions=False) for classes_B in classes_BK.T]
    found_BKhw = torch.cat(maps, dim=1).detach()
    return logits_BC, found_BKhw * found_BKhw.shape[-2:].numel()


@torch.no_grad()
def _forward(network: nn.Module, module: nn.Module, layer: str, x_BCHW: Tensor) -> Tensor:
    """The logits. Raises SkipwiseError where a layer is not used, or gives no [B, C, h, w]."""
    shapes: list[list[int]] = []
    hook = module.register_forward_hook(
        lambda _, __, output: shapes.append(list(output.shape) if isinstance(output, Tensor) else [])
    )
    try:
        logits_BC: Tensor = network(x_BCHW)
    finally:
        hook.remove()
    shape = shapes[-1] if shapes else []
    # Channels that come last would be taken for a width; images are square, and so are maps.
    if len(shape) == 4 and shape[2] == shape[3] > 1:
        return logits_BC
    given = f"gives {shape}" if shape else "gives no tensor" if shapes else "is not used"
    raise SkipwiseError(
        f"The layer {layer!r} {given}, and a heat map needs [images, channels, height, width], as high as wide and "
        "more than one position; name another layer."
    )

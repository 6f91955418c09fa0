"""timm's copy of a network of Skipwise: the same weights under timm's names, and a proof that it computes the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from skipwise.core.errors import missing_extra
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.nets.external import source_of
from skipwise.nets.weights.naming import translate

NAMES = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "resnet101": "resnet101",
    "resnet152": "resnet152",
    "resnext50_32x4d": "resnext50_32x4d",
    "se_resnet18": "seresnet18",
    "se_resnet34": "seresnet34",
    "se_resnet50": "seresnet50",
    "se_resnet101": "seresnet101",
    "se_resnet152": "seresnet152",
    "se_resnext50_32x4d": "seresnext50_32x4d",
    "legacy_se_resnet18": "legacy_seresnet18",
    "legacy_se_resnet34": "legacy_seresnet34",
    "mobilenet_v2": "mobilenetv2_100",
}
"""timm's names of networks that are the same, with the ImageNet stem and at width 1."""
TOLERANCE = 1e-4
"""The largest difference of a logit, as a share of the largest logit: sums are added up in another order."""
_TRIED = 2


@dataclass(frozen=True, kw_only=True)
class TimmCopy:
    """A network as timm has it.

    Args:
        name: timm's name; None where timm has none that computes the same, and `why` says why.
        tensors: the weights, under timm's names where there is one.
        described: what timm's config.json has of it: features, first layer, classifier.
        why: a clause; "" where timm has it.
    """

    name: str | None
    tensors: dict[str, Tensor]
    described: Mapping[str, Any]
    why: str = ""


def timm_copy(network: TrainedNetwork, module: nn.Module) -> TimmCopy:
    """Finds the network in timm, and compares the logits of both for random images.

    Args:
        module: the network with its weights, in evaluation mode.

    Raises:
        SkipwiseError: timm has such a network, and is not installed here.
    """
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    name, why = _timm_name(network)
    if name is None:
        return TimmCopy(name=None, tensors=tensors, described={}, why=why)
    try:
        import timm
    except ImportError as error:
        raise missing_extra("timm", "timm") from error
    size, channels = network.preprocessing.size, network.preprocessing.channels
    other: Any = timm.create_model(name, num_classes=len(network.classes), in_chans=channels).eval()
    renamed = _renamed(module, tensors, other.state_dict())
    if renamed is None:
        return TimmCopy(name=None, tensors=tensors, described={}, why=f"timm's {name} has other layers")
    other.load_state_dict(renamed)
    images = torch.randn(_TRIED, channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours, theirs = module(images), other(images)
    if not torch.allclose(ours, theirs, rtol=0, atol=TOLERANCE * float(ours.abs().max().clamp(min=1))):
        return TimmCopy(name=None, tensors=tensors, described={}, why=f"timm's {name} computes something else")
    about = other.pretrained_cfg
    described = {
        "num_features": other.num_features,
        "global_pool": "avg",
        "pool_size": about.get("pool_size"),
        "first_conv": about.get("first_conv"),
        "classifier": about.get("classifier"),
    }
    return TimmCopy(name=name, tensors=renamed, described=described)


def _timm_name(network: TrainedNetwork) -> tuple[str | None, str]:
    source = source_of(network.model)
    if source == "timm":
        return network.model.partition(":")[2], ""
    if source != "skipwise":
        return None, "it is no network of Skipwise's or timm's"
    if network.model not in NAMES:
        return None, f"timm has no {network.model}"
    if network.stem != "imagenet":
        return None, f"timm has {NAMES[network.model]} without the {network.stem} stem"
    if network.width != 1:
        return None, f"timm has no {network.model} of width {network.width:g}"
    return NAMES[network.model], ""


def _renamed(module: nn.Module, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Our tensors by timm's names and in timm's shapes; None where they do not go together one to one."""
    found: dict[str, Tensor] = {}
    used = set()
    for name, tensor in theirs.items():
        (own,) = translate(module, {name: tensor})
        if own not in ours or own in used:
            return None
        used.add(own)
        shaped = _in_shape(ours[own], tensor.shape)
        if shaped is None:
            return None
        found[name] = shaped
    return found if len(used) == len(ours) else None


def _in_shape(tensor: Tensor, shape: torch.Size) -> Tensor | None:
    """A tensor as timm has it: a gate's layer as a 1x1 convolution, and with idle hidden units where timm has more."""
    if tensor.shape == shape:
        return tensor.clone()
    flat = shape[:2] if len(shape) == 4 and shape[2:] == (1, 1) else shape
    if tensor.ndim != len(flat) or any(have > want for have, want in zip(tensor.shape, flat, strict=True)):
        return None
    padded = tensor.new_zeros(flat)
    padded[tuple(slice(size) for size in tensor.shape)] = tensor
    return padded.reshape(shape)

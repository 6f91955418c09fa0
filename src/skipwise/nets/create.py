"""Networks by name: `create_model` and `list_models`."""

from __future__ import annotations

from torch import nn

from skipwise.nets.spec import NetworkSpec
from skipwise.nets.zoo import NETWORKS


def list_models() -> list[str]:
    """Lists the networks that `create_model` knows by name.

    Returns:
        The names, sorted. Networks of timm, torchvision and your own modules come in addition; see `create_model`.

    Example:
        >>> from skipwise import list_models
        >>> [name for name in list_models() if name.startswith("plain")]
        ['plain18', 'plain20', 'plain32', 'plain34', 'plain44', 'plain56']
    """
    return sorted(NETWORKS)


def create_model(
    name: str,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str | None = None,
    width: float = 1.0,
    reduction: int | None = None,
    drop_path: float = 0.0,
    zero_init_last: bool = False,
    pretrained: bool = False,
    image_size: int | None = None,
    seed: int | None = None,
) -> nn.Module:
    """Creates a network by name. It is short for `NetworkSpec(...).build(seed=...)`.

    Args:
        name: one of `list_models()`, or an external network: `timm:NAME`, `torchvision:NAME`, or
            `package.module:function` for your own. Stem, width and gates of an external network are its own.
        num_classes: the number of classes, at least 1; default 1,000.
        in_channels: the channels of the images: 3 (default) for colour, 1 for grey.
        stem: "imagenet" (stride 2, then pooling), "small" (3x3, stride 1, no pooling), or "auto", which goes by
            `image_size`. None (default) is the stem the network was published with: "small" for the CIFAR ResNets,
            "imagenet" for all others.
        width: a factor on all channel counts, which are rounded to multiples of 8; default 1, the published network.
        reduction: how many times fewer hidden units than channels a squeeze-excite gate has; None (default) is the
            published 16 (Hu et al. 2018, arXiv:1709.01507).
        drop_path: the probability in training of skipping the last block's branch; it falls linearly to 0 at the first
            block (stochastic depth, Huang et al. 2016, arXiv:1603.09382); default 0.
        zero_init_last: whether every residual branch starts at zero (Goyal et al. 2017, arXiv:1706.02677); default
            False.
        pretrained: whether to start from the ImageNet weights that torchvision or timm publish, which are downloaded
            once; default False. With another number of classes than 1,000 the last layer is new and starts at zero.
        image_size: the images' size in pixels a side; only the stem "auto" needs it. None (default) is unknown.
        seed: the seed of the initial weights; None (default) draws from torch's default generator.

    Returns:
        A module from images [B, in_channels, H, W] to logits [B, num_classes], in training mode, on the CPU. A network
        of Skipwise takes images of any size from 8 pixels a side.

    Raises:
        SkipwiseError: the name or stem is unknown (the message suggests the nearest one), numbers give no network, or
            published weights do not exist for it, do not fit the options or cannot be downloaded.
        TrainingFailed: the function of a network of your own fails or returns no module.

    Example:
        >>> import torch
        >>> from skipwise import create_model
        >>> network = create_model("resnet18", num_classes=10, stem="small", width=0.25, seed=0)
        >>> network(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    return NetworkSpec(
        name=name,
        num_classes=num_classes,
        in_channels=in_channels,
        stem=stem,
        width=width,
        reduction=reduction,
        drop_path=drop_path,
        zero_init_last=zero_init_last,
        image_size=image_size,
        weights="published" if pretrained else None,
    ).build(seed=seed)

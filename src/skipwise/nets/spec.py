"""`NetworkSpec`: what a network is, and the one way to build it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skipwise.core.errors import SkipwiseError, require, unknown_name
from skipwise.core.files.checksums import sha256
from skipwise.nets.catalogue import check_model
from skipwise.nets.external import Source, source_of
from skipwise.nets.external_code import create_external
from skipwise.nets.stems import STEMS, check_width, resolve_stem
from skipwise.nets.weights.published import fetch, published

if TYPE_CHECKING:
    from torch import nn

    from skipwise.nets.network import Architecture, Network
    from skipwise.nets.weights.loading import Loaded


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A file of weights that a network starts from.

    Args:
        path: safetensors, or a `.pt`, `.pth` or `.th` file of tensors.
        sha256: the SHA-256 that the file must have; None does not check it.
        key: which of the file's sets of weights to load, where it holds several; see `load_weights`.
        new_head: whether the network gets a new last layer where the file's is for another number of classes.
    """

    path: Path
    sha256: str | None = None
    key: str | None = None
    new_head: bool = True


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A network's name, sizes and source. Together with a seed they determine every weight.

    Args:
        name: one of `list_models()`, or an external network: `timm:NAME`, `torchvision:NAME`, or
            `package.module:function` for your own. External networks have their own stem, width and gates, so `stem`,
            `width`, `reduction`, `drop_path` and `zero_init_last` do not apply to them.
        num_classes: the number of classes, at least 1.
        in_channels: the channels of the images: 3 for colour, 1 for grey.
        stem: the first layers: "imagenet" (stride 2, then pooling), "small" (3x3, stride 1, no pooling), or "auto",
            which is "small" for images of up to 64 pixels a side. None is the stem the network was published with:
            "small" for the CIFAR ResNets, "imagenet" for all others.
        width: a factor on all channel counts, which are rounded to multiples of 8; 1 is the published network.
        reduction: how many times fewer hidden units than channels a squeeze-excite gate has; None is the published 16.
        drop_path: the probability in training of skipping the last block's branch; it falls linearly to 0 at the first
            block (stochastic depth, Huang et al. 2016, arXiv:1603.09382).
        zero_init_last: whether the last norm of every residual branch starts at zero (Goyal et al. 2017,
            arXiv:1706.02677).
        image_size: the images' size in pixels a side; only the stem "auto" needs it.
        weights: None for random initial weights; "published" for the ImageNet weights that torchvision or timm
            publish; or a `WeightsFile`.

    Example:
        >>> from skipwise import NetworkSpec
        >>> spec = NetworkSpec(name="se_resnet18", num_classes=10, stem="auto", image_size=32, width=0.25)
        >>> spec.source, spec.resolved_stem
        ('skipwise', 'small')
        >>> network = spec.build(seed=0)
        >>> network.classifier.out_features
        10
    """

    name: str
    num_classes: int = 1000
    in_channels: int = 3
    stem: str | None = None
    width: float = 1.0
    reduction: int | None = None
    drop_path: float = 0.0
    zero_init_last: bool = False
    image_size: int | None = None
    weights: WeightsFile | Literal["published"] | None = None

    @property
    def source(self) -> Source:
        """The source of the network's code: "skipwise", "timm", "torchvision", or "module" for your own."""
        return source_of(self.name)

    @property
    def resolved_stem(self) -> str:
        """The stem with None and "auto" resolved; a network of Skipwise is built with it.

        Raises:
            SkipwiseError: the network is unknown, or the stem is "auto" and there is no image size.
        """
        if self.stem == "auto" and self.image_size is None:
            raise SkipwiseError("The stem 'auto' needs the image size; give image_size, or 'small' or 'imagenet'.")
        return resolve_stem(self.stem or self._architecture().stem, self.image_size or 0)

    def check(self) -> None:
        """Checks name, stem and numbers without building anything; needs no torch for a network of Skipwise.

        Raises:
            SkipwiseError: something is unknown (the nearest name is suggested) or out of range.
        """
        check_model(self.name)
        self._check_options()

    def from_file(
        self, path: Path, *, sha256: str | None = None, key: str | None = None, new_head: bool = True
    ) -> NetworkSpec:
        """The same network, starting from a file of weights; the arguments are those of `WeightsFile`."""
        return replace(self, weights=WeightsFile(path=path, sha256=sha256, key=key, new_head=new_head))

    def build(self, *, seed: int | None = None) -> nn.Module:
        """Builds the network.

        Args:
            seed: the seed of the initial weights; None draws from torch's default generator.

        Returns:
            A module from images [B, in_channels, H, W] to logits [B, num_classes], in training mode, on the CPU.

        Raises:
            SkipwiseError: the name or stem is unknown, numbers give no network, weights cannot be had or do not fit,
                or torch is not installed.
            TrainingFailed: the function of a network of your own fails or returns no module.
        """
        return self.build_loaded(seed=seed)[0]

    def build_loaded(self, *, seed: int | None = None) -> tuple[nn.Module, Loaded]:
        """Builds the network as `build` does, and also returns what was loaded from a file of weights."""
        self._check_known()
        from skipwise.nets.weights.loading import Loaded, load_weights

        file = self._weights_file()
        if self.source == "skipwise":
            network: nn.Module = self._build_ours(seed)
        else:
            network = create_external(self.name, num_classes=self.num_classes, in_channels=self.in_channels, seed=seed)
        if file is None:
            return network, Loaded(key="", notes=())
        return network, load_weights(network, file.path, new_head=file.new_head, key=file.key)

    def build_for_counting(self) -> nn.Module:
        """Builds the network for counting its parameters and multiply-adds.

        The layers of a network of Skipwise have shapes and no values (torch's meta device), so that even a large one
        is built at once. An external network gets initial weights, since its code may need values.
        """
        self._check_known()
        return self._layers() if self.source == "skipwise" else replace(self, weights=None).build(seed=0)

    def build_for_timing(self) -> nn.Module:
        """Builds the network for timing; all weights are ones, since drawing random ones can take longer than a step.

        An external network gets initial weights, since its code decides what its weights may be.
        """
        import torch

        network = self.build_for_counting()
        if self.source == "skipwise":
            network.to_empty(device="cpu")
            with torch.no_grad():
                for tensor in network.state_dict().values():
                    tensor.fill_(1)
        return network

    def _architecture(self) -> Architecture:
        from skipwise.nets.zoo import NETWORKS  # which imports torch

        check_model(self.name, NETWORKS)
        return NETWORKS[self.name]

    def _check_known(self) -> None:
        require("torch", extra="train")
        if self.source == "skipwise":
            self._architecture()
        else:
            check_model(self.name)
        self._check_options()

    def _check_options(self) -> None:
        if self.stem is not None and self.stem not in STEMS:
            raise unknown_name("stem", self.stem, STEMS)
        for name, number in (("num_classes", self.num_classes), ("in_channels", self.in_channels)):
            if not hasattr(number, "__index__"):
                raise SkipwiseError(f"{name} has to be a whole number, and not {number!r}.")
        if self.num_classes < 1 or self.in_channels < 1:
            raise SkipwiseError(
                f"A network needs at least 1 class and 1 input channel, not {self.num_classes} and {self.in_channels}."
            )
        check_width(self.width)
        if self.reduction is not None and self.reduction < 1:
            raise SkipwiseError(
                f"The squeeze-excite reduction must be at least 1, not {self.reduction}; 16 is the published one."
            )
        if not 0 <= self.drop_path < 1:
            raise SkipwiseError(f"drop_path must be at least 0 and below 1, not {self.drop_path:g}.")

    def _weights_file(self) -> WeightsFile | None:
        """The file to load, downloaded and checked."""
        if isinstance(self.weights, WeightsFile):
            wanted, file = self.weights.sha256, self.weights.path
            if wanted is not None and file.is_file() and sha256(file) != wanted:
                raise SkipwiseError(f"{file} is not the file of weights that was chosen: its SHA-256 is not {wanted}.")
            return self.weights
        if self.weights is None:
            return None
        weights = published(self.name)
        if self.source != "skipwise":
            if self.in_channels != len(weights.mean):
                raise SkipwiseError(
                    f"The published weights of {self.name!r} are for {len(weights.mean)} channels; leave in_channels "
                    "out, or pretrained."
                )
        elif (self.resolved_stem, self.width, self.in_channels, self.reduction) != ("imagenet", 1.0, 3, None):
            raise SkipwiseError(
                f"The published weights of {self.name!r} are for the imagenet stem, width 1, 3 channels and the "
                "published gates; leave those options out, or leave out pretrained."
            )
        return WeightsFile(path=fetch(weights))

    def _build_ours(self, seed: int | None) -> Network:
        import torch

        from skipwise.nets.initial_weights import initialise, silence_branches

        network = self._layers()
        network.to_empty(device="cpu")
        initialise(network, None if seed is None else torch.Generator().manual_seed(seed))
        if self.zero_init_last:
            silence_branches(network)
        return network

    def _layers(self) -> Network:
        """The layers without storage: their own initialisation would draw from torch's default generator."""
        import torch

        from skipwise.nets.network import Network

        with torch.device("meta"):
            return Network(
                self._architecture(),
                num_classes=self.num_classes,
                in_channels=self.in_channels,
                stem=self.resolved_stem,
                width=self.width,
                reduction=self.reduction,
                drop_path=self.drop_path,
            )

"""ImageNet weights that torchvision and timm publish: where they are, and what they expect of an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from skipwise.download import Download
from skipwise.errors import SkipwiseError, missing_extra
from skipwise.files import make_folder

LARGEST = 2 * 10**9
"""Bytes of a file of weights, at most; the largest of those below has a fifth of that."""

# torchvision's first weights: all made by the same recipe, where the second ones were each tuned further.
_TORCHVISION = dict.fromkeys(
    ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "mobilenet_v2"), "IMAGENET1K_V1"
)
_TIMM = {
    "se_resnet50": "seresnet50.ra2_in1k",
    "se_resnext50_32x4d": "seresnext50_32x4d.racm_in1k",
    "legacy_se_resnet18": "legacy_seresnet18.in1k",
    "legacy_se_resnet34": "legacy_seresnet34.in1k",
}


@dataclass(frozen=True, kw_only=True)
class Published:
    """Weights of 1,000 classes at `url`, whose file name ends in the first digits of its SHA-256.

    They expect the middle `crop` share of the shorter side, resized to `size` pixels by `interpolation`, and per
    channel (value / 255 - mean) / std.
    """

    url: str
    size: int
    crop: float
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


def has_published(name: str) -> bool:
    """Whether there are published weights for a network."""
    return name in _TORCHVISION or name in _TIMM


def published(name: str) -> Published:
    """The published weights of a network.

    Raises:
        SkipwiseError: there are none, or timm, which knows where they are, is not installed.
    """
    if name in _TORCHVISION:
        from torchvision.models import get_model_weights

        weights = get_model_weights(name)[_TORCHVISION[name]]
        expects = weights.transforms()
        (size,), (resized,) = expects.crop_size, expects.resize_size
        return Published(
            url=weights.url,
            size=size,
            crop=size / resized,
            interpolation=expects.interpolation.value,
            mean=tuple(expects.mean),
            std=tuple(expects.std),
        )
    if name in _TIMM:
        try:
            from timm.models import get_pretrained_cfg
        except ImportError as error:
            raise missing_extra("timm", "timm") from error
        config: Any = get_pretrained_cfg(_TIMM[name])
        return Published(
            url=config.url,
            size=config.input_size[1],
            crop=config.crop_pct,
            interpolation=config.interpolation,
            mean=config.mean,
            std=config.std,
        )
    raise SkipwiseError(
        f"No weights are published for {name!r}; there are some for {', '.join(sorted([*_TORCHVISION, *_TIMM]))}."
    )


def fetch(weights: Published) -> Path:
    """The weights' file: in torch's cache, or downloaded into it; checked against the hash in the name each time.

    Raises:
        SkipwiseError: they can't be downloaded, or are not what their name says.
    """
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(weights.url).path).name
    file = Download(
        url=weights.url,
        sha256=path.stem.rpartition("-")[2],
        most=LARGEST,
        mend="name a folder for published weights in TORCH_HOME",
    )
    if not path.is_file() or not file.is_whole(path):
        make_folder(path.parent, mend=file.mend)
        try:
            file.fetch(path)
        except SkipwiseError as error:
            raise SkipwiseError(
                f"{str(error).removesuffix('.')}; or put that file into {path.parent} yourself."
            ) from error
    return path

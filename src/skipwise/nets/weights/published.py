"""ImageNet weights that torchvision and timm publish: where they are, and what they expect of an image."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from skipwise.core.errors import SkipwiseError, missing_extra
from skipwise.core.files.checksums import sha256
from skipwise.core.files.download import Download
from skipwise.core.files.folders import make_folder

LARGEST = 10**10
"""Bytes of a file of weights, at most; timm's largest has nearly as many, torchvision's a quarter."""
_MEND = "name a folder for published weights in TORCH_HOME"

# torchvision's first weights: all made by the same recipe, where the second ones were each tuned further.
_FIRST = "IMAGENET1K_V1"
_TORCHVISION = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "mobilenet_v2")
_TIMM = {
    "se_resnet50": "seresnet50.ra2_in1k",
    "se_resnext50_32x4d": "seresnext50_32x4d.racm_in1k",
    "legacy_se_resnet18": "legacy_seresnet18.in1k",
    "legacy_se_resnet34": "legacy_seresnet34.in1k",
}
_HASHED = re.compile(r"-([0-9a-f]{8,64})\.pth$")
"""The end of a file name with the first digits of the file's SHA-256."""
_POINTER = re.compile(r"\Aversion https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize \d+\n?\Z")
_POINTER_BYTES = 1024
_HUB = "https://huggingface.co"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What weights expect of an image: the middle `crop` share of the shorter side, resized to `size` pixels by
    `interpolation`, and per channel (value / 255 - mean) / std."""

    size: int
    crop: float
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Published(Expected):
    """Weights that are published at `url`, a file whose name ends in the first digits of its SHA-256; or, where `hub`
    is not "", in that repository of the Hugging Face Hub, which knows the hash of its file."""

    url: str
    hub: str = ""

    @property
    def digits(self) -> str:
        """The first digits of the file's SHA-256, as its name has them; "" for one of the hub."""
        found = _HASHED.search(urlsplit(self.url).path)
        return "" if found is None or self.hub else found[1]


def has_published(name: str) -> bool:
    """Whether there are published weights for a network of ours, without looking anything up."""
    return name in _TORCHVISION or name in _TIMM


def expected(name: str) -> Expected | None:
    """What a library's own weights of a network expect, whether or not these can be had; None where nobody says it."""
    found = _described(name)
    return None if found is None else found[0]


def published(name: str) -> Published:
    """The published weights of a network.

    Raises:
        SkipwiseError: there are none, or timm, which knows where they are, is not installed.
    """
    found = _described(name)
    if found is None or found[1] is None:
        some = f"; there are some for {', '.join(sorted([*_TORCHVISION, *_TIMM]))}" if ":" not in name else ""
        raise SkipwiseError(f"No weights are published for {name!r}{some}.")
    url, hub = found[1]
    return Published(**asdict(found[0]), url=url, hub=hub)


def _described(name: str) -> tuple[Expected, tuple[str, str] | None] | None:
    """What the weights of a network expect, and their address and repository."""
    library, _, model = name.rpartition(":")
    if library == "torchvision" or (not library and name in _TORCHVISION):
        return _of_torchvision(model)
    if library == "timm" or (not library and name in _TIMM):
        return _of_timm(_TIMM.get(model, model) if not library else model)
    return None


def _of_torchvision(model: str) -> tuple[Expected, tuple[str, str]]:
    from torchvision.models import get_model_weights

    every = get_model_weights(model)
    weights = next((each for each in every if each.name == _FIRST), next(iter(every)))
    expects = weights.transforms()
    (size,), (resized,) = expects.crop_size, expects.resize_size
    expectations = Expected(
        size=size,
        crop=size / resized,
        interpolation=expects.interpolation.value,
        mean=tuple(expects.mean),
        std=tuple(expects.std),
    )
    return expectations, (weights.url, "")


def _of_timm(model: str) -> tuple[Expected, tuple[str, str] | None] | None:
    try:
        from timm.models import get_pretrained_cfg
    except ImportError as error:
        raise missing_extra("timm", "timm") from error
    config: Any = get_pretrained_cfg(model)
    if config is None:
        return None
    expectations = Expected(
        size=config.input_size[-1],
        crop=config.crop_pct,
        interpolation=config.interpolation,
        mean=tuple(config.mean),
        std=tuple(config.std),
    )
    if config.interpolation not in ("bilinear", "bicubic"):
        return None
    if config.custom_load:  # in a format of its own
        return expectations, None
    if config.url and _HASHED.search(urlsplit(config.url).path):
        return expectations, (config.url, "")
    if config.hf_hub_id and not config.hf_hub_filename:
        repository, _, revision = config.hf_hub_id.partition("@")
        base = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
        return expectations, (f"{base}/{repository}/resolve/{revision or 'main'}/model.safetensors", repository)
    return expectations, None


def at_hand(weights: Published) -> Path | None:
    """The file of published weights that lies here already, None where it would have to be downloaded."""
    folder = _folder()
    if not weights.hub:
        path = folder / Path(urlsplit(weights.url).path).name
        return path if path.is_file() else None
    return next(iter(sorted(folder.glob(f"{_stem(weights)}-*.safetensors"))), None) or _in_hubs_cache(weights)


def fetch(weights: Published) -> Path:
    """The weights' file: in torch's cache, or downloaded into it; checked against the hash in the name each time.

    Raises:
        SkipwiseError: they can't be downloaded, or are not what their name says.
    """
    path = at_hand(weights)
    if path is not None and sha256(path).startswith(_digits_of(path)):
        return path
    folder = _folder()
    make_folder(folder, mend=_MEND)
    try:
        return _from_hub(weights, folder) if weights.hub else _from_address(weights, folder)
    except SkipwiseError as error:
        mend = (
            "get that file elsewhere, and name it with --init"
            if weights.hub
            else f"put that file into {folder} yourself"
        )
        raise SkipwiseError(f"{str(error).removesuffix('.')}; or {mend}.") from error


def _from_address(weights: Published, folder: Path) -> Path:
    path = folder / Path(urlsplit(weights.url).path).name
    _download(weights.url, weights.digits).fetch(path)
    return path


def _from_hub(weights: Published, folder: Path) -> Path:
    """From the Hugging Face Hub, under a name with the digits of its hash: of the one that the hub says, by which the
    file is checked, or of its own where the hub says none."""
    told = _hash_at_hub(weights, folder)
    path = folder / f"{_stem(weights)}.safetensors"
    if told:
        path = path.with_name(f"{_stem(weights)}-{told[:8]}.safetensors")
    _download(weights.url, told).fetch(path)
    return path if told else path.replace(path.with_name(f"{_stem(weights)}-{sha256(path)[:8]}.safetensors"))


def _hash_at_hub(weights: Published, folder: Path) -> str:
    """The SHA-256 by the pointer that stands for a large file in a repository of the hub; "" where there is none."""
    path = folder / f".{_stem(weights)}.pointer"
    pointer = Download(url=weights.url.replace("/resolve/", "/raw/", 1), sha256="", most=_POINTER_BYTES, mend=_MEND)
    try:
        with contextlib.suppress(SkipwiseError, OSError, ValueError):
            path.unlink(missing_ok=True)
            pointer.fetch(path)
            found = _POINTER.match(path.read_text(encoding="ascii"))
            return "" if found is None else found[1]
        return ""
    finally:
        path.unlink(missing_ok=True)


def _in_hubs_cache(weights: Published) -> Path | None:
    """The file in the cache of the Hugging Face Hub's own library, which names files by their SHA-256."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    revision = weights.url.partition("/resolve/")[2].partition("/")[0]
    found = try_to_load_from_cache(weights.hub, "model.safetensors", revision=revision)
    path = Path(found).resolve() if isinstance(found, str) else None
    return path if path is not None and path.is_file() and re.fullmatch("[0-9a-f]{64}", path.name) else None


def _digits_of(path: Path) -> str:
    """The digits of the SHA-256 in a file's name, which in the hub's cache is nothing else."""
    return path.stem.rpartition("-")[2]


def _download(url: str, digits: str) -> Download:
    return Download(url=url, sha256=digits, most=LARGEST, mend=_MEND)


def _stem(weights: Published) -> str:
    return weights.hub.replace("/", "--")


def _folder() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"

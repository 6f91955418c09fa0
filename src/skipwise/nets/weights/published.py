"""The ImageNet weights that torchvision and timm publish: where they are, and how they expect images prepared."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from skipwise.core.download.download import Download
from skipwise.core.errors import SkipwiseError, missing_extra
from skipwise.core.files.checksums import sha256
from skipwise.core.files.folders import make_folder

LARGEST = 10**10
"""The largest file of weights that is downloaded, in bytes; timm's largest is nearly as large."""
_MEND = "name a folder for published weights in TORCH_HOME"

# torchvision's first weights, which were all made by one recipe; the second ones were each tuned further.
_FIRST = "IMAGENET1K_V1"
_TORCHVISION = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "mobilenet_v2")
_TIMM = {
    "se_resnet50": "seresnet50.ra2_in1k",
    "se_resnext50_32x4d": "seresnext50_32x4d.racm_in1k",
    "legacy_se_resnet18": "legacy_seresnet18.in1k",
    "legacy_se_resnet34": "legacy_seresnet34.in1k",
}
_HASHED = re.compile(r"-([0-9a-f]{8,64})\.pth$")
"""The end of a file's name with the first digits of its SHA-256."""
_POINTER = re.compile(r"\Aversion https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize \d+\n?\Z")
_POINTER_BYTES = 1024
_HUB = "https://huggingface.co"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The preparation of images that weights expect.

    Args:
        size: the side in pixels that the image is resized to.
        crop: the middle square that is kept, as a fraction of the shorter side.
        interpolation: "bilinear" or "bicubic".
        mean, std: of each channel, on the scale 0 to 1: the input is (value / 255 - mean) / std.
    """

    size: int
    crop: float
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Published(Expected):
    """Published weights.

    Args:
        url: the address of the file; outside the Hugging Face Hub its name ends with the first digits of its SHA-256.
        hub: the file's repository on the Hugging Face Hub, which knows its hash; "" for a file elsewhere.
    """

    url: str
    hub: str = ""

    @property
    def digits(self) -> str:
        """The first digits of the file's SHA-256, from its name; "" for a file on the Hub."""
        found = _HASHED.search(urlsplit(self.url).path)
        return "" if found is None or self.hub else found[1]


def has_published(name: str) -> bool:
    """Returns whether there are published weights for a network of Skipwise; needs no other library."""
    return name in _TORCHVISION or name in _TIMM


def expected(name: str) -> Expected | None:
    """Returns the preparation of images that a library's own weights expect; None where the library does not say.

    The weights need not be ones that can be downloaded.
    """
    found = _described(name)
    return None if found is None else found[0]


def published(name: str) -> Published:
    """Finds the published weights of a network.

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
    """Returns the preparation that a network's weights expect, with their address and repository on the Hub."""
    library, _, model = name.rpartition(":")
    if library == "torchvision" or (not library and name in _TORCHVISION):
        return _from_torchvision(model)
    if library == "timm" or (not library and name in _TIMM):
        return _from_timm(_TIMM.get(model, model) if not library else model)
    return None


def _from_torchvision(model: str) -> tuple[Expected, tuple[str, str]]:
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


def _from_timm(model: str) -> tuple[Expected, tuple[str, str] | None] | None:
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
    if config.custom_load:  # the file has a format of its own
        return expectations, None
    if config.url and _HASHED.search(urlsplit(config.url).path):
        return expectations, (config.url, "")
    if config.hf_hub_id and not config.hf_hub_filename:
        repository, _, revision = config.hf_hub_id.partition("@")
        base = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
        return expectations, (f"{base}/{repository}/resolve/{revision or 'main'}/model.safetensors", repository)
    return expectations, None


def find_cached(weights: Published) -> Path | None:
    """The file of published weights in a cache of this machine; None where it has to be downloaded."""
    folder = _folder()
    if not weights.hub:
        path = folder / Path(urlsplit(weights.url).path).name
        return path if path.is_file() else None
    return next(iter(sorted(folder.glob(f"{_stem(weights)}-*.safetensors"))), None) or _in_hub_cache(weights)


def fetch(weights: Published) -> Path:
    """The file of published weights, downloaded into torch's cache where it is not there; its hash is always checked.

    Raises:
        SkipwiseError: it cannot be downloaded, or does not have the hash in its name.
    """
    path = find_cached(weights)
    if path is not None and sha256(path).startswith(_digits_of(path)):
        return path
    folder = _folder()
    make_folder(folder, mend=_MEND)
    try:
        return _from_hub(weights, folder) if weights.hub else _from_address(weights, folder)
    except SkipwiseError as error:
        mend = (
            "download that file yourself, and give it to --init"
            if weights.hub
            else f"put that file into {folder} yourself"
        )
        raise SkipwiseError(f"{str(error).removesuffix('.')}; or {mend}.") from error


def _from_address(weights: Published, folder: Path) -> Path:
    path = folder / Path(urlsplit(weights.url).path).name
    _download(weights.url, weights.digits).fetch(path)
    return path


def _from_hub(weights: Published, folder: Path) -> Path:
    """Downloads from the Hugging Face Hub, to a name with the first digits of the file's SHA-256.

    Where the Hub tells the hash, the file is checked by it; otherwise the name gets the hash of what was downloaded.
    """
    told = _hash_on_hub(weights, folder)
    path = folder / f"{_stem(weights)}.safetensors"
    if told:
        path = path.with_name(f"{_stem(weights)}-{told[:8]}.safetensors")
    _download(weights.url, told).fetch(path)
    return path if told else path.replace(path.with_name(f"{_stem(weights)}-{sha256(path)[:8]}.safetensors"))


def _hash_on_hub(weights: Published, folder: Path) -> str:
    """The SHA-256 in the Git LFS pointer to a file on the Hub; "" where there is none."""
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


def _in_hub_cache(weights: Published) -> Path | None:
    """The file in the cache of the library huggingface_hub, which names files by their SHA-256."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    revision = weights.url.partition("/resolve/")[2].partition("/")[0]
    found = try_to_load_from_cache(weights.hub, "model.safetensors", revision=revision)
    path = Path(found).resolve() if isinstance(found, str) else None
    return path if path is not None and path.is_file() and re.fullmatch("[0-9a-f]{64}", path.name) else None


def _digits_of(path: Path) -> str:
    """The digits of the SHA-256 in a file's name; in the Hub's cache the whole name is the SHA-256."""
    return path.stem.rpartition("-")[2]


def _download(url: str, digits: str) -> Download:
    return Download(url=url, sha256=digits, most=LARGEST, mend=_MEND)


def _stem(weights: Published) -> str:
    return weights.hub.replace("/", "--")


def _folder() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"

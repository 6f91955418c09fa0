"""A folder as the Hugging Face Hub keeps networks: what `export --huggingface` writes, read back from disk or the Hub.

config.json        the network: for timm in timm's words, and for Skipwise under "skipwise"
model.safetensors  its weights, under timm's names where timm has the network
README.md          the model card
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from skipwise.core.download.asked_for import check_asked_for
from skipwise.core.errors import Damaged, SkipwiseError, missing_extra, reason_of
from skipwise.core.files.checksums import sha256
from skipwise.core.files.json_records import read_json
from skipwise.data.image.preprocess import Preprocessing

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT = 1
PREFIX = "hf-hub:"
"""Before the name of a repository on the Hub, as timm writes it, too."""
KEY = "skipwise"
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_HERE = ("127.0.0.1", "localhost", "::1")
AGAIN = "export it again, or download the folder again"


@dataclass(frozen=True, kw_only=True)
class HubNetwork:
    """The entry of Skipwise in the config.json of a network.

    Args:
        format: the number of this format.
        model, stem, width: as `NetworkSpec` takes them.
        classes: their names, in the order of the answers.
        preprocessing: how images become its input.
        temperature: what its logits have to be divided by for honest probabilities.
        weights: the SHA-256 of model.safetensors.
        timm: the name of the network in timm; None where timm has none that computes the same.
        seed, recipe, test_accuracy: of the run; None and "" where another program trained it.
    """

    format: int
    model: str
    stem: str
    width: float
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    temperature: float = 1.0
    weights: str
    timm: str | None = None
    seed: int | None = None
    recipe: str = ""
    test_accuracy: float | None = None


def is_hub_folder(folder: Path) -> bool:
    """Returns whether a folder is one that the Hub would keep, and no run and no exported network."""
    mine = any((folder / name).exists() for name in ("run.json", "artifact.json"))
    return not mine and (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def read_hub_network(folder: Path) -> HubNetwork:
    """Reads what the folder says of its network, and checks the weights.

    Raises:
        SkipwiseError: it was made by another program or by a newer Skipwise, or it is damaged.
    """
    path = folder / CONFIG
    config: Any = read_json(path, Any, mend=AGAIN)
    said = config.get(KEY) if isinstance(config, dict) else None
    if not isinstance(said, dict):
        name = config.get("architecture") if isinstance(config, dict) else None
        known = f"--model timm:{name}" if isinstance(name, str) and name.isidentifier() else "its --model"
        raise SkipwiseError(
            f"{folder} was not exported by Skipwise, so its classes are not known; give {folder / WEIGHTS} with "
            f"{known} and --classes."
        )
    version = said.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise SkipwiseError(f"{path} was written by a newer Skipwise; install that one here.")
    try:
        found = msgspec.convert(said, HubNetwork)
        found.preprocessing.check()
        if len(set(found.classes)) != len(found.classes) or len(found.classes) < 2:
            raise ValueError("it does not name two different classes or more")
    except (msgspec.ValidationError, ValueError) as error:
        raise Damaged(f"{path} is damaged ({error}); {AGAIN}.") from error
    if sha256(folder / WEIGHTS) != found.weights:
        raise Damaged(f"{folder / WEIGHTS} has not the weights that {CONFIG} is about; {AGAIN}.")
    return found


def local_folder(where: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The folder of a network on the Hub, `hf-hub:user/name` or `hf-hub:user/name@revision`, which is downloaded into
    the cache of the library huggingface_hub; any other place is returned as it is.

    Raises:
        SkipwiseError: there is no such network, no connection, or no huggingface_hub.
    """
    if not isinstance(where, str) or not where.startswith(PREFIX):
        return where
    name, _, revision = where.removeprefix(PREFIX).partition("@")
    check_hub_name(name)
    check_asked_for(f"The network {where}")
    check_endpoint()
    try:
        import huggingface_hub
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise missing_extra("timm", "huggingface_hub") from error
    disable_progress_bars()
    try:
        return huggingface_hub.snapshot_download(
            name, revision=revision or None, allow_patterns=[CONFIG, WEIGHTS, CARD], etag_timeout=30
        )
    except Exception as error:  # it raises errors of its own and of its HTTP library
        raise SkipwiseError(
            f"The network {where} can't be downloaded ({reason_of(error)}); check its name and the connection."
        ) from error


def check_hub_name(name: str) -> None:
    """Raises SkipwiseError where a text is no name of a repository on the Hub."""
    if not _NAME.fullmatch(name):
        raise SkipwiseError(f"{name!r} names nothing on the Hub; give a user or an organisation and a name: user/name.")


def check_endpoint() -> None:
    """Raises SkipwiseError where the Hub would be reached without encryption, unless it is on this machine."""
    endpoint = os.environ.get("HF_ENDPOINT", "")
    parts = urlsplit(endpoint)
    if endpoint and parts.scheme.lower() != "https" and parts.hostname not in _HERE:
        raise SkipwiseError(f"HF_ENDPOINT is {endpoint}, and the Hub is reached only by https; unset it.")

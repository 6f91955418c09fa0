"""The verb `push`: a folder of `export --huggingface` goes to the Hugging Face Hub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from skipwise.core.errors import SkipwiseError, missing_extra, reason_of
from skipwise.core.files.paths import user_path
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.deploy.hub.folder import FOLDER
from skipwise.deploy.hub.options import PushOptions
from skipwise.training.weights.hub_folder import (
    CARD,
    CONFIG,
    WEIGHTS,
    check_endpoint,
    check_hub_name,
    is_hub_folder,
    read_hub_network,
)


@dataclass(frozen=True, kw_only=True)
class Pushed(Shown):
    """The result of `push`.

    Args:
        folder: what was sent.
        name: where it is on the Hub: user/name.
        url: its address.

    Example:
        >>> sent = Pushed(folder=Path("huggingface"), name="user/name", url="https://huggingface.co/user/name")
        >>> f"hf-hub:{sent.name}"
        'hf-hub:user/name'
    """

    folder: Path
    name: str
    url: str


@takes(PushOptions)
def push(folder: str | os.PathLike[str], name: str, *, options: PushOptions) -> Pushed:
    """Sends a network to the Hugging Face Hub: its card, its configuration and its weights.

    The library huggingface_hub does it, with the token that `hf auth login` keeps or HF_TOKEN has. Skipwise reads no
    token. A repository that is there gets a new version.

    Args:
        folder (str | Path): what `export --huggingface` wrote, or the exported network that it is in.
        name (str): the repository on the Hub, user/name.

    Returns:
        Pushed: the folder, and where it is now.

    Raises:
        SkipwiseError: the folder holds no such network, the Hub refuses it or can't be reached, or huggingface_hub is
            not installed.

    Example:
        >>> import skipwise
        >>> try:
        ...     skipwise.push("runs/export/images-onnx-fp32/huggingface", "no name")
        ... except skipwise.SkipwiseError as error:
        ...     print(error)
        'no name' names nothing on the Hub; give a user or an organisation and a name: user/name.
    """
    check_hub_name(name)
    path = user_path(folder)
    if not is_hub_folder(path) and is_hub_folder(path / FOLDER):
        path = path / FOLDER
    if not is_hub_folder(path):
        raise SkipwiseError(f"{path} holds no network for the Hub; 'skipwise export RUN --huggingface' writes one.")
    read_hub_network(path)
    check_endpoint()
    try:
        import huggingface_hub
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise missing_extra("timm", "huggingface_hub") from error
    disable_progress_bars()
    api = huggingface_hub.HfApi(library_name="skipwise")
    try:
        made = api.create_repo(name, private=options.private, exist_ok=True)
        api.upload_folder(
            repo_id=name, folder_path=path, allow_patterns=[CARD, CONFIG, WEIGHTS], commit_message="Network of Skipwise"
        )
    except Exception as error:  # it raises errors of its own and of its HTTP library
        raise SkipwiseError(f"{name} was not sent to the Hub: {_why(error)}") from error
    return Pushed(folder=path, name=name, url=str(made))


def _why(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401 or type(error).__name__ == "LocalTokenNotFoundError":
        return "it does not know you; log in with 'hf auth login', and give the command again."
    if status == 403:
        return "your token may not write there; make one that may, or choose another name."
    return f"{reason_of(error)}; check the name and the connection, and give the command again."

"""Checks before work is done on several machines: that they share its folder, and have the same versions.

The machine of the command writes a file and describes itself; each worker looks for the file, and compares.

    python -m skipwise.core.workspace.shared_folder FOLDER TEXT

looks for the file, and ends with the status `NOT_SHARED` where it is missing.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import write_text
from skipwise.core.machine.system import Machine, describe_machine

PROBE = ".shared-folder"
"""The file that is looked for."""
PATIENCE = 20.0
"""Seconds until a file that was just written is missed; network disks may show it late."""
NOT_SHARED = 42
"""The exit status of this module where the file is missing."""
DECISIVE = ("skipwise", "torch", "torchvision", "numpy", "pillow")
"""The packages of which another version may come to other bytes."""


@dataclass(frozen=True, kw_only=True)
class WorkerMachine:
    """The machine of a worker.

    Args:
        node: its name in the network.
        machine: its hardware and versions.
        accelerator: the name of its GPU, where the runs use one.
    """

    node: str
    machine: Machine
    accelerator: str | None = None

    @property
    def kind(self) -> str:
        """The hardware that has to be equal for two machines to come to the same bytes, as far as that can be told."""
        return self.accelerator or self.machine.processor


def describe_worker(device: str) -> WorkerMachine:
    """Returns a description of this machine.

    Args:
        device: the kind of device that the runs are done on: "cpu", "cuda" or "mps".
    """
    accelerator = None
    if device == "cuda":
        import torch

        accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return WorkerMachine(node=socket.gethostname(), machine=describe_machine(), accelerator=accelerator)


def write_probe(folder: Path) -> str:
    """Writes the file that workers look for, and returns what is in it.

    Raises:
        SkipwiseError: the folder can't be written.
    """
    text = secrets.token_hex(16)
    write_text(folder / PROBE, text)
    return text


def remove_probe(folder: Path) -> None:
    """Removes the file, if it is there."""
    with contextlib.suppress(OSError):
        (folder / PROBE).unlink()


def check_probe(folder: Path, text: str, *, node: str, patience: float = PATIENCE) -> None:
    """Looks for the file on the machine of a worker.

    Args:
        text: what `write_probe` returned.
        node: the name of this machine.
        patience: seconds until it is missed.

    Raises:
        SkipwiseError: the folder of this machine is another one.
    """
    deadline = time.monotonic() + patience
    while not _has(folder / PROBE, text):
        if time.monotonic() >= deadline:
            raise not_shared(folder, node)
        time.sleep(0.2)


def _has(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def not_shared(folder: Path, node: str) -> SkipwiseError:
    """The error for a machine that does not have the folder."""
    return SkipwiseError(
        f"{node} does not see {folder}: a file that was just written there is missing. Give --output a folder that all "
        "machines share under the same path."
    )


def check_versions(here: Machine, there: WorkerMachine) -> None:
    """Compares the versions of a worker with those of the command.

    Raises:
        SkipwiseError: they differ; the sentence names them.
    """
    ours, theirs = _versions(here), _versions(there.machine)
    apart = [
        f"{name} {theirs.get(name, 'missing')} there and {ours.get(name, 'missing')} here"
        for name in ours.keys() | theirs.keys()
        if ours.get(name) != theirs.get(name)
    ]
    if apart:
        raise SkipwiseError(
            f"{there.node} has other versions ({', '.join(sorted(apart))}), which may come to other results; install "
            "the same on all machines."
        )


def _versions(machine: Machine) -> dict[str, str]:
    python = ".".join(machine.python.split(".")[:2])
    return {"Python": python} | {name: machine.versions[name] for name in DECISIVE if name in machine.versions}


if __name__ == "__main__":
    try:
        check_probe(Path(sys.argv[1]), sys.argv[2], node=socket.gethostname())
    except SkipwiseError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_SHARED)

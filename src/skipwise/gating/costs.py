"""The costs of both networks, and the outcomes of their certificates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import read_json
from skipwise.core.machine.system import usable_cores
from skipwise.core.text import count
from skipwise.cost.interleaved import interleaved
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.deploy.runtime.session import open_session
from skipwise.deploy.verify.record import Certificate
from skipwise.gating.record import GateSpeed, Kind

SECONDS, ROUNDS = 2.0, 5
"""The time for which both are timed together, and the least number of rounds."""


def measure(old: Path, new: Path, trust: bool | str, progress: Callable[[str, int, int], None] | None) -> GateSpeed:
    """Times both networks on one image that is resized already. They take turns.

    Args:
        old, new: folders of artifacts or runs.
        trust: for runs of networks of one's own.
        progress: called as progress(what, done, total).
    """
    if progress is not None:
        progress("Timing", 0, 1)
    threads, tasks = usable_cores(), {}
    for name, folder in (("old", old), ("new", new)):
        session = open_session(folder, trust=trust, threads=threads)
        size, channels = session.preprocessing.size, session.preprocessing.channels
        pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, channels), dtype=np.uint8)
        tasks[name] = functools.partial(session.predict_resized, pixels)
    found = interleaved(tasks, seconds=SECONDS, least_rounds=ROUNDS, warm_up=True)
    return GateSpeed(old=found["old"], new=found["new"], threads=threads)


def size_of(folder: Path, kind: Kind) -> int | None:
    """Bytes of the exported model, or of a run's weights; None for predictions, and where there are none."""
    if kind == "artifact":
        return read_artifact(folder).size(folder)
    weights = folder / "weights.safetensors"
    return weights.stat().st_size if kind == "run" and weights.is_file() else None


def certificate_of(folder: Path, kind: Kind) -> str:
    """Describes the certificate in an artifact's folder by a phrase; "" for anything but an artifact."""
    if kind != "artifact":
        return ""
    path = folder / "certificate.json"
    if not path.is_file():
        return "none; 'skipwise verify' makes one"
    try:
        found = read_json(path, Certificate)
    except SkipwiseError:
        return "one that can't be read; 'skipwise verify' makes another"
    if found.artifact != read_artifact(folder).files[""]:
        return "one of another file; 'skipwise verify' makes one of this"
    images = f" on {count(found.images, 'image')}" if found.images else ""
    return f"{found.outcome}{images}"

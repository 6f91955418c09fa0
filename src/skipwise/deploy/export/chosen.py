"""The comparison that an exported network comes from."""

from __future__ import annotations

import contextlib
import datetime

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.paths import user_path
from skipwise.deploy.artifact.reference import Chosen
from skipwise.deploy.trained.trained_network import TrainedNetwork


def chosen_by(network: TrainedNetwork) -> Chosen | None:
    """The verdict of the finished comparison whose run a network is; None where it is no run of one."""
    folder = user_path(network.where).resolve().parent.parent
    if not (folder / "comparison.json").is_file():
        return None
    from skipwise.comparison.results.finished import read_comparison

    with contextlib.suppress(SkipwiseError, OSError):  # damaged: it says nothing of the network itself
        found = read_comparison(folder)
        finished = datetime.datetime.fromtimestamp((folder / "comparison.json").stat().st_mtime, datetime.UTC)
        return Chosen(data=found.results.data, date=finished.date().isoformat(), sentences=found.verdict)
    return None

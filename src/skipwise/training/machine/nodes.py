"""One run on several nodes: what torchrun may do besides starting processes, and what the nodes have to share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import describe_machine
from skipwise.core.workspace.shared_folder import (
    check_probe,
    check_versions,
    describe_worker,
    remove_probe,
    write_probe,
)
from skipwise.training.machine.ranks import Ranks, environment_number, local_processes


def check_restarts(*, again: bool) -> None:
    """Raises SkipwiseError where torchrun may give the same command again, which would begin another run each time."""
    if again and environment_number("TORCHELASTIC_MAX_RESTARTS", 0):
        raise SkipwiseError(
            "With --again each restart by torchrun would begin another run; leave --again out and name a new folder "
            "with --output, or leave --max-restarts out."
        )


@contextlib.contextmanager
def same_folder(ranks: Ranks, folder: Path) -> Iterator[None]:
    """Makes sure that all processes of a run on several nodes see its folder, and have the same versions.

    Only the first process writes into the folder, and the others resume from what it wrote; after a restart another one
    may be the first.

    Raises:
        SkipwiseError: a node has another folder there, or other versions.
    """
    if ranks.count == local_processes():
        yield
        return
    here = (write_probe(folder), describe_machine()) if ranks.first else None
    told = ranks.broadcast(here)
    assert told is not None
    text, machine = told
    if not ranks.first:
        own = describe_worker("cpu")
        check_probe(folder, text, node=own.node)
        check_versions(machine, own)
    try:
        yield
    finally:
        if ranks.first:
            remove_probe(folder)

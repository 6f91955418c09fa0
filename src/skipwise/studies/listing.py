"""All studies with what they test and how long they take, without their images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skipwise.core.errors import require
from skipwise.studies.designs import scale_of
from skipwise.studies.forecast import Trials, expected_seconds
from skipwise.studies.table import STUDIES

LONGEST = 10.0
"""Seconds for trying out networks, about; a list may be less exact than a plan."""


@dataclass(frozen=True, kw_only=True)
class ListedStudy:
    """A study in the list.

    Args:
        name: what it is called on the command line.
        claim: the sentence that it tests.
        source: where it is said.
        runs: the networks that it trains.
        seconds: about how long it takes on this machine.
    """

    name: str
    claim: str
    source: str
    runs: int
    seconds: float


def list_studies(scale: str, *, progress: Callable[[str, int, int], None] = lambda *_: None) -> list[ListedStudy]:
    """Lists the studies.

    Args:
        scale: "small" or "full".
        progress: called as progress(what, done, total) while networks are tried out.

    Raises:
        SkipwiseError: there is no such scale.
    """
    require("torch", extra="train")
    found, trials = [], Trials(LONGEST)
    for number, study in enumerate(STUDIES.values()):
        designs = study.at(scale_of(scale)).designs
        progress("Trying out networks", number, len(STUDIES))
        found.append(
            ListedStudy(
                name=study.name,
                claim=study.claim,
                source=study.source,
                runs=sum(len(design.models) * design.seeds for design in designs),
                seconds=sum(expected_seconds(design, trials) for design in designs),
            )
        )
    progress("Trying out networks", len(STUDIES), len(STUDIES))
    return found

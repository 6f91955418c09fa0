"""The kinds of attack. To add one: a class with `attack`, and a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from tests.attack.caches import Caches
from tests.attack.crowds import Crowds
from tests.attack.disks import Disks
from tests.attack.flips import Flips
from tests.attack.kills import Kills
from tests.attack.mutants import Archives, Images
from tests.attack.records import Records
from tests.attack.servers import Servers


class Attacker(Protocol):
    """A kind of attack, with whatever it needs made once."""

    def attack(self, rng: Random) -> tuple[str, str]:
        """Attacks once: what was done, and what did not hold, in a sentence, or ""."""


@dataclass(frozen=True)
class Kind:
    """A kind of attack.

    Args:
        make: its class, called with a folder that all kinds share.
        share: of the time, as a weight.
        mounts: whether it mounts file systems, in a namespace of its own where the machine permits that.
    """

    make: Callable[[Path], Attacker]
    share: float
    mounts: bool = False


KINDS: dict[str, Kind] = {
    "kills": Kind(Kills, 30),
    "flips": Kind(Flips, 30),
    "records": Kind(Records, 10),
    "disks": Kind(Disks, 10, mounts=True),
    "crowds": Kind(Crowds, 10),
    "caches": Kind(Caches, 10),
    "servers": Kind(Servers, 5),
    "images": Kind(Images, 3),
    "archives": Kind(Archives, 7),
}

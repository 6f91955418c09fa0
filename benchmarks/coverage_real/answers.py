"""The test images that every run got right, kept as packed bits: a file for each network, and a record of their making.

FOLDER/SET/set.json      how the networks were trained, on what, and the groups of the test images
FOLDER/SET/NETWORK.npz   `seeds` [runs] and `right` [runs, bytes], eight images a byte, in the order of the set
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.locks import locked
from skipwise.training.loop.recipe import Recipe

KEPT = Path(__file__).parent
"""The folder with the runs that the repository keeps."""
RECORD = "set.json"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The settings of a set's runs; runs of another kind are not put beside them.

    Args:
        size: of the images, in pixels a side.
        train, test: how many images.
        fingerprint: names the images and their split.
        groups: of each test image, the group it belongs to; empty where there are none.
    """

    name: str
    networks: tuple[str, ...]
    width: float
    size: int
    train: int
    test: int
    fingerprint: str
    recipe: Recipe
    torch: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The answers of each network of a set: `seeds` [runs], and `right` [runs, images], the images that it got right.

    `groups` [images] are numbers, or None.
    """

    trained: Trained
    seeds: Mapping[str, NDArray[np.int64]]
    right: Mapping[str, NDArray[np.bool_]]
    groups: NDArray[np.int64] | None = field(default=None)

    @property
    def runs(self) -> int:
        """The number of runs of the network that has the fewest."""
        return min(len(seeds) for seeds in self.seeds.values())


def begin(folder: Path, trained: Trained) -> None:
    """Writes the record of a set, or holds it against the one that is there.

    Raises:
        SkipwiseError: the runs there were made in another way.
    """
    path = folder / RECORD
    if path.exists() and _record(path) != trained:
        raise SkipwiseError(f"{folder} holds runs that were made in another way; choose another folder with --answers.")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, msgspec.json.format(msgspec.json.encode(trained), indent=1).decode() + "\n")


def add(folder: Path, network: str, seed: int, right: NDArray[np.bool_]) -> None:
    """Puts a run's answers [images] beside the others of its network."""
    with locked(folder, waiting=lambda: None):
        seeds, packed = _read(folder / f"{network}.npz", len(right))
        seeds, packed = np.append(seeds, seed), np.vstack([packed, np.packbits(right)])
        order = np.argsort(seeds)
        with atomic(folder / f"{network}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, seeds=seeds[order], right=packed[order])


def done(folder: Path, network: str) -> set[int]:
    """The seeds of the runs that are kept."""
    return set(_read(folder / f"{network}.npz", 0)[0].tolist())


def load(folder: Path) -> Answers:
    """All that is kept of a set; networks without a run are left out.

    Raises:
        SkipwiseError: nothing is kept there.
    """
    if not (folder / RECORD).exists():
        raise SkipwiseError(f"{folder} holds no runs; make some with --train, or choose another folder with --answers.")
    trained = _record(folder / RECORD)
    kept = {name: _read(folder / f"{name}.npz", trained.test) for name in trained.networks}
    groups = np.unique(trained.groups, return_inverse=True)[1] if trained.groups else None
    return Answers(
        trained=trained,
        seeds={name: seeds for name, (seeds, _) in kept.items() if len(seeds)},
        right={
            name: np.unpackbits(packed, axis=1, count=trained.test).astype(bool)
            for name, (seeds, packed) in kept.items()
            if len(seeds)
        },
        groups=groups,
    )


def _record(path: Path) -> Trained:
    return msgspec.json.decode(path.read_bytes(), type=Trained)


def _read(path: Path, images: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    if not path.exists():
        return np.empty(0, np.int64), np.empty((0, (images + 7) // 8), np.uint8)
    with np.load(path) as file:
        return file["seeds"], file["right"]

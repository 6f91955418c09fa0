"""Predictions of made-up networks on made-up images, and files of them in every format."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = ("cat", "dog", "fish")
HEAD = ["id", "label", "patient", *(f"p_{name}" for name in CLASSES)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """Predictions of one network and seed.

    Args:
        labels: the class numbers [N].
        shares: probabilities [N, 3], of four digits each.
    """

    labels: NDArray[np.int64]
    shares: NDArray[np.float64]

    @property
    def ids(self) -> list[str]:
        """Names of the images, with a comma and a space, as files may have."""
        return [f"a, b/{number:03d}.png" for number in range(len(self.labels))]

    @property
    def names(self) -> list[str]:
        """Names of the labels."""
        return [CLASSES[label] for label in self.labels]

    @property
    def answers(self) -> list[str]:
        """Names of the predicted classes."""
        return [CLASSES[number] for number in self.shares.argmax(axis=1)]

    def rows(self) -> list[list[object]]:
        """Rows under HEAD."""
        return [
            [name, label, f"patient{number // 4}", *shares]
            for number, (name, label, shares) in enumerate(zip(self.ids, self.names, self.shares.tolist(), strict=True))
        ]


def made(accuracy: float, seed: int, images: int = 240) -> Made:
    """Predictions that are right on about this share of images; for each seed on others of them."""
    labels = np.arange(images) % len(CLASSES)
    rng = np.random.default_rng(seed + round(1000 * accuracy))
    given = np.where(rng.random(images) < accuracy, labels, (labels + 1) % len(CLASSES))
    sure = np.round(rng.uniform(0.5, 0.9, images), 4)
    shares = np.repeat(np.round((1 - sure) / 2, 4)[:, None], len(CLASSES), axis=1)
    shares[np.arange(images), given] = sure
    return Made(labels=labels, shares=shares)


def write_rows(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]], *, separator: str = ",") -> Path:
    """A table of text."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerows([head, *rows])
    return path


def write(path: Path, found: Made, order: Sequence[int] | None = None) -> Path:
    """A file of predictions, in the format that its suffix says; its rows in some order."""
    chosen = np.arange(len(found.labels)) if order is None else np.asarray(order)
    rows = [found.rows()[number] for number in chosen]
    match path.suffix:
        case ".csv":
            return write_rows(path, HEAD, rows)
        case ".tsv":
            return write_rows(path, HEAD, rows, separator="\t")
        case ".txt":  # semicolons, and decimal commas
            cells = [[*row[:3], *(str(value).replace(".", ",") for value in row[3:])] for row in rows]
            return write_rows(path, HEAD, cells, separator=";")
        case ".jsonl":
            path.write_text("".join(json.dumps(dict(zip(HEAD, row, strict=True))) + "\n" for row in rows))
        case ".parquet":
            from pyarrow import parquet, table

            parquet.write_table(table({name: [row[place] for row in rows] for place, name in enumerate(HEAD)}), path)
        case ".xlsx":
            from openpyxl import Workbook

            book = Workbook()
            for row in (HEAD, *rows):
                book.active.append(row)
            book.save(path)
        case ".npz":
            ids, names = np.array(found.ids), np.array(found.names)
            groups = np.array([row[2] for row in found.rows()])
            np.savez(
                path, ids=ids[chosen], labels=names[chosen], patient=groups[chosen], classes=np.array(CLASSES),
                probabilities=found.shares[chosen].astype(np.float32),
            )  # fmt: skip
    return path

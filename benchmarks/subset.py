"""A split.csv with fewer training images, for studies that have to fit into an hour.

    python benchmarks/subset.py DATA SPLIT.csv [--train N] [--val N] [--seed N]

Training and validation images are drawn from the data set's training images, every class in its proportion; the test
images are all of the data set's own. `skipwise compare DATA --split SPLIT.csv` takes it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from skipwise.data.prepare import Request, prepare
from skipwise.data.splits import save_split


def main() -> None:
    parser = argparse.ArgumentParser(description="A split with fewer training images.")
    parser.add_argument("data")
    parser.add_argument("split", type=Path)
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--val", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    prepared = prepare(Request(data=options.data, val_share=0.0), seed=0, packed=False)
    if prepared.test_share is not None:
        parser.error(f"{options.data} has no test images of its own")
    source = prepared.source
    members = np.flatnonzero(prepared.split == "train")
    train, val = train_test_split(
        members,
        train_size=options.train,
        test_size=options.val,
        stratify=source.labels[members],
        random_state=options.seed,
    )
    split = np.where(prepared.split == "test", "test", "").astype("<U5")
    split[train], split[val] = "train", "val"
    classes = np.array(source.classes)[source.labels].tolist()
    save_split(options.split, source.ids, classes, split.tolist(), prepared.duplicated_in.tolist())
    print(f"{options.split}: {len(train):,} training, {len(val):,} validation, {(split == 'test').sum():,} test images")


if __name__ == "__main__":
    main()

"""Learning curves of LCDB 1.0 (Mohr, Viering, Loog and van Rijn 2022): 20 learners of scikit-learn on tabular sets.

The table `database-accuracy.csv` is in the package `lcdb` 0.1.0 on PyPI (MIT). Its runs have five test sets each, and
no answers to single examples, so that an error's covariance is that of its means over the test sets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.csv
from numpy.typing import NDArray

LEAST = 64
"""The fewest training examples that "all" may be."""
LEAST_ERROR = 0.005
TEST_SETS = 4


@dataclass(frozen=True, kw_only=True)
class Published:
    """A curve: the errors on a quarter, half, all and twice some training examples [test sets, 4]."""

    learner: str
    data: int
    examples: int
    errors: NDArray[np.float64]


def curves(path: Path, *, odd: bool) -> Iterator[Published]:
    """All curves of the data sets with odd, or even, numbers: constants were chosen by the even ones."""
    table = pyarrow.csv.read_csv(path)
    names = ("openmlid", "learner", "size_train", "outer_seed", "inner_seed", "score_test")
    data, learners, sizes, outer, inner, scores = (table.column(name).to_numpy() for name in names)
    chosen = (data % 2 == odd) & (np.exp2(np.round(np.log2(sizes))) == sizes)
    runs: dict[tuple[int, str], dict[int, dict[tuple[int, int], float]]] = defaultdict(lambda: defaultdict(dict))
    for place in np.flatnonzero(chosen).tolist():
        key = int(data[place]), str(learners[place]).rpartition(".")[2]
        runs[key][int(sizes[place])][int(outer[place]), int(inner[place])] = 1 - float(scores[place])
    for (number, learner), by_size in runs.items():
        for examples in by_size:
            wanted = (examples // 4, examples // 2, examples, 2 * examples)
            if examples < LEAST or not all(size in by_size for size in wanted):
                continue
            same = set.intersection(*(set(by_size[size]) for size in wanted))
            errors = np.array(
                [
                    [np.mean([by_size[size][run] for run in same if run[0] == test_set]) for size in wanted]
                    for test_set in sorted({run[0] for run in same})
                ]
            )
            if len(errors) >= TEST_SETS and errors[:, 2].mean() >= LEAST_ERROR:
                yield Published(learner=learner, data=number, examples=examples, errors=errors)

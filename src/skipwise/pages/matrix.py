"""A confusion matrix as a table that is read with three classes and with two hundred."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

MOST_NUMBERS = 24
"""The largest number of classes whose table is shown open; for more, a picture comes first and the table is folded."""
SHADES = 9
PICTURE = 480
"""Pixels a side of the picture, about."""


def confusion_table(matrix: NDArray[np.int64], names: Sequence[str]) -> Markup:
    """The counts, a row for each label and a column for each answer; names stay in sight while one scrolls.

    Args:
        matrix: counts [label, answer].
        names: of the classes.
    """
    shares = row_shares(matrix)
    # Closing tags of cells may be left out in HTML; two hundred classes have 40,000 cells.
    head = "".join(f'<th scope="col"><span>{escape(name)}</span>' for name in names)
    rows = []
    for label, name in enumerate(names):
        cells = []
        for answer in range(len(names)):
            count = int(matrix[label, answer])
            if not count:
                cells.append("<td>")
                continue
            shade = max(1, round(SHADES * float(shares[label, answer])))
            kind = "r" if label == answer else "w"
            said = f"{name} taken for {names[answer]}: {count:,} of {int(matrix[label].sum()):,}"
            cells.append(f'<td class="{kind} s{shade}" title="{escape(said)}">{count}')
        rows.append(f'<tr><th scope="row">{escape(name)}{"".join(cells)}')
    table = (
        '<div class="scroll"><table class="confusion"><caption>Rows are labels, columns are answers; '
        f"the diagonal is right.</caption><thead><tr><td>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
    if len(names) <= MOST_NUMBERS:
        return Markup(table)
    return Markup(
        f'<figure class="heat"><img alt="{escape(_described(matrix))}" src="{_picture(shares)}">'
        "<figcaption>From top to bottom the labels, from left to right the answers, in the order of the table. "
        "The darker, the larger the share of the row; beside the diagonal from 1% on.</figcaption></figure>"
        f"<details><summary>The table of {len(names):,} classes</summary>{table}</details>"
    )


def row_shares(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each count as a share of its row; 0 in a row without images."""
    totals = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)


def _described(matrix: NDArray[np.int64]) -> str:
    right, total = int(np.trace(matrix)), int(matrix.sum())
    return f"Confusion matrix of {len(matrix):,} classes: {right:,} of {total:,} images are on the diagonal."


def _picture(shares: NDArray[np.float64]) -> str:
    """Blue on the diagonal, orange beside it, on white; errors of one percent of a class are to be seen."""
    from PIL import Image

    strength = np.where(shares >= 0.01, 0.25 + 0.75 * np.sqrt(shares), 0.0)
    diagonal = np.eye(len(shares), dtype=bool)[..., None]
    ink = np.where(diagonal, (0, 114, 178), (213, 94, 0))
    pixels = (255 + strength[..., None] * (ink - 255)).astype(np.uint8)
    scale = max(1, PICTURE // len(shares))
    image = Image.fromarray(pixels).resize((scale * len(shares),) * 2, Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"

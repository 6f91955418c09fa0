"""Finding the column of classes in a table, by its name or else by its values."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skipwise.core.errors import SkipwiseError
from skipwise.data.sources.columns.column_names import (
    LABELS,
    is_epithet,
    is_genus,
    is_group_column,
    is_label_name,
    is_measure,
    is_predicted,
    is_verdict,
    plain,
)
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.table_files.table import SEVERAL


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """The column or columns of classes, by number.

    Args:
        column: the column of classes, or None.
        before: a column that goes before the class name, such as the genus before the species; or None.
        one_hot: columns of 0 and 1, one for each class.
        named: whether the column was found by its name.
        others: columns that could name the classes, too.
    """

    column: int | None = None
    before: int | None = None
    one_hot: tuple[int, ...] = ()
    named: bool = False
    others: tuple[int, ...] = ()


def find_labels(
    where: str,
    header: Sequence[str],
    body: Sequence[Sequence[str]],
    rest: Sequence[int],
    find: Callable[[str], str | None],
    required: bool,
) -> LabelColumns:
    """Finds the column or columns of classes.

    Args:
        where: the name of the table for messages.
        header: the names of the columns.
        body: the first rows.
        rest: the columns that may name classes.
        find: finds the picture that a cell means, or returns None.
        required: whether the user named this table.

    Raises:
        SkipwiseError: several columns are equally likely, or two have the same name.
    """
    rest = [number for number in rest if not is_predicted(header[number])]
    known: list[int] = []
    for names in (*LABELS, None):
        known = [number for number in rest if is_label_name(header[number], names) and _filled(body, number)]
        if known:
            break
    if any(is_epithet(header[number]) for number in known):
        known = [number for number in known if not is_genus(header[number])]
    one_hot = _one_hot(body, [number for number in rest if not is_verdict(header[number])])
    if known and not (one_hot and len(one_hot) > 1 and set(known) <= set(one_hot)):
        _check_names(where, header, known)
        label = _chosen(where, header, body, known)
        others = [number for number in rest if number != label and _looks_like_labels(body, number)]
        others = [number for number in others if any(is_label_name(header[number], names) for names in LABELS[:3])]
        others = [number for number in others if not _bijective(body, label, number)]
        return LabelColumns(column=label, before=_genus(header, label, rest), named=True, others=tuple(others))
    if one_hot:
        return LabelColumns(one_hot=one_hot, named=True)
    likely = [number for number in rest if _looks_like_labels(body, number) and not _pictures(body, number, find)]
    if (
        len(rest) == 1
        and not likely
        and not _counts_up(body, rest[0])
        and _filled(body, rest[0])
        and (required or len(body) <= 10 or _numeric(body, rest[0]))
    ):
        likely = list(rest)
    same = bool(likely) and all(_bijective(body, likely[0], number) for number in likely[1:])
    # Measurements and groups are not classes unless the user says so. Several columns of numbers are counts, such as
    # votes for each class.
    named = not any(is_measure(header[number]) or is_group_column(header[number]) for number in likely)
    votes = len(likely) > 1 and all(_numeric(body, n) and not header[n].startswith("column ") for n in likely)
    if same and named and not votes:
        return LabelColumns(column=_wordiest(body, likely))
    if len(likely) > 1 and required:
        raise SkipwiseError(
            f"{where} has no column 'label', and {quoted_list([header[n] for n in likely])} could each be the class; "
            "say which with --label-column."
        )
    return LabelColumns(others=tuple(likely))


def _genus(header: Sequence[str], label: int, rest: Sequence[int]) -> int | None:
    """The column of the genus, if the label may be the second word of a species' name; else None."""
    if not is_epithet(header[label]):
        return None
    return next((number for number in rest if is_genus(header[number]) and number != label), None)


def _pictures(body: Sequence[Sequence[str]], number: int, find: Callable[[str], str | None]) -> bool:
    """Returns whether a column names pictures that exist."""
    values = {value for row in body if not (value := row[number].strip()).isdigit()}
    return bool(values) and all(find(value) is not None for value in values)


def _check_names(where: str, header: Sequence[str], known: Sequence[int]) -> None:
    """Raises SkipwiseError if two columns have the same name."""
    for number in known:
        equal = [other for other in known if header[other].strip().lower() == header[number].strip().lower()]
        if len(equal) > 1:
            raise SkipwiseError(
                f"{where} has {len(equal)} columns called {header[equal[0]]!r}; give each a name of its own, or remove "
                "those that do not hold the class."
            )


def _chosen(where: str, header: Sequence[str], body: Sequence[Sequence[str]], known: Sequence[int]) -> int:
    """One of several columns that are named like labels, if they all name the same classes."""
    if all(_bijective(body, known[0], number) for number in known[1:]):
        return _wordiest(body, known)
    if len({plain(header[number]) for number in known}) == 1:
        # Annotation tools write one column per question. A column of tags is about the image, others are about boxes.
        of_image = [number for number in known if "tag" in header[number].lower().split(".")]
        if len(of_image) == 1:
            return of_image[0]
        raise SkipwiseError(
            f"{where} has several labels for an image ({quoted_list([header[number] for number in known], 3)}); "
            "Skipwise needs exactly one class per image. Choose one with --label-column."
        )
    raise SkipwiseError(
        f"{where} has the columns {quoted_list([header[number] for number in known])}, which contradict each other; "
        "choose one with --label-column."
    )


def _wordiest(body: Sequence[Sequence[str]], known: Sequence[int]) -> int:
    """The column with names rather than numbers."""
    return max(known, key=lambda number: (not _numeric(body, number), -known.index(number)))


def _numeric(body: Sequence[Sequence[str]], number: int) -> bool:
    return all(re.fullmatch(r"-?\d+(?:\.\d*)?", row[number].strip() or "0") for row in body)


def _counts_up(body: Sequence[Sequence[str]], number: int) -> bool:
    """Returns whether a column just numbers the rows."""
    values = [row[number].strip() for row in body]
    if len(values) < 4 or not all(re.fullmatch("[0-9]{1,18}", value) for value in values):
        return False
    return all(int(after) == int(before) + 1 for before, after in itertools.pairwise(values))


def _filled(body: Sequence[Sequence[str]], number: int) -> bool:
    return any(row[number].strip() for row in body)


def _bijective(body: Sequence[Sequence[str]], one: int, other: int) -> bool:
    pairs = {(row[one].strip(), row[other].strip()) for row in body}
    return len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})


def _looks_like_labels(body: Sequence[Sequence[str]], number: int) -> bool:
    """Returns whether a column has few values that repeat."""
    values = [row[number].strip() for row in body]
    if not all(values) or any(SEVERAL in value for value in values):
        return False
    counts = Counter(values)
    if any(re.fullmatch(r"-?\d*\.\d*[1-9]\d*", value) for value in counts):  # a measurement
        return False
    return 2 <= len(counts) <= max(2, len(values) // 2)


def _one_hot(body: Sequence[Sequence[str]], rest: Sequence[int]) -> tuple[int, ...]:
    """Columns of 0 and 1, if most rows have a 1, as if each column were a class.

    Some tools leave zeros empty, or write -1 for uncertain labels.
    """
    strictly = {"0", "1", "0.0", "1.0", "True", "False", "true", "false"}
    loosely = {*strictly, "", "-1", "-1.0"}
    for allowed, fewest in ((strictly, 2), (loosely, 3)):
        binary = [
            number for number in rest if {row[number].strip() for row in body} <= allowed and _filled(body, number)
        ]
        with_one = sum(any(is_one(row[number]) for number in binary) for row in body)
        if len(binary) >= fewest and with_one > 0.5 * len(body):
            return tuple(binary)
    return ()


def is_one(cell: str) -> bool:
    """Returns whether a cell of a one-hot column means yes."""
    return cell.strip().lower() in ("1", "1.0", "true", "yes", "y", "ja")


def shown_columns(header: Sequence[str], numbers: Sequence[int], most: int = 3) -> str:
    """The names of some columns for a sentence."""
    return quoted_list([header[number] for number in numbers], most)

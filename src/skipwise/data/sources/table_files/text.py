"""Tables from text files: CSV with any separator, and lists whose lines are split at blanks."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from skipwise.core.errors import SkipwiseError
from skipwise.data.names import printable, suffix
from skipwise.data.sources.split_names import split_of
from skipwise.data.sources.table_files.table import Table, without_title


def decoded(name: str, data: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 if a byte order mark or zero bytes show it.

    Other bytes are kept as surrogates, since names of files need not be UTF-8. A label with such bytes is an error.

    Raises:
        SkipwiseError: the file has the mark of an encoding, but is not in it.
    """
    for mark, encoding in (
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return _strictly(name, data, encoding)
    start = data[:400]
    if len(start) >= 4 and start[1::2].count(0) > 0.9 * len(start[1::2]):
        return _strictly(name, data, "utf-16-le")
    if len(start) >= 4 and start[::2].count(0) > 0.9 * len(start[::2]):
        return _strictly(name, data, "utf-16-be")
    return data.decode("utf-8-sig", "surrogateescape")


def _strictly(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        raise SkipwiseError(
            f"{name} begins like {encoding.upper()} text, but it is damaged or something else; save it as UTF-8."
        ) from error


def is_utf8(text: str) -> bool:
    """Returns whether the bytes of a cell were UTF-8."""
    return not any("\udc80" <= character <= "\udcff" for character in text)


def read_text(name: str, text: str) -> Table | None:
    """The table in a text; None if it has no rows.

    Raises:
        SkipwiseError: a quotation mark is never closed, or a cell is too long.
    """
    if "\0" in text:
        return None
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    if not lines:
        return None
    if lines[0].startswith("#") and "," in lines[0] and lines[0].count(",") == lines[-1].count(","):
        text = text.lstrip().removeprefix("#")  # a header that looks like a comment
        lines[0] = lines[0].removeprefix("#")
    comments = [line for line in lines if line.lstrip().startswith("#")]
    head = [line for line in lines if line not in comments][:30] or comments
    separator = _separator(name, head)
    if separator is None:
        return _by_spaces(name, text, skip_comments=len(comments) < len(lines))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator != "\t")
    rows: list[list[str]] = []
    numbers: list[int] = []
    began = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row) and not (
                rows == [] and row[0].lstrip().startswith("#") and comments != lines
            ):
                rows.append(row)
                numbers.append(began)
            if reader.line_num - began > 500:
                raise csv.Error("a cell of more than 500 lines")
            began = reader.line_num + 1
    except csv.Error as error:
        if "field larger" in str(error) and text.count('"') % 2 == 0:
            most = csv.field_size_limit()
            raise SkipwiseError(
                f"Line {began} of {name} has a cell of more than {most:,} characters; shorten it, or remove the line."
            ) from error
        raise SkipwiseError(
            f"The quotation mark that opens in line {began} of {name} is never closed ({error}); close it, or double "
            "it where it is part of a name."
        ) from error
    if rows and "\n" in (last := rows[-1][-1]) and text.count('"') % 2:
        raise SkipwiseError(
            f"The quotation mark that opens in line {numbers[-1]} of {name} is never closed; close it, or double it "
            f"where it is part of a name. It begins '{printable(last.strip().splitlines()[0][:40])}'."
        )
    return Table(name, (), *without_title(rows, numbers)) if rows else None


def _separator(name: str, head: Sequence[str]) -> str | None:
    """The separator of the cells; None for blanks, as in lists without a header."""
    if suffix(name) in (".tsv", ".tab"):
        return "\t"
    bare = [_bare(line) for line in head]
    counts = {each: [line.count(each) for line in bare] for each in ("\t", ",", ";", "|")}
    # Above the header there may be a title without separators.
    title = next((number for number, line in enumerate(head[:5]) if any(counts[each][number] for each in counts)), 0)
    counts = {each: found[title:] for each, found in counts.items()}
    steady = {each: found[0] for each, found in counts.items() if found and found[0] and min(found) > 0}
    if steady:
        even = {each: number for each, number in steady.items() if len(set(counts[each])) == 1}
        best = even or steady
        # With decimal commas, "a.jpg;1,5;cat" has both, but only the semicolon is in every line.
        return max(best, key=lambda each: best[each])
    if suffix(name) == ".csv":
        return max(("\t", ",", ";", "|"), key=lambda each: counts[each][0])
    return None


def _bare(line: str) -> str:
    """A line without the text in quotation marks."""
    return re.sub(r'"[^"]*"', "", line)


_PICTURE_THEN = re.compile(r"(.*\.(?:jpe?g|png|tiff?|bmp|gif|webp))\s+(.*\S)", re.IGNORECASE)
"""The name of a picture, which may contain blanks, and the rest of the line."""


def _by_spaces(name: str, text: str, *, skip_comments: bool) -> Table | None:
    """A list whose lines are split at blanks: "path 3", "1025794 Boeing 717", or a path alone."""
    lines, numbers = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not (skip_comments and line.lstrip().startswith("#")):
            lines.append(line.strip())
            numbers.append(number)
    if not lines:
        return None
    named = [_PICTURE_THEN.fullmatch(line) for line in lines]
    pairs = [[match[1], match[2]] for match in named if match is not None]
    if len(pairs) == len(lines) and any(" " in path or _is_phrase(label) for path, label in pairs):
        return Table(name, (), pairs, numbers)
    rows = [line.split() for line in lines]
    width = min(map(len, rows))
    if any(len(row) != width for row in rows):  # the label has several words, so the rest of the line is one cell
        rows = [[row[0], " ".join(row[1:])] if width > 1 else [" ".join(row)] for row in rows]
    return Table(name, (), rows, numbers)


def _is_phrase(label: str) -> bool:
    """Returns whether the text after a file's name is a label of several words, rather than several columns."""
    words = label.split()
    return len(words) > 1 and all(any(c.isalpha() for c in word) for word in words) and not any(map(split_of, words))

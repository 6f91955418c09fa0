"""Names that somebody else chose (of files, classes, networks), made safe for whoever reads them.

A name can hold what moves a terminal's cursor, ends a row, a cell or a tag, runs as a formula, or turns a line around.
People see `text.printable`, in which nothing of that is left; a program gets back what was written.
"""

from __future__ import annotations

import re
import sys
from typing import Any, TextIO

from markupsafe import Markup

from skipwise.core.text import printable

_FORMULA = re.compile(r"(^|;)('*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")
_KEPT = re.compile(r"(^|;)'('*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w)")
_LINK = re.compile(r"(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)


def lines(text: str) -> str:
    """For a terminal: text of several lines, each printable."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def say(text: object = "", file: TextIO | None = None) -> None:
    """Prints for people, on standard output unless it is told otherwise."""
    print(lines(str(text)), file=sys.stdout if file is None else file)


def csv_cell(text: str) -> str:
    """For a cell of a table that people open in a spreadsheet: one line, and no formula.

    What begins like a formula, or does behind a semicolon, where spreadsheets of many countries end a cell, gets an
    apostrophe in front, as spreadsheets take it; a number stays one. `from_csv_cell` gives back what it was.
    """
    shown = printable(text)
    return shown if _NUMBER.fullmatch(shown) else _FORMULA.sub(r"\1'\2", shown)


def from_csv_cell(cell: str) -> str:
    """The text that `csv_cell` made a cell of, as far as it was printable."""
    return _KEPT.sub(r"\1\2", cell)


def json_text(encoded: str) -> str:
    """For JSON that may be read on a terminal: the same, with what can't be printed as JSON's own escapes."""
    if encoded.isprintable():
        return encoded
    return "".join(each if each.isprintable() or each == "\n" else _json_escaped(each) for each in encoded)


def _json_escaped(character: str) -> str:
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[place : place + 2].hex()}" for place in range(0, len(data), 2))


def markdown(text: str) -> str:
    """For Markdown: text in which nothing is taken for markup or a link, nobody is mentioned, and no table ends."""
    shown = _MARKDOWN.sub(lambda found: "\\" + found[0], printable(" ".join(text.split())))
    shown = _LINK.sub(lambda found: "".join(f"&#{ord(each)};" for each in found[0]), shown)
    return shown.replace("@", "&#64;")


def html(value: Any) -> Any:
    """For a page whose values are escaped anyway: without what can't be seen there and turns a line around."""
    return lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value

"""Numbers, names and commands as a person reads them, the same everywhere."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from skipwise.core.addresses import is_address, normal

_SAFE_ON_WINDOWS = re.compile(r"[\w.,:;/\\~+@=-]+")


def count(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> count(1, "image"), count(2060, "image"), count(3, "class"), count(2, "epoch")
        ('1 image', '2,060 images', '3 classes', '2 epochs')
    """
    plural = f"{noun}es" if noun.endswith(("s", "x", "ch")) and noun != "epoch" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def byte_size(number: float) -> str:
    """A number of bytes, to three digits.

    Example:
        >>> byte_size(1), byte_size(3200), byte_size(44.7e6), byte_size(1.312e9)
        ('1 byte', '3.2 kB', '44.7 MB', '1.31 GB')
    """
    import humanize  # takes a while to import, and few commands say a size

    return humanize.naturalsize(round(number), format="%.3g").replace(" Byte", " byte")


def duration(seconds: float) -> str:
    """Seconds as a person would say them.

    Example:
        >>> duration(90), duration(480), duration(9000)
        ('90 s', '8 min', '2.5 h')
    """
    if seconds < 120:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 120 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def clock_time(seconds: float) -> str:
    """Seconds as --time-limit takes them.

    Example:
        >>> clock_time(90), clock_time(480), clock_time(7200)
        ('90s', '8m', '2h')
    """
    whole = round(seconds)
    for size, unit in ((3600, "h"), (60, "m")):
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def listed(names: Sequence[str], most: int | None = None) -> str:
    """Names as in a sentence: "a", "a and b", "a, b and c", or of many "a, b and 7 more"."""
    shown = list(names[:most])
    if len(shown) < len(names):
        shown.append(f"{len(names) - len(shown):,} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def first(sentences: Sequence[str], most: int) -> list[str]:
    """Sentences of which there may be too many."""
    more = len(sentences) - most
    return [*sentences[:most], *([f"And {more:,} more of these are in the report."] if more > 0 else [])]


def printable(name: str) -> str:
    """A name that any table, page or terminal can hold: bytes that are no UTF-8 and control characters as escapes."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() or _joins(name, place) else _escaped(c) for place, c in enumerate(name))


def _joins(name: str, place: int) -> bool:
    """Returns whether a character is a joiner between two visible ones, as Persian, Hindi and emoji need."""
    if name[place] not in "\u200c\u200d" or not 0 < place < len(name) - 1:
        return False
    return all(unicodedata.category(each)[0] in "LMS" for each in (name[place - 1], name[place + 1]))


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python carries a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def shortened(text: str, most: int = 80) -> str:
    """A text without its middle if it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most * 2 // 3]} ... {text[-(most // 3 - 5) :]}"


def command(*words: str | os.PathLike[str]) -> str:
    """A command line that can be pasted into a shell.

    Args:
        words: the program, options and values as text; files and folders as paths, so that one whose name begins with
            "-" is not taken for an option.
    """
    return " ".join(quoted(word if isinstance(word, str) else _path(word)) for word in words)


def quoted(word: str) -> str:
    """A word of a command line, in quotation marks where a shell needs them.

    On Windows these are double ones, which both of its shells take. Elsewhere, what no terminal should be sent has the
    escapes of bash and zsh.

    Example:
        >>> quoted("photos/cats")
        'photos/cats'
    """
    if os.name == "nt":
        if _SAFE_ON_WINDOWS.fullmatch(word):
            return word
        # A backslash before a quotation mark would take it for a part of the word.
        inside = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + found[2].replace('"', r"\""), printable(word))
        return f'"{inside}"'
    if word.isprintable():
        return shlex.quote(word)
    parts = (each if each.isprintable() and each not in "'\\" else _bytes(each) for each in word)
    return f"$'{''.join(parts)}'"


def _bytes(character: str) -> str:
    return "".join(f"\\x{each:02x}" for each in character.encode("utf-8", "surrogateescape"))


def finished_already(folder: Path) -> str:
    """Returns the sentence for a command that was finished before."""
    return f"{folder} is finished already; this is its result. With --again (and no --output) it is made once more."


def without(typed: Sequence[str], *options: str) -> list[str]:
    """A command line without some options and their values, and without "--", behind which more options would be
    names."""
    if "--" in typed:
        at = typed.index("--")
        typed = [*typed[:at], *(f"./{word}" if word.startswith("-") else word for word in typed[at + 1 :])]
    kept: list[str] = []
    skip = False
    for word in typed:
        if not skip and word.partition("=")[0] not in options and word not in ("--again", "--resume", "--extend"):
            kept.append(word)
        skip = not skip and word in options
    return kept


def _path(path: os.PathLike[str]) -> str:
    text = normal(path) if is_address(path) else str(Path(path))
    return f"./{text}" if text.startswith("-") else text

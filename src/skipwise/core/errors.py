"""The errors a person can mend, each one plain sentence that names the thing and what to do about it."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable

from skipwise.core.addresses import redacted_text
from skipwise.core.text import printable, shortened

LONGEST = 900
"""Characters of a sentence; names and cells in it may be of any length."""
_FOR_PROGRAMMERS = re.compile(r"^\(| at 0x|\w(?:Error|Exception)\b|<class|'NoneType'|has no attribute|recursion")


class SkipwiseError(Exception):
    """Something that the user can correct: a path, a name, a value, an image, a full disk.

    The command line prints the message and exits with status 2. Any other exception is a bug of Skipwise. The message
    is one line that any terminal can show, whatever names are in it, without passwords and signatures of addresses.

    Args:
        sentence: what is wrong, and what to do about it.

    Example:
        >>> import skipwise
        >>> try:
        ...     skipwise.create_model("resnet81")
        ... except skipwise.SkipwiseError as error:
        ...     print(error)
        There is no network called 'resnet81'; did you mean 'resnet18'?
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(shortened(printable(redacted_text(shortened(sentence, 2 * LONGEST))), LONGEST))


def reason_of(error: Exception) -> str:
    """Returns the first line of another library's error, if it is meant for people."""
    said = (isinstance(error, OSError) and error.strerror) or str(error)
    # Before it is made shorter, which may cut an address off before the sign that ends its password.
    first = redacted_text(shortened(said.strip().partition("\n")[0], 2 * LONGEST)).rstrip(".: ")
    return shortened(first, 120) if first and not _FOR_PROGRAMMERS.search(first) else "what is in it is damaged"


class Damaged(SkipwiseError):
    """A file of ours is not what it was when it was written."""


class NotTrusted(SkipwiseError):
    """Code would run that only a file names.

    Args:
        options: what the command has to be given besides, if that is to happen.
    """

    def __init__(self, sentence: str, options: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.options = options


class Unlabelled(SkipwiseError):
    """Images are there, and nothing says which class they are of."""


class Busy(SkipwiseError):
    """Another process of Skipwise holds the folder."""


class Interrupted(SkipwiseError):
    """Work was cut short through no fault of what was asked for, and the same command goes on with it."""


class TrainingFailed(SkipwiseError):
    """One run cannot be finished (its loss is no number, its memory ran out); other runs may still."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> SkipwiseError:
    """The error for a name that is not in a list, with the nearest one that is.

    Args:
        kind: what is named, for the sentence: "network", "recipe", "data set".
        name: what was asked for.
        known: the names that exist.
    """
    names = sorted(known)
    nearest = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    suggestion = f"did you mean {nearest[0]!r}?" if nearest else f"choose from {', '.join(names)}."
    return SkipwiseError(f"There is no {kind} called {name!r}; {suggestion}")


def differing_keys(error: ValueError) -> SkipwiseError:
    """The error for two addresses of which one would be taken for the other, since keys in them are kept secret."""
    return SkipwiseError(
        f"Two addresses differ only in a key that is not written anywhere, so they can't be told apart: {error}; "
        "download the files first."
    )


def missing_extra(extra: str, package: str) -> SkipwiseError:
    """The error for a part of Skipwise whose packages are not installed, with the line that installs them."""
    return SkipwiseError(f"This needs {package}, which is not installed; run: pip install 'skipwise[{extra}]'")


def require(package: str, *, extra: str) -> None:
    """Says before anything is done that a package is not installed, without importing it, which may take seconds.

    Raises:
        SkipwiseError: it is not; the sentence has the line that installs it.
    """
    try:
        there = importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        raise missing_extra(extra, package)

"""Completion of words on the command line, by what stands for a value in the help: networks, runs, studies and sets.

A shell asks for it at each press of a key, so nothing here imports torch, and nothing is imported before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Words = Callable[[], Iterable[str]]
Completer = Callable[[str], list[str]]


def completer(metavar: str | None) -> Completer | None:
    """Returns what completes a value; None where the shell's own completion of files is all there is.

    Args:
        metavar: what stands for the value in the help, such as "RUN|ARTIFACT".
    """
    sources = [WORDS[part] for part in _parts(metavar or "") if part in WORDS]
    if not sources:
        return None
    several = "," in (metavar or "") or metavar == "MODELS"

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if several else ("", "", incomplete)
        taken = set(before.split(","))
        found = [word for words in sources for word in words() if word.startswith(last) and word not in taken]
        return [f"{before}{comma}{word}" for word in found]

    return complete


def _parts(metavar: str) -> list[str]:
    """The words of "[NAME=]RUN|FILE" or "NETWORK,NETWORK,..."; what is optional is left out."""
    bare = metavar.rpartition("]")[2] or metavar.strip("[]")
    return list(dict.fromkeys(part.strip(".") for part in bare.replace(",", "|").split("|")))


def _networks() -> Iterable[str]:
    from skipwise.nets.catalogue import catalogue

    return sorted(catalogue())


def _outcomes() -> Iterable[str]:
    from skipwise.evaluation.outcomes import OUTCOMES

    return OUTCOMES


def _studies() -> Iterable[str]:
    from skipwise.studies.table import STUDIES

    return STUDIES


def _sets() -> Iterable[str]:
    """The sets that are known by name, and what lies here: the shell asks nobody else once it has an answer."""
    from skipwise.data.sources.named.in_memory import NAMED

    return [*NAMED, *_entries(Path())]


def _results(verb: str) -> Words:
    """The folders that a verb wrote here."""
    return lambda: sorted(path.as_posix() for path in _folders(Path("runs") / verb))


def _folders(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


WORDS: dict[str, Words] = {
    "NETWORK": _networks,
    "MODELS": _networks,
    "PATTERN": _networks,
    "OUTCOME": _outcomes,
    "STUDY": _studies,
    "DATA": _sets,
    "COMPARISON": _results("compare"),
    "RUN": _results("train"),
    "ARTIFACT": _results("export"),
}
"""What a value can be, by the word that stands for it in the help."""


def completed(argument: Any) -> Any:
    """Returns an argument or option of typer's, completed by its metavar."""
    if argument.autocompletion is None:
        argument.autocompletion = completer(argument.metavar)
    return argument

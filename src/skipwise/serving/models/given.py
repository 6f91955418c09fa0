"""The networks that a command line names, as NAME=PATH or PATH, and the versions in a folder of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.remote.copies import local_path
from skipwise.core.text import command
from skipwise.deploy.artifact.artifact import is_artifact

ONLY_VERSION = "1"
"""The version of an artifact that lies alone."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Given:
    """A network that is served.

    Args:
        name: what requests call it.
        path: an artifact's folder, or one that holds artifacts in folders called 1, 2, 3 and so on.
    """

    name: str
    path: Path

    def versions(self) -> dict[str, Path]:
        """The artifacts by their versions, the newest last.

        Raises:
            SkipwiseError: there is none.
        """
        if is_artifact(self.path):
            return {ONLY_VERSION: self.path}
        if (self.path / "run.json").exists():
            raise SkipwiseError(f"{self.path} is a run; export it first: {command('skipwise', 'export', self.path)}")
        try:
            names = [each.name for each in self.path.iterdir() if _VERSION.fullmatch(each.name) and is_artifact(each)]
        except FileNotFoundError:
            raise SkipwiseError(f"There is no folder {self.path}; give one that 'skipwise export' made.") from None
        except OSError as error:
            raise SkipwiseError(f"Can't read the folder {self.path}: {reason_of(error)}.") from error
        if not names:
            raise SkipwiseError(
                f"{self.path} holds neither an exported network (artifact.json) nor versions of one in folders called "
                "1, 2 and so on; give a folder that 'skipwise export' made."
            )
        return {name: self.path / name for name in sorted(names, key=int)}


def parse(texts: Sequence[str]) -> list[Given]:
    """The networks that are named.

    Raises:
        SkipwiseError: none is, a name can't be part of an address, or two are the same.
    """
    if not texts:
        raise SkipwiseError("No network was named; give a folder that 'skipwise export' made.")
    found: dict[str, Given] = {}
    for text in texts:
        given = _parsed(text)
        if given.name in found:
            raise SkipwiseError(
                f"Two networks are called {given.name!r}; give one of them another name: NAME={given.path}"
            )
        found[given.name] = given
    return list(found.values())


def _parsed(text: str) -> Given:
    name, sign, rest = text.partition("=")
    if sign and not Path(text).exists():
        if not _NAME.fullmatch(name):
            raise SkipwiseError(
                f"{name!r} can't be the name of a network; it takes letters, digits, '.', '_' and '-', as in "
                f"animals={rest or 'PATH'}"
            )
        if not rest:
            raise SkipwiseError(f"{text} names no folder; give NAME=PATH.")
        return Given(name, local_path(rest))
    path = local_path(text)
    name = path.resolve().name
    if not _NAME.fullmatch(name):
        raise SkipwiseError(
            f"The folder's name {name!r} can't be part of an address; give the network another one: NAME={path}"
        )
    return Given(name, path)

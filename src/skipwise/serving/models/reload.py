"""Replaces networks while they are served: after SIGHUP, or when a folder is seen to have changed.

A new version is opened and warmed first, then it takes the place of the old one, which finishes what it was given. One
that can't be served leaves everything as it is.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.serving.engine.workers import Workers
from skipwise.serving.models.catalog import Catalog, Served
from skipwise.serving.models.certified import read_certified
from skipwise.serving.models.given import Given
from skipwise.serving.models.version import Opening, Version

HANGUP: Any = getattr(signal, "SIGHUP", None)
"""The signal that asks for it; Windows has none."""
SECONDS = 1.0
"""Seconds between two looks at the folders."""


class Reloader:
    """Looks for other versions of the networks.

    Args:
        given: the networks as they were named.
        catalog: where they are replaced.
        opening: how networks are opened.
        watch: whether folders are looked at by themselves.
    """

    def __init__(self, given: Sequence[Given], catalog: Catalog, opening: Opening, *, watch: bool) -> None:
        self._given, self._catalog, self._opening, self._watch = tuple(given), catalog, opening, watch
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = Workers(1, "skipwise reloading")
        self._unsettled: set[str] = set()  # those that changed at the last look; a folder may still be being copied
        self._seen = {each.name: _stamps(each.path) for each in given} if watch else {}

    def begin(self) -> None:
        """Looks after the networks from now on, in this event loop."""
        self._task = asyncio.create_task(self.run())
        if HANGUP is not None:
            asyncio.get_running_loop().add_signal_handler(HANGUP, self.ask)

    def ask(self) -> None:
        """Looks at all folders soon, whether or not they seem to have changed."""
        self._asked.set()

    async def run(self) -> None:
        """Looks whenever it is asked to, and now and then where it watches."""
        while True:
            asked = True
            try:
                async with asyncio.timeout(SECONDS if self._watch else None):
                    await self._asked.wait()
                self._asked.clear()
            except TimeoutError:
                asked = False
            for each in self._given:
                if asked or (self._watch and await self._settled(each)):
                    await self._reload(each)

    async def _settled(self, given: Given) -> bool:
        """Returns whether a folder changed before the last look, and not since."""
        stamps = await self._thread.run(_stamps, given.path)
        if stamps != self._seen[given.name]:
            self._seen[given.name] = stamps
            self._unsettled.add(given.name)
            return False
        waited = given.name in self._unsettled
        self._unsettled.discard(given.name)
        return waited

    async def _reload(self, given: Given) -> None:
        served = next(each for each in self._catalog if each.name == given.name)
        try:
            found = await self._thread.run(_opened, given, served, self._opening)
        except Exception as error:  # whatever is wrong with it, those that are there are served on
            self._opening.say(f"{given.name} stays as it is: {error}")
            return
        if list(found.items()) == list(served.versions.items()):
            return
        self._catalog.replace(Served(given.name, found))
        self._opening.say(f"{given.name} is now served in version {', '.join(found)}.")


def _opened(given: Given, served: Served, opening: Opening) -> dict[str, Version]:
    """The versions that are there now; those that are open already stay as they are.

    Raises:
        SkipwiseError: one can't be served, or has other classes than the newest that is served now.
    """
    found: dict[str, Version] = {}
    new: list[Version] = []
    try:
        for number, folder in given.versions().items():
            artifact = read_artifact(folder)
            known = served.versions.get(number)
            if known is not None and known.identity == artifact.files[""]:
                known.certified = read_certified(folder, known.identity)
                found[number] = known
                continue
            if artifact.classes != served.newest.classes:
                raise SkipwiseError(
                    f"{folder} has other classes than the network that is served; start a server for it, or serve it "
                    "under another name."
                )
            found[number] = Version(given.name, number, folder, opening)
            new.append(found[number])
    except BaseException:
        for each in new:
            each.batcher.close()
        raise
    return found


def _stamps(folder: Path) -> Mapping[str, tuple[int, int, int]]:
    """Sizes and times of everything in a folder, which change when it does. A link to a folder counts as what it is
    set to."""
    found: dict[str, tuple[int, int, int]] = {}
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root) / name
            try:
                stat = path.stat()
            except OSError:
                continue
            found[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found

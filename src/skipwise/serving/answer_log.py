"""`--log`: a line of JSON for each answer, written in a thread; images only where they are asked for."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.escaping import json_text
from skipwise.core.files.atomic import atomic
from skipwise.core.files.folders import make_folder
from skipwise.deploy.predict.given_image import Image
from skipwise.serving.engine.work import Answer

MOST_WAITING = 1000
"""Answers that may wait to be written, where the disk is slow; more are left out, and that is said."""
MOST_BYTES = 64 * 2**20
"""Bytes of their images that may wait, likewise."""


class AnswerLog:
    """Appends answers to a file. It is a `Watcher`.

    Args:
        path: the file.
        images: whether images are kept, in a folder beside it, each under its SHA-256.
        say: prints a sentence for whoever runs the server.

    Raises:
        SkipwiseError: the file can't be written.
    """

    def __init__(self, path: Path, *, images: bool, say: Callable[[str], None]) -> None:
        self.path, self._say = path, say
        self._folder = path.with_name(f"{path.name}.images") if images else None
        self._waiting: queue.Queue[tuple[str, Image, Answer] | None] = queue.Queue(MOST_WAITING)
        self._taken = self._written = 0  # bytes of images; each is changed in one thread only
        self._said = False
        try:
            if self._folder is not None:
                make_folder(self._folder)
            self._file: IO[bytes] = path.open("ab", buffering=0)
        except OSError as error:
            raise SkipwiseError(f"Can't write the log {path}: {reason_of(error)}; give another --log.") from error
        self._thread = threading.Thread(target=self._write, name="skipwise log", daemon=True)
        self._thread.start()

    def answered(self, image: Image, answer: Answer) -> None:
        """Takes an answer, to be written soon."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        if self._taken - self._written > MOST_BYTES:
            self._fail("its disk is too slow")
            return
        try:
            self._waiting.put_nowait((now, image, answer))
            self._taken += _size(image)
        except queue.Full:
            self._fail("its disk is too slow")

    def close(self, seconds: float = 1.0) -> None:
        """Writes what waits, and closes the file.

        Args:
            seconds: for both, about.
        """
        until = time.monotonic() + seconds
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=seconds)
        self._thread.join(max(0.1, until - time.monotonic()))
        if self._thread.is_alive():
            self._fail("its disk is too slow")
        self._file.close()

    def _write(self) -> None:
        while (entry := self._waiting.get()) is not None:
            now, image, answer = entry
            content = image if isinstance(image, bytes) else np.asarray(image).tobytes()
            digest = hashlib.sha256(content).hexdigest()
            record: dict[str, Any] = {
                "time": now,
                "model": answer.version.name,
                "version": answer.version.number,
                "label": answer.label,
                "probability": round(answer.probability, 6),
                "sha256": digest,
            }
            try:
                self._file.write(json_text(msgspec.json.encode(record).decode()).encode() + b"\n")
                if self._folder is not None and isinstance(image, bytes):
                    with atomic(self._folder / digest) as file:
                        file.write_bytes(image)
            except (OSError, SkipwiseError) as error:
                self._fail(reason_of(error))
            self._written += _size(image)
            del entry, image, answer, content

    def _fail(self, reason: str) -> None:
        """Says once that answers are missing: a server goes on where its log can't."""
        if not self._said:
            self._said = True
            self._say(f"Answers are missing in the log {self.path} from now on: {reason}.")


def _size(image: Image) -> int:
    return image.nbytes if isinstance(image, np.ndarray) else len(image) if isinstance(image, bytes) else 0

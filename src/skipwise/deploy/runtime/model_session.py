"""A model's file in a backend, held to limits of time and memory, and its errors as sentences."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.formats import Backend
from skipwise.deploy.runtime.limits import Bounded, allowed_seconds

_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|out.of.memory|allocate (?:\d+ bytes of )?memory|not enough memory", re.IGNORECASE
)
_WHERE_IN_A_BACKEND = re.compile(r"Exception from |Check '|\s*$")


_Result = TypeVar("_Result")


class ModelSession:
    """A model's file in a backend: probabilities for pixels. Threads take turns.

    Args:
        backend: what runs it.
        path: the file; of several files, the first one that its format names.
        threads: threads of the backend.

    Raises:
        SkipwiseError: the backend can't use the file, now or when it is first asked; or it takes more time or memory
            than it may.
        ImportError: the backend is not installed.
    """

    def __init__(self, backend: Backend, path: Path, threads: int) -> None:
        self.backend, self._path = backend, path
        self._bounded = Bounded(path)
        self._size = 0
        with _explained(backend, path):
            self._size = sum(each.stat().st_size for each in {path, path.with_suffix(".bin")} if each.is_file())
            seconds = allowed_seconds(1, self._size)
            self._session = self._bounded(lambda: backend.load(path, threads), seconds, lambda: None)

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, size, size, C] that `fit_square` has resized."""
        return self._predict(self._session.predict_resized, pixels)

    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, H, W, C] of any size."""
        return self._predict(self._session.predict_pixels, pixels)

    def explain_resized(self, pixels: NDArray[np.uint8], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same probabilities as `predict_resized`, and the heat map of each answer [N, h, w].

        Raises:
            SkipwiseError: as `predict_resized`, or the backend gives no heat maps.
        """
        explain = getattr(self._session, "explain_resized", None)
        if explain is None:
            raise SkipwiseError(f"{self.backend.title} gives no heat maps; leave the backend out.")
        return self._predict(explain, pixels)

    def _predict(self, predict: Callable[[NDArray[np.uint8]], _Result], pixels: NDArray[np.uint8]) -> _Result:
        seconds = allowed_seconds(len(pixels), self._size)
        with _explained(self.backend, self._path):
            return self._bounded(lambda: predict(pixels), seconds, self._session.stop)


@contextlib.contextmanager
def _explained(backend: Backend, path: Path) -> Iterator[None]:
    """Turns an error of a backend, or of the check before it, about a file that it can't use into a sentence."""
    try:
        yield
    except (ImportError, SkipwiseError):
        raise
    except Exception as error:  # each backend has exceptions of its own
        said = str(error).strip()
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(said):
            raise SkipwiseError(
                f"{path} needs more memory in {backend.title} than is free here; free some, or answer fewer images at "
                "once. If even one image needs too much, export the network again."
            ) from error
        lines = [line for line in said.splitlines() if not _WHERE_IN_A_BACKEND.match(line)]
        reason = lines[0].strip().rstrip(".") if lines else type(error).__name__
        raise SkipwiseError(f"{path} can't be used in {backend.title} ({reason}); export it again.") from error

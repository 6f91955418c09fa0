"""A comparison's runs done in the process that asks for them: no process is started for them."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.comparison.run.executor import Event
from skipwise.comparison.run.images import in_fold, load_images, weights_of
from skipwise.core.files.json_records import read_json
from skipwise.data.images import Images
from skipwise.training.run.progress import Epoch
from skipwise.training.run.record import RunRecord
from skipwise.training.run.runner import execute_run


class Here:
    """An `Executor` for networks that do not fail, in the place of `LocalProcesses`."""

    def __init__(self, home: Path, **_: object) -> None:
        self.home = home
        self.waiting: deque[Job] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, job: Job) -> None:
        """Keeps the run until events are asked for."""
        self.waiting.append(job)

    def cancel(self) -> None:
        """Forgets what was not begun."""
        self.waiting.clear()

    def events(self, until: float = math.inf) -> Iterator[Event]:  # noqa: ARG002 - it does not wait
        """Does one run after the other."""
        images = load_images(self.home, read_json(self.home / COMPARISONS.plan_file, Plan))
        with contextlib.ExitStack() as stack:
            stack.callback(getattr(images.pixels, "close", lambda: None))
            while self.waiting:
                job = self.waiting.popleft()
                for told in self._telling(job, images):
                    if isinstance(told, Epoch):
                        yield Event(job, epoch=told.epoch, seconds=told.seconds)
                    else:
                        yield Event(job, epoch=job.spec.recipe.epochs, record=told)

    def _telling(self, job: Job, images: Images) -> Iterator[Epoch | RunRecord]:
        """Every epoch of a run and its record, as it is there: training waits until the next one is asked for."""
        told, wanted = queue.SimpleQueue[Epoch | RunRecord | Exception](), threading.Semaphore(0)

        def tell(what: Epoch | RunRecord | Exception) -> None:
            told.put(what)
            wanted.acquire()

        def run() -> None:
            try:
                start = weights_of(self.home, job.spec)
                seen = in_fold(images, job.spec, self.home)
                tell(execute_run(job.spec, seen, self.home / job.folder, tell, init=start))
            except Exception as error:  # raised where it is waited for
                tell(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while thread.is_alive():
            what = told.get()
            if isinstance(what, Exception):
                wanted.release()
                raise what
            yield what
            wanted.release()
            if isinstance(what, RunRecord):
                thread.join()

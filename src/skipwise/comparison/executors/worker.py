"""Does the runs of a comparison in the present process, knowing nothing but the comparison's folder."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.comparison.run.images import (
    in_fold,
    in_part,
    load_images,
    originals_of,
    read_groups,
    weights_of,
)
from skipwise.comparison.run.variants import answer_variants
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.data.images import Images, without_test
from skipwise.evaluation.variants import Originals
from skipwise.nets.external import is_external
from skipwise.training.callbacks import RunEnd
from skipwise.training.depth.norms import asked_epochs
from skipwise.training.folder.names import TUNING
from skipwise.training.folder.predictions import Predictions
from skipwise.training.machine.faults import in_short
from skipwise.training.run.runner import RunEvent, give_up, run_events


class Worker:
    """Does one run after another.

    Args:
        folder: the comparison's folder; see `Executor` for what has to be in it.
        faults: what counts as a network's own fault when its code raises it.

    Raises:
        SkipwiseError: the comparison's files can't be read.
    """

    def __init__(self, folder: Path, *, faults: tuple[type[BaseException], ...] = (Exception,)) -> None:
        self.folder, self.faults = folder, faults
        self.plan = read_sealed(folder / COMPARISONS.plan_file, Plan)
        self.images = load_images(folder, self.plan)
        self._originals: Originals | None = None

    def events(self, job: Job, into: Path | None = None) -> Generator[RunEvent, None, None]:
        """Does one run, or resumes it, and yields what it reports, the `RunEnd` last.

        Closing the generator saves the state of the run and stops it.

        Args:
            into: the folder that it is written into; None is that of the run.

        Raises:
            SkipwiseError: something that no run can continue from.
        """
        spec, folder = job.spec, into or self.folder / job.folder
        try:
            images = in_part(in_fold(self.images, spec, self.folder), spec, lambda: self._groups)
            if job.folder.startswith(f"{TUNING}/"):  # what is chosen by it may know nothing of the test images
                images = without_test(images)
            run = run_events(
                spec,
                images,
                folder,
                name=job.folder,
                outcome=self._outcome,
                init=weights_of(self.folder, spec),
                depth_epochs=asked_epochs(self.folder),
            )
            with contextlib.closing(run):
                for event in run:
                    if isinstance(event, RunEnd) and event.record.status == "finished":
                        self._answer_variants(job, folder, images)
                    yield event
        except MemoryError as error:
            raise SkipwiseError(
                "There is not enough memory; what was saved is kept. A smaller --batch-size or --img-size needs less, "
                "and so does --workers 1."
            ) from error
        except OSError as error:
            raise SkipwiseError(f"The run {spec.model} with seed {spec.seed} was stopped: {error}.") from error
        except SkipwiseError:
            raise
        except self.faults as error:
            if not is_external(spec.model):  # our own code does not raise: it is the compiler, a device, or a bug
                raise SkipwiseError(
                    f"{spec.model} stopped ({in_short(error)}); what was saved is kept, and the same command resumes "
                    "it."
                ) from error
            yield RunEnd(run=job.folder, record=give_up(spec, folder, error))  # the other runs continue

    @cached_property
    def _groups(self) -> NDArray[np.int64]:
        return read_groups(self.folder)

    def close(self) -> None:
        """Releases the images."""
        with contextlib.suppress(AttributeError):
            self.images.pixels.close()  # type: ignore[attr-defined]

    def _answer_variants(self, job: Job, folder: Path, images: Images) -> None:
        """Has a finished run answer what else of its test images it is asked."""
        if names := self.plan.variants_of(job):
            originals = self._originals = self._originals or originals_of(self.folder, self.plan, self.images)
            answer_variants(job.spec, folder, images, originals, names)

    def _outcome(self, validated: Predictions) -> float | None:
        """Returns the comparison's outcome on the validation images of an epoch."""
        scoring = self.plan.question.scoring
        counts = scoring.members(validated.labels, self.plan.classes)
        if scoring.variant or not counts.any():
            return None
        return float(scoring.scores(validated.logits[counts], validated.labels[counts]).mean())

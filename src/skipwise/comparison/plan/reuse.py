"""`--include`: runs that were trained before, taken for a comparison's own where they are the same runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from skipwise.comparison.plan.plan import Included, Plan
from skipwise.core.differences import difference
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic
from skipwise.core.files.folders import make_folder
from skipwise.core.remote.copies import local_path
from skipwise.nets.external import is_external
from skipwise.training.folder.dropped import need_weights
from skipwise.training.folder.files import FILES
from skipwise.training.folder.names import RECORD
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord, read_run

PARTS = (*FILES, RECORD)
"""The files that are copied. The record comes last, since it marks the run as finished."""


def find_included(folders: Sequence[str]) -> tuple[Included, ...]:
    """The runs in some folders, by what they say of themselves.

    Raises:
        SkipwiseError: a folder holds no finished run, or two hold the same one.
    """
    found: dict[tuple[str, int], Included] = {}
    for name in folders:
        folder = local_path(name)
        if not (folder / "run.json").is_file():
            raise SkipwiseError(f"{folder} holds no finished run; give --include the folders of finished runs.")
        record = read_run(folder)
        if record.status != "finished":
            raise SkipwiseError(f"The run in {folder} failed ({record.reason}); leave it out of --include.")
        need_weights(folder)
        read_run(folder, *FILES)
        if record.lr_cuts:
            raise SkipwiseError(
                f"The loss of the run in {folder} diverged, and the run went on at a smaller learning rate, which no "
                "run of a comparison does; leave it out of --include."
            )
        spec = record.spec
        if is_external(spec.model):
            raise SkipwiseError(
                f"The run in {folder} is of {spec.model}, whose code may have changed since; leave it out of --include."
            )
        run = Included(model=spec.model, seed=spec.seed, folder=str(folder), execution=spec.execution)
        twice = found.setdefault((spec.model, spec.seed), run)
        if twice is not run:
            raise SkipwiseError(f"{twice.folder} and {folder} are both {spec.model} with seed {spec.seed}; give one.")
    return tuple(found.values())


def include_runs(plan: Plan, home: Path) -> None:
    """Copies the plan's included runs into the comparison's folder, where they are not there yet."""
    for run in plan.included:
        (job,) = plan.jobs(run.model, run.seed)
        target, source = home / job.folder, Path(run.folder)
        if (target / "run.json").exists():
            continue
        make_folder(target)
        for name in PARTS:
            if (source / name).exists():
                with atomic(target / name) as temporary:
                    shutil.copyfile(source / name, temporary)


def check_included(plan: Plan, tested: Sequence[str]) -> None:
    """Raises SkipwiseError where an included run is not one that this plan would do.

    Args:
        tested: the ids of the plan's test images.
    """
    for run in plan.included:
        folder, record = Path(run.folder), read_run(Path(run.folder))
        if run.seed not in plan.question.seeds:
            raise SkipwiseError(
                f"{folder} has seed {run.seed}, which is none of this comparison's ({plan.question.seeds[0]} to "
                f"{plan.question.seeds[-1]}); leave it out of --include."
            )
        if record.spec != plan.spec(run.model, run.seed):
            raise SkipwiseError(f"{folder} can't be included: {_difference(record, plan)}.")
        if read_predictions(folder, "test").ids.tolist() != list(tested):
            raise SkipwiseError(f"{folder} can't be included: it was tested on other images.")


def _difference(record: RunRecord, plan: Plan) -> str:
    """The first difference between a run and the one that the plan asks for."""
    if record.spec.time_limit is not None:
        return "it was trained under a time limit"
    return difference(plan.spec(record.spec.model, record.spec.seed), record.spec) or "it is another run"

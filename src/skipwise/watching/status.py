"""The verb `status`: how far the work in a folder is, for whoever looks on."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from skipwise.core.addresses import is_address
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.paths import user_path
from skipwise.core.signatures import takes
from skipwise.cost.price import Price, parse_price
from skipwise.watching.comparisons import comparison_status
from skipwise.watching.found import OF_A_RUN, works_below
from skipwise.watching.options import StatusOptions
from skipwise.watching.plans import ComparisonPart, StudyPart, StudyRecordPart, read_part, read_plan
from skipwise.watching.presence import at_work
from skipwise.watching.record import Status
from skipwise.watching.runs import single_run


@takes(StatusOptions)
def status(folder: str | os.PathLike[str], *, options: StatusOptions) -> Status:
    """Reads how far the work in a folder is. It changes nothing there, and disturbs nobody who works in it.

    Args:
        folder: of a comparison, a run of `train`, or a study; or one that holds several of them, such as runs. An
            address, such as "s3://bucket/runs", says how far the work was when its folder was copied there.

    Returns:
        The status.

    Raises:
        SkipwiseError: there is no such folder, nothing in it is a comparison, a run or a study, or the page can't be
            written.

    Example:
        >>> import skipwise
        >>> skipwise.status("runs").kind
        'folder'
    """
    found = status_of(folder, options.price)
    if options.page is not None:
        from skipwise.watching.page import write_page  # not for those who only look

        write_page(user_path(options.page), found, again=None)
    return found


def status_of(folder: str | os.PathLike[str], price: str | None = None) -> Status:
    """The status of the work in a folder; see `status`.

    Args:
        price: as it was named.
    """
    amount = None if price is None else parse_price(price)
    if is_address(folder):
        from skipwise.watching.elsewhere import records_at  # which few need

        with records_at(folder) as (path, told):
            return told(_status_of(path, amount))
    return _status_of(user_path(folder), amount)


def _status_of(folder: Path, amount: Price | None) -> Status:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SkipwiseError(f"{folder} {what}; give the folder of a comparison, a run or a study.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of records of earlier versions, which are not used for anything here
        try:
            found = _work_in(folder, amount)
        except OSError as error:
            raise SkipwiseError(f"{folder} can't be read ({error.strerror or error}).") from error
        if found is not None:
            return found
        parts = tuple(filter(None, (_readable(inner, amount) for inner, _ in works_below(folder))))
    if not parts:
        raise SkipwiseError(
            f"{folder} holds no comparison, no run of 'train' and no study; give a folder that one of these verbs made."
        )
    state = "running" if any(part.is_running for part in parts) else "finished"
    if state == "finished" and any(part.state != "finished" for part in parts):
        state = "stopped"
    return Status(folder=str(folder), kind="folder", state=state, parts=_in_order(parts))  # type: ignore[arg-type]


def _readable(folder: Path, price: Price | None) -> Status | None:
    try:
        return _work_in(folder, price)
    except OSError:  # removed meanwhile, or somebody else's
        return None


def _work_in(folder: Path, price: Price | None) -> Status | None:
    """The status of the work whose folder this is; None where it is no work's."""
    path = folder / "plan.json"
    if path.is_file():
        try:
            plan = read_plan(path)
        except SkipwiseError as error:
            return Status(folder=str(folder), kind="comparison", state="damaged", problem=str(error))
        if isinstance(plan, ComparisonPart):
            return comparison_status(folder, plan, price)
        if isinstance(plan, StudyPart):
            return _study(folder, plan, price)
    if any((folder / name).is_file() for name in OF_A_RUN):
        return single_run(folder)
    return None


def _study(folder: Path, plan: StudyPart, price: Price | None) -> Status:
    record = read_part(folder / "study.json", StudyRecordPart)
    parts = []
    for design in (plan.settled or plan.setup).designs:
        place = folder / design.name
        found = _work_in(place, price) if place.is_dir() else None
        parts.append(found or Status(folder=str(place), kind="comparison", state="waiting", about=design.title))
    present = None if record is not None else at_work(folder)
    running = present is not None or any(part.is_running for part in parts)
    return Status(
        folder=str(folder),
        kind="study",
        state="finished" if record is not None else "running" if running else "stopped",
        about=plan.study,
        place=None if present is None else present.place,
        parts=tuple(parts),
        result="" if record is None else f"the claim is {record.verdict}",
    )


def _in_order(parts: tuple[Status, ...]) -> tuple[Status, ...]:
    """Those that are running first, then those that are unfinished."""
    order = {"running": 0, "stopped": 1, "damaged": 1, "waiting": 1, "finished": 2}
    return tuple(sorted(parts, key=lambda part: (order[part.state], part.folder)))

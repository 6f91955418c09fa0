"""Attempts at a run: each writes into a folder of its own, and the one that ends first takes the place of the run.

On several machines nobody can be sure that a worker is dead: its node may only be cut off, and it may still write. So
no two workers ever write into one folder, and the folder of a run is written by the command alone:

    attempts/runs/resnet18-s0/<token>/   what a worker writes; nobody else does
    runs/resnet18-s0/                    where the command moves an attempt that has ended

An attempt begins with a copy of the newest state that any other saved. Which state that is, is told by its number of
steps, since clocks of machines differ. `compare` gathers what earlier attempts left, whichever executor it was.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.core.files.atomic import atomic
from skipwise.core.files.folders import make_folder
from skipwise.core.files.os_errors import explained
from skipwise.core.workspace.heartbeat import HEARTBEAT
from skipwise.training.folder.names import CHECKPOINT, RECORD, VARIANTS, previous
from skipwise.training.folder.saved_state import saved_steps

_REMOVED = "-removed"
_STATES = (CHECKPOINT, previous(Path(CHECKPOINT)).name)


def attempts_at(folder: Path, run: str) -> list[Path]:
    """The folders of all attempts at a run that there are.

    Args:
        folder: the comparison's folder.
        run: the run's folder in it.
    """
    parent = folder / ATTEMPTS / run
    return sorted(filter(_stays, parent.iterdir())) if parent.is_dir() else []


def begin_attempt(folder: Path, run: str) -> Path:
    """Makes the folder of a new attempt at a run, which begins where the others were last seen.

    Args:
        folder: the comparison's folder.
        run: the run's folder in it.

    Raises:
        SkipwiseError: the folder can't be written.
    """
    others = [folder / run, *attempts_at(folder, run)]
    attempt = folder / ATTEMPTS / run / secrets.token_hex(8)
    make_folder(attempt)
    ended = next((other for other in others if (other / RECORD).exists()), None)
    _copy(ended or max(others, key=_steps), attempt)
    return attempt


def take(folder: Path, run: str, attempt: Path) -> None:
    """Moves an attempt to the place of its run; what was there before is removed.

    Only the command does this, which holds the comparison's folder.

    Raises:
        SkipwiseError: the folder can't be written.
    """
    place, replaced = folder / run, attempt.with_name(f"{attempt.name}-replaced")
    with explained(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            place.rename(replaced)
        attempt.rename(place)
    shutil.rmtree(replaced, ignore_errors=True)


def forget(folder: Path, run: str, *, but: str | None = None) -> None:
    """Removes the attempts at a run, whose workers can write nothing more then.

    Args:
        folder: the comparison's folder.
        run: the run's folder in it.
        but: the name of an attempt that stays.
    """
    for attempt in attempts_at(folder, run):
        if attempt.name != but:
            # A worker that writes just now may add a file to a folder that is being emptied, not to one that is gone.
            removed = attempt.with_name(f"{attempt.name}{_REMOVED}")
            with contextlib.suppress(OSError):
                attempt.rename(removed)
            shutil.rmtree(removed, ignore_errors=True)
    with contextlib.suppress(OSError):
        (folder / ATTEMPTS / run).rmdir()


def gather(folder: Path) -> None:
    """Takes what attempts left, of whatever became of their workers: ends of runs, and else their newest saved states.

    Afterwards the folders of the runs are as any executor leaves them, and there are no attempts any more.

    Raises:
        SkipwiseError: the folder can't be written.
    """
    attempts = folder / ATTEMPTS
    for run, found in _all_attempts(attempts):
        place = folder / run
        ended = [attempt for attempt in found if (attempt / RECORD).exists()]
        if ended and not (place / RECORD).exists():
            take(folder, run, ended[0])
        elif not (place / RECORD).exists():
            newest = max(found, key=_steps)
            if _steps(newest) > _steps(place):
                take(folder, run, newest)
        forget(folder, run)
    shutil.rmtree(attempts, ignore_errors=True)


def _all_attempts(attempts: Path) -> Iterator[tuple[str, list[Path]]]:
    """The runs that there are attempts at: `runs/<name>`, `tuning/<name>` or `curve/<name>`."""
    for parent in sorted(attempts.glob("*/*/")):
        if found := sorted(path for path in parent.iterdir() if path.is_dir() and _stays(path)):
            yield parent.relative_to(attempts).as_posix(), found


def _stays(attempt: Path) -> bool:
    """False for an attempt that is being removed, and may have lost files already."""
    return not attempt.name.endswith(_REMOVED)


def _steps(run: Path) -> int:
    """The number of steps of the newest saved state in a folder; -1 without one."""
    return saved_steps(run / CHECKPOINT)


def _copy(source: Path, target: Path) -> None:
    """Copies the files of a run, which another worker may be writing: each is whole, since it is replaced whole.

    A record or a saved state says that the rest is there, so that these get their names last: a copy that is cut off
    has none. States are read first, since the other files may be newer than a state, but not older.
    """
    ended, names = (source / RECORD).exists(), list[str]()  # asked before the others are listed
    with contextlib.suppress(FileNotFoundError):
        names = sorted(path.name for path in source.iterdir() if path.is_file())
    others = [name for name in names if name not in (*_STATES, HEARTBEAT) and not name.startswith(".")]
    for name in _variants(source):  # answers to variants of the test images, each record after its answers
        make_folder(target / VARIANTS)
        with contextlib.ExitStack() as at_once:
            _copy_file(source / VARIANTS / name, target / VARIANTS / name, at_once)
    with contextlib.ExitStack() as last:
        for name in (*_STATES, *others):
            if name != RECORD or ended:
                with contextlib.ExitStack() as at_once:
                    _copy_file(source / name, target / name, last if name in (RECORD, *_STATES) else at_once)


def _variants(run: Path) -> list[str]:
    """The files of a run's answers to variants, in the order in which they are copied."""
    with contextlib.suppress(OSError):
        return sorted((path.name for path in (run / VARIANTS).iterdir()), key=lambda name: name.endswith(".json"))
    return []


def _copy_file(path: Path, copy: Path, named: contextlib.ExitStack) -> None:
    """Copies a file, which may be gone; it gets its name when `named` is closed."""
    with (
        contextlib.suppress(FileNotFoundError),
        path.open("rb") as file,
        named.enter_context(atomic(copy)).open("wb") as written,
    ):
        shutil.copyfileobj(file, written)

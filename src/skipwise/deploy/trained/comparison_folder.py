"""The folder of a comparison, which holds runs and is none itself."""

from __future__ import annotations

from pathlib import Path

from skipwise.core.errors import SkipwiseError


def refuse_comparison(folder: Path) -> None:
    """Raises SkipwiseError where a folder is a comparison's; it names a run in it."""
    if not any((folder / name).is_file() for name in ("comparison.json", "plan.json")):
        return
    if not (folder / "runs").is_dir() and not (folder / "comparison.json").is_file():
        return
    runs = sorted(each.parent.name for each in folder.glob("runs/*/run.json"))
    which = f"such as {folder / 'runs' / runs[0]}" if runs else "once one of them is finished"
    raise SkipwiseError(f"{folder} is a comparison; name one of its runs, {which}.")

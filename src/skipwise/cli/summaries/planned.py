"""The output of a dry run: a plan and its forecast, before anything runs."""

from __future__ import annotations

from rich.text import Text

from skipwise.comparison.plan.planned import Planned
from skipwise.comparison.wording.plans import expected, outlined
from skipwise.comparison.wording.study import given_up_in_all
from skipwise.core.progress import Console


def print_planned(planned: Planned, following: str) -> None:
    """Prints the result of a dry run, and the command that carries it out."""
    console, plan = Console(), planned.plan
    lines = [*planned.noticed, *outlined(plan)]
    lines += given_up_in_all(plan)
    lines += [f"{name}: {sentence}" for name, sentence in plan.not_trained.items()]
    if planned.forecast is not None:
        lines += expected(plan, planned.forecast, planned.folder)
    folder = planned.folder
    where = {
        "new": f"Nothing was trained. The results would go to {folder}.",
        "begun": f"Nothing was trained now. The comparison in {folder} is unfinished; the same command goes on.",
        "finished": f"Nothing was trained now. The comparison in {folder} is finished; the same command shows it.",
    }
    for line in (*lines, where[planned.stage]):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Next:   {following}"), soft_wrap=True)

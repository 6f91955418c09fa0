"""The command that asks a comparison's question again."""

from __future__ import annotations

from skipwise.comparison.plan.arguments import arguments
from skipwise.comparison.plan.plan import Plan
from skipwise.core import text


def command(plan: Plan) -> str:
    """A command that asks the same question of the same images.

    What a time limit chose is in it in its place. Runs that were included are not: the command does them.
    """
    data = plan.data if plan.found_in is None else f"path/to/{plan.found_in}"
    return text.command("skipwise", "compare", data, *arguments(plan).words(), *plan.image_options)

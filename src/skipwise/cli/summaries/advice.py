"""The summary of advice in the terminal; it needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.advice.advise import Advice
from skipwise.cli.program import as_typed
from skipwise.core.escaping import say
from skipwise.core.text import command, without


def print_advice(advice: Advice, *, typed: Sequence[str]) -> None:
    """Prints the properties of the images, each piece of advice with its reason, and the next command.

    Args:
        typed: the command line that led here, the program's name first.
    """
    for sentence in advice.sentences:
        say(sentence)
    say()
    kept = [word for word in without(typed[1:]) if word not in ("--advice", "--json")]
    say(f"Next:   {as_typed(command('skipwise', *kept, *advice.flags))}")

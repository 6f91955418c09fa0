"""`--advice` of several verbs: what the images are like, and what to do with them."""

from __future__ import annotations

import sys
from typing import Any

from skipwise.advice.options import AdviseOptions
from skipwise.cli.declared import Line
from skipwise.cli.options import print_json


def print_advice_on(data: str, line: Line[Any], *, networks: int, looks: int = 1, json: bool) -> None:
    """Prints the advice on images, with those options of the verb that say how they are read and judged.

    Args:
        networks, looks: how many networks the verb would compare, and how often it would look at them.
        json: whether it is printed as a record.
    """
    from skipwise.advice.advise import advise
    from skipwise.cli.summaries.advice import print_advice
    from skipwise.core.progress import Bar

    with Bar(sys.stderr) as bar:
        found = advise(
            data,
            **line.given(AdviseOptions),
            networks=networks,
            looks=looks,
            progress=bar.preparing,
            notice=bar.noticed,
        )
    if json:
        print_json(found)
    else:
        print_advice(found, typed=sys.argv)

"""The verb `train` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from skipwise.cli.advice import print_advice_on
from skipwise.cli.declared import Line
from skipwise.cli.options import BEGAN, AdviceOptions, Data, PrintOptions, print_json
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.text import finished_already
from skipwise.training.options import TrainOptions

if TYPE_CHECKING:
    from skipwise.evaluating.record import EvaluationReport
    from skipwise.training.train import Trained

OF_ONE_RUN = (
    *("model", "seed", "time_limit", "init", "init_key", "depth_norms", "output", "resume", "again"),
    *("json", "advice"),
)
"""Options that the command to compare does not repeat."""
EVALUATION = "evaluation"
"""The folder in a run's for its evaluation."""


def train(line: Line[TrainOptions], data: Data, shown: PrintOptions, advice: AdviceOptions) -> int:
    """Train one network on your images. The same command continues where it was stopped, and shows what is finished."""
    if advice.advice:
        print_advice_on(data, line, networks=1, json=shown.json)
        return 0
    from skipwise.cli.live import TrainScreen
    from skipwise.core.machine.system import keep_freed_memory
    from skipwise.training.machine.ranks import rank
    from skipwise.training.train import train as run

    keep_freed_memory()
    with contextlib.redirect_stdout(sys.stderr), TrainScreen(sys.stderr, BEGAN) as screen:
        trained = run(data, **line.given(), began=BEGAN, callbacks=[screen])
    if rank():  # one of several processes; the first one prints
        return 0
    report = _evaluated(trained)
    if shown.json:
        if trained.repeated:
            say(finished_already(trained.folder), sys.stderr)
        page = None if report is None else str(report.page)
        print_json({"folder": str(trained.folder), "record": trained.record, "page": page})
    else:
        from skipwise.cli.summaries.trained import print_trained

        print_trained(trained, report, words=line.words(without=OF_ONE_RUN))
    return 2 if trained.record.status == "failed" else 0


def _evaluated(trained: Trained) -> EvaluationReport | None:
    """The evaluation of the run on its test images, with a page, in a folder of the run's; None without test images."""
    from skipwise.core.progress import Bar
    from skipwise.evaluating.evaluate import evaluate

    if trained.record.test is None:
        return None
    try:
        with Bar(sys.stderr) as bar:
            return evaluate(trained.folder, output=trained.folder / EVALUATION, progress=bar.preparing)
    except SkipwiseError as error:  # the run is finished; its folder may be read-only, or its disk full by now
        say(f"No page of the evaluation was written: {error}", sys.stderr)
        return None

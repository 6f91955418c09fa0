"""The verb `judge`: intervals and verdicts for files of predictions, of any tool."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import write_text
from skipwise.core.files.checksums import check_files, read_sealed, write_sealed
from skipwise.core.files.paths import output_path, user_path
from skipwise.core.reporting import Progress
from skipwise.core.signatures import takes
from skipwise.core.text import count, listed
from skipwise.core.workspace.task import Task
from skipwise.judging.files.matching import match
from skipwise.judging.files.reading import read_files, read_labels_file
from skipwise.judging.files.tables import Naming
from skipwise.judging.judging import judge_runs, outcome_asked, question_of, seeds_of
from skipwise.judging.markdown import markdown
from skipwise.judging.options import JudgeOptions
from skipwise.judging.record import JUDGEMENTS, RECORD, REPORT, Judged, JudgePlan, JudgeReport
from skipwise.judging.scored import fingerprint
from skipwise.judging.wording import compared

LONGEST = 60
"""Characters of the name of a folder for results."""


@takes(JudgeOptions)
def judge(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    options: JudgeOptions,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> JudgeReport:
    """Judges predictions of any tool: intervals and verdicts for every pair of networks, and a report.

    Args:
        files (Path | list[Path]): files of predictions, one for each network and seed, called after both
            (resnet18-s0.csv), or tables that hold several: .csv, .tsv, .parquet, .xlsx, .jsonl and .npz; also the
            folders of runs and evaluations of Skipwise's.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.

    Returns:
        JudgeReport: its folder, and its `judged` with every number.

    Raises:
        SkipwiseError: a file can't be read, files do not fit together, there is one network only, or the outcome can't
            be told from such predictions.

    Example:
        >>> import skipwise
        >>> report = skipwise.judge(["a-s0.csv", "a-s1.csv", "b-s0.csv", "b-s1.csv"], margin=1)
        >>> [pair.verdict for pair in report.judged.pairs]
        ['worse']
    """
    named = [files] if isinstance(files, str | os.PathLike) else list(files)
    if not named:
        raise SkipwiseError("No files were named; give files of predictions, one for each network and seed.")
    outcome, asked = outcome_asked(options.question), options.files
    naming = Naming(network=asked.network_column, seed=asked.seed_column, group=asked.group)
    read = read_files(named, naming, progress)
    labels = None if asked.labels is None else read_labels_file(asked.labels)
    matched = match(read, outcome, labels=labels, group=asked.group)
    question = question_of(matched.runs, options.question)
    kinds = listed(sorted({each.kind for each in read}))
    said = compared(question, seeds_of(matched.runs), matched.tested)
    notice(f"Read {count(len(named), 'file')} ({kinds}): {said}.")
    plan = JudgePlan(
        question=question,
        fingerprint=fingerprint(matched.tested, matched.runs),
        grouped_by=matched.tested.grouped_by,
        sources=tuple(os.fspath(each) for each in named),
    )
    output, again = options.folder.output, options.folder.again
    task = Task(
        workspace=JUDGEMENTS,
        plan=plan,
        name=_name(question.candidates),
        output=None if output is None else output_path(output),
        again=again,
        notice=notice,
    )
    if (place := task.find()).finished:
        return read_judgement(place.folder, repeated=True)
    judged = judge_runs(matched.tested, matched.runs, question, matched.notes)
    with task.open() as place:
        if place.finished:  # another process was quicker
            return read_judgement(place.folder, repeated=True)
        if place.plan is None:
            JUDGEMENTS.begin(place.folder, plan)
        write_text(place.folder / REPORT, markdown(judged))
        write_sealed(place.folder / RECORD, judged, [REPORT])
    return JudgeReport(folder=place.folder, plan=plan, judged=judged)


def read_judgement(folder: str | os.PathLike[str], *, repeated: bool = False) -> JudgeReport:
    """A finished judgement.

    Raises:
        SkipwiseError: there is none, or it is damaged.
    """
    path = user_path(folder)
    mend = "judge again into another folder"
    plan = JUDGEMENTS.plan_of(path)
    if plan is None or not JUDGEMENTS.is_finished(path):
        raise SkipwiseError(f"{path} holds no judgement; give a folder that 'skipwise judge' made.")
    judged = read_sealed(path / RECORD, Judged, mend=mend)
    check_files(path / RECORD, REPORT, mend=mend)
    return JudgeReport(folder=path, plan=plan, judged=judged, repeated=repeated)


def _name(networks: Sequence[str]) -> str:
    """The name of the folder: the networks, or how many there are."""
    name = "-".join(re.sub(r"[^\w.+]+", "_", each).strip("._") for each in networks)
    return name if 0 < len(name) <= LONGEST else f"{len(networks)}-networks"

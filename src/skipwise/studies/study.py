"""The verb `study`: plans a study, does its comparisons, and writes its page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from skipwise import __version__
from skipwise.comparison.compare import compare
from skipwise.comparison.executors.executor import Executor
from skipwise.comparison.plan.planned import Planned
from skipwise.comparison.results.finished import Comparison
from skipwise.core.errors import SkipwiseError, require, unknown_name
from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.files.paths import output_path
from skipwise.core.signatures import takes
from skipwise.core.workspace.task import Place, Task
from skipwise.core.workspace.workspace import check_again
from skipwise.studies.answers import RULE, answer_in_all
from skipwise.studies.comparisons import comparison_found, costs_of
from skipwise.studies.designs import ALPHA, Design, Setup, Study, scale_of
from skipwise.studies.evidence import finding_on
from skipwise.studies.forecast import seconds_of
from skipwise.studies.options import StudyOptions
from skipwise.studies.page import file_name, page
from skipwise.studies.records import (
    RECORD,
    STUDIES_DONE,
    PlannedStudy,
    StudyPlan,
    StudyRecord,
    StudyReport,
)
from skipwise.studies.subset import write_subset
from skipwise.studies.table import STUDIES
from skipwise.training.callbacks import Callback, Callbacks
from skipwise.training.depth.norms import DepthNorms
from skipwise.training.planning.inputs import check_seed

AGAIN = "remove it and give the same command again"


@takes(StudyOptions)
def study(
    name: str, *, options: StudyOptions, callbacks: Sequence[Callback] = (), executor: Executor | None = None
) -> StudyReport | PlannedStudy:
    """Tests a sentence about residual networks that people repeat: compares networks, and writes a page with a verdict.

    The same call again continues an unfinished study, or shows a finished one and writes its page again. The design,
    and the rule by which results become a verdict, are fixed before anything is trained.

    Args:
        name: the study: depth, squeeze-excite, robustness, bottleneck, inverted or initialisation.
        callbacks: called while the comparisons are running, see `skipwise.Callback`; none by default.
        executor: does the runs, see `skipwise.Executor`; None (default) is `skipwise.LocalProcesses()`.

    Returns:
        What was found, and where its page is; with `dry_run`, a `PlannedStudy`.

    Raises:
        SkipwiseError: there is no such study or scale, its images can't be found, the folder for the results holds
            something else, or the disk is full. Runs that were finished are kept, and the same call continues from
            there.

    Example:
        >>> import skipwise
        >>> try:
        ...     skipwise.study("dept")
        ... except skipwise.SkipwiseError as error:
        ...     print(error)
        There is no study called 'dept'; did you mean 'depth'?
        >>> found = skipwise.study("depth", data=["cifar10=cifar10.zip"])  # doctest: +SKIP
        >>> found.record.verdict, found.page.name  # doctest: +SKIP
        ('contradicted', 'depth.md')
    """
    if name not in STUDIES:
        raise unknown_name("study", name, STUDIES)
    return carry_out(STUDIES[name], options, Callbacks(callbacks), executor)


def carry_out(
    which: Study, options: StudyOptions, watch: Callback, executor: Executor | None = None
) -> StudyReport | PlannedStudy:
    """Plans a study, and does it unless this is a dry run; `study` says what comes of it."""
    asked = options.design
    scale = scale_of(asked.scale)
    check_seed(asked.seed)
    setup = which.at(scale)
    places = _places(asked.data, setup.designs)
    check_again(again=options.folder.again, resume=options.folder.resume)
    plan = StudyPlan(study=which.name, scale=scale, seed=asked.seed, setup=setup)
    output = options.folder.output
    task = Task(
        workspace=STUDIES_DONE,
        plan=plan,
        name=which.name,
        output=None if output is None else output_path(output),
        again=options.folder.again,
        resume=options.folder.resume,
        notice=watch.on_notice,
    )
    place = task.find()
    if asked.dry_run:
        return _planned(which, plan, place, places)
    pages = output_path(asked.pages)
    if place.finished:
        return _shown(place, pages, repeated=True)
    require("torch", extra="train")
    with task.open() as place:
        if place.finished:  # another process was quicker
            return _shown(place, pages, repeated=True)
        plan = _begun(which, plan, place, places)
        called = [watch, *([DepthNorms()] if which.depth_norms else [])]
        setup, done = _compared(which, plan, place.folder, places, called, executor)
        write_sealed(place.folder / RECORD, _record(which, plan, setup, done))
    return _shown(place, pages, repeated=False)


def _places(given: object, designs: Sequence[Design]) -> dict[str, str]:
    """Returns the place of each data set of the designs.

    Raises:
        SkipwiseError: it is not said as NAME=PLACE, or names a set that the study does not use.
    """
    sets = list(dict.fromkeys(design.images.data for design in designs))
    found = {name: name for name in sets}
    for each in [given] if isinstance(given, str) else list(given or ()):  # type: ignore[call-overload]
        name, equals, where = str(each).partition("=")
        if not equals or not where:
            raise SkipwiseError(f"--data takes NAME=PLACE, such as {sets[0]}=path/to/images; not {str(each)!r}.")
        if name not in found:
            raise unknown_name("data set of this study", name, sets)
        found[name] = where
    return found


def _begun(which: Study, plan: StudyPlan, place: Place[StudyPlan], places: dict[str, str]) -> StudyPlan:
    """The plan with what had to be measured for it, which is written down before anything else, with the splits.

    Raises:
        SkipwiseError: images can't be found, or there are too few; then nothing is begun.
    """
    if place.plan is not None:
        return place.plan
    with tempfile.TemporaryDirectory() as folder:
        splits = [Path(folder) / f"{design.name}.csv" for design in plan.setup.designs]
        for design, split in zip(plan.setup.designs, splits, strict=True):
            write_subset(places[design.images.data], design.images, split)
        plan = replace(plan, settled=which.settle(plan.setup))
        STUDIES_DONE.begin(place.folder, plan)
        for split in splits:
            with atomic(place.folder / split.name) as file:
                shutil.copyfile(split, file)
    return plan


def _settled(plan: StudyPlan) -> Setup:
    if plan.settled is None:
        raise SkipwiseError(f"The plan of the study {plan.study!r} lacks what was measured for it; begin it anew.")
    return plan.settled


def _compared(
    which: Study,
    plan: StudyPlan,
    folder: Path,
    places: dict[str, str],
    called: Sequence[Callback],
    executor: Executor | None,
) -> tuple[Setup, dict[str, Comparison]]:
    """Does the comparisons that are left, one after the other. Returns the design as it was carried out, and them."""
    setup = _settled(plan)
    done: dict[str, Comparison] = {}
    for number in range(len(setup.designs)):
        setup = which.adjust(setup, done) if which.adjust else setup
        design = setup.designs[number]
        Callbacks(called).on_notice(f"Comparison {number + 1} of {len(setup.designs)}: {design.title}.")
        data, split = places[design.images.data], folder / f"{design.name}.csv"
        if not split.exists():
            write_subset(data, design.images, split)
        found = compare(
            data,
            split=split,
            output=folder / design.name,
            callbacks=called,
            executor=executor,
            **design.arguments(plan.seed),
        )
        assert isinstance(found, Comparison)  # it is no dry run
        done[design.name] = found
    return setup, done


def _record(which: Study, plan: StudyPlan, setup: Setup, done: dict[str, Comparison]) -> StudyRecord:
    from skipwise.core.machine.system import describe_machine

    findings = tuple(finding_on(part, done) for part in setup.parts)
    machine = describe_machine()
    return StudyRecord(
        study=which.name,
        scale=plan.scale,
        seed=plan.seed,
        claim=which.claim,
        source=which.source,
        reasons=which.reasons,
        not_covered=which.not_covered,
        would_change=which.would_change,
        rule=RULE,
        alpha=ALPHA,
        measured=setup.measured,
        comparisons=tuple(comparison_found(design, done[design.name], plan.seed) for design in setup.designs),
        findings=findings,
        verdict=answer_in_all(finding.answer for finding in findings),
        version=__version__,
        machine=f"{machine.processor}, {machine.cores} cores, torch {machine.versions.get('torch', '?')}",
        costs=tuple(cost for design in setup.designs for cost in costs_of(design, done[design.name])),
    )


def _shown(place: Place[StudyPlan], pages: Path, *, repeated: bool) -> StudyReport:
    """Writes the page of a finished study, and its record beside it."""
    record = read_sealed(place.folder / RECORD, StudyRecord, mend=AGAIN)
    make_folder(pages)
    name = file_name(record)
    write_sealed(pages / f"{name}.json", record)
    write_text(pages / f"{name}.md", page(record))
    return StudyReport(folder=place.folder, record=record, page=pages / f"{name}.md", repeated=repeated)


def _planned(which: Study, plan: StudyPlan, place: Place[StudyPlan], places: dict[str, str]) -> PlannedStudy:
    """Returns the work that is left, and how long it takes."""
    require("torch", extra="train")
    setup = (place.plan or plan).settled or which.settle(plan.setup)
    planned = []
    for design in setup.designs:
        with _split_of(design, place, places) as split:
            found = compare(
                places[design.images.data],
                split=split,
                output=place.folder / design.name,
                dry_run=True,
                **design.arguments(plan.seed),
            )
        assert isinstance(found, Planned)
        planned.append(found)
    seconds = [seconds_of(each) for each in planned]
    return PlannedStudy(
        study=which.name,
        claim=which.claim,
        folder=place.folder,
        setup=setup,
        comparisons=tuple(planned),
        seconds=None if place.finished else sum(seconds),
        finished=place.finished,
    )


@contextmanager
def _split_of(design: Design, place: Place[StudyPlan], places: dict[str, str]) -> Iterator[Path]:
    """The split of a design: the study's own, or one for a moment."""
    split = place.folder / f"{design.name}.csv"
    if split.exists():
        yield split
        return
    with tempfile.TemporaryDirectory() as folder:
        split = Path(folder) / split.name
        write_subset(places[design.images.data], design.images, split)
        yield split

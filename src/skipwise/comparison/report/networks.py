"""A page for each network of a comparison, from the answers that its first run gave in training.

The run is the one with the first seed of those that finished. No accuracy has a part in that, so that the page shows
no better a run than any other. In cross-validation it is the runs of all folds of that seed, which answer every image
once. Nothing is computed by a network here.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skipwise.comparison.evidence.predictions import read_tested
from skipwise.comparison.plan.layout import REPORT
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.results.records import Candidate, Results
from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.atomic import write_text
from skipwise.core.files.checksums import sha256, write_sealed
from skipwise.core.text import count
from skipwise.core.workspace.task import Task
from skipwise.evaluating.answering import KEPT, Evaluated
from skipwise.evaluating.evaluate import about_classes, read_evaluation
from skipwise.evaluating.record import EVALUATIONS, PAGE, RECORD, EvaluationPlan, EvaluationRecord
from skipwise.evaluating.report.composing import NO_PICTURES, About, Pictures, compose
from skipwise.evaluation.one_network import Answers, evaluate_answers
from skipwise.training.depth.figures import depth_charts
from skipwise.training.depth.norms import read_depth_norms
from skipwise.training.folder.predictions import read_predictions

FOLDER = "evaluation"
"""The folder of the pages in that of the comparison: a folder for each network."""
PAGES = replace(EVALUATIONS, noun="a network's page", results=(PAGE, RECORD), overwrites=True)
"""Like what `evaluate` makes, but for the table of all answers, which are with the runs."""

PicturesOf = Callable[[Sequence[str]], Mapping[str, str]]
"""Gives data URLs of images by their ids; any may be missing."""


@dataclass(frozen=True, kw_only=True)
class NetworkPage:
    """The page of one network.

    Args:
        address: of the page, relative to the comparison's folder.
        seed: of the run that it is about.
        record: every number, `evaluation.json`.
    """

    address: str
    seed: int
    record: EvaluationRecord


def write_network_pages(
    plan: Plan,
    folder: Path,
    results: Results,
    pictures: PicturesOf,
    *,
    few_pixels: bool,
    begin: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, NetworkPage]:
    """Writes the page of each network that has a finished run, and returns what is on it; one that is there already,
    about the same answers, is read back. A kill leaves each page whole or absent, and the next call writes the rest.

    Args:
        folder: the comparison's.
        pictures: of test images.
        few_pixels: whether pictures are shown enlarged.
        begin: called with each network, its number and how many there are.

    Raises:
        SkipwiseError: a run's files are damaged, or the disk is full, ...
    """
    found = {}
    for number, candidate in enumerate(results.candidates, start=1):
        seeds, place = _seeds_finished(candidate), folder / FOLDER / _called(candidate.name)
        if not seeds:
            continue
        begin(candidate.name, number, len(results.candidates))
        jobs = plan.jobs(candidate.name, seeds[0])
        record = None
        if all((folder / job.folder / "predictions.npz").exists() for job in jobs):
            record = _Page(plan=plan, folder=folder, candidate=candidate, jobs=jobs).write(
                place, pictures, few_pixels=few_pixels
            )
        elif PAGES.is_finished(place):  # the runs were removed to save space
            record = read_evaluation(place).record
        if record is not None:
            found[candidate.name] = NetworkPage(address=f"{FOLDER}/{place.name}/{PAGE}", seed=seeds[0], record=record)
    return found


def _seeds_finished(candidate: Candidate) -> list[int]:
    failed = {run.seed for run in candidate.runs if run.status != "finished"}
    return [seed for seed in candidate.seeds if seed not in failed]


def _called(name: str) -> str:
    """The name of a network's folder; a network of one's own has a colon in its name, which no folder should."""
    return name.replace(":", ".")


@dataclass(frozen=True, kw_only=True)
class _Page:
    """The page of one network, to be written. The arguments are those of `write_network_pages`, and `jobs` are the
    runs of its first seed."""

    plan: Plan
    folder: Path
    candidate: Candidate
    jobs: tuple[Job, ...]

    def write(self, place: Path, pictures: PicturesOf, *, few_pixels: bool) -> EvaluationRecord:
        """Writes the page into the folder `place`, unless it is there."""
        found = self._evaluated()
        plan = EvaluationPlan(
            network=self._network(),
            model=self.candidate.name,
            source=self.jobs[0].folder,
            data=self.plan.data,
            split=found.split,
            images=found.fingerprint(),
            backend=found.backend,
        )
        with Task(workspace=PAGES, plan=plan, name=place.name, output=place).open() as opened:
            if opened.finished:
                with contextlib.suppress(Damaged):
                    return read_evaluation(opened.folder).record
            # What was found under another plan must not be taken for what is found under this one.
            (opened.folder / RECORD).unlink(missing_ok=True)
            PAGES.begin(opened.folder, plan)
            record, page = compose(
                plan,
                evaluate_answers(found.answers, self.plan.classes, validation=found.validation),
                found,
                notes=about_classes(found),
                pictures=lambda wanted: self._pictures(found, wanted, pictures, few_pixels=few_pixels),
                about=self._about(),
            )
            write_text(opened.folder / PAGE, page)
            write_sealed(opened.folder / RECORD, record, [PAGE])
        return record

    def _evaluated(self) -> Evaluated:
        tested, folds = read_tested(self.plan, self.folder), self.plan.folds
        places = {image: place for place, image in enumerate(tested.ids.tolist())}
        logits = np.full((len(tested.ids), len(self.plan.classes)), np.nan, dtype=np.float32)
        for job in self.jobs:
            given = read_predictions(self.folder / job.folder, "test")
            where = np.array([places.get(image, -1) for image in given.ids.tolist()], dtype=np.int64)
            if (where < 0).any():
                raise SkipwiseError(f"{self.folder / job.folder} was tested on other images than this comparison's.")
            logits[where] = given.logits
        validation = None
        if folds is None and self.plan.split_images["val"]:
            kept = read_predictions(self.folder / self.jobs[0].folder, "val")
            validation = Answers(ids=kept.ids, labels=kept.labels, logits=kept.logits)
        there = set(tested.labels.tolist())
        return Evaluated(
            answers=Answers(ids=tested.ids, labels=tested.labels, logits=logits, groups=tested.groups),
            validation=validation,
            images=None,
            data=self.plan.data,
            split="test" if folds is None else "",
            backend=KEPT,
            notes=(),
            missing=tuple(name for number, name in enumerate(self.plan.classes) if number not in there),
            extra={},
            contents=hashlib.sha256(logits.astype("<f4").tobytes()).hexdigest(),
        )

    def _network(self) -> str:
        """A hash of the answers that the networks gave."""
        files = [sha256(self.folder / job.folder / "predictions.npz") for job in self.jobs]
        return files[0] if len(files) == 1 else hashlib.sha256("".join(files).encode()).hexdigest()

    def _pictures(self, found: Evaluated, wanted: set[int], pictures: PicturesOf, *, few_pixels: bool) -> Pictures:
        ids = {place: str(found.answers.ids[place]) for place in sorted(wanted)}
        urls = pictures(list(ids.values()))
        if not urls:
            return NO_PICTURES
        return Pictures(urls={place: urls[name] for place, name in ids.items() if name in urls}, few_pixels=few_pixels)

    def _about(self) -> About:
        seed, folds = self.jobs[0].spec.seed, self.plan.folds
        runs = f"seed {seed}" if folds is None else f"seed {seed}, all {count(folds, 'fold')}"
        chosen = f"{runs}: the first of {len(self.candidate.seeds)} that finished; no accuracy had a part in the choice"
        if len(self.candidate.seeds) == 1:
            chosen = runs
        return About(
            facts=(("Run", chosen),),
            answers=f"predictions.npz in {self.jobs[0].folder}",
            made_by="skipwise compare",
            back=(f"../../{REPORT}", "The comparison"),
            depth=self._depth(),
        )

    def _depth(self) -> tuple[str, ...]:
        """Charts of activations and gradients by depth, where these runs recorded them."""
        records = [read_depth_norms(self.folder / job.folder) for job in self.jobs]
        found = [each for each in records if each is not None and each.snapshots]
        return tuple(depth_charts(found)) if found else ()

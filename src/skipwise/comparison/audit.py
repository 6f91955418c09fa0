"""The verb `audit`: what is wrong with a pile of images, as a record and a page."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skipwise.data.audit import Audit, Counts, Finding, Kind, examine
from skipwise.data.decode import UnreadableImage, decode_image
from skipwise.data.prepare import files_left_out
from skipwise.data.sources import Source, open_source
from skipwise.data.splits import read_split
from skipwise.data.survey import Progress, survey
from skipwise.errors import SkipwiseError
from skipwise.evaluation.mislabelled import doubts, probabilities
from skipwise.files import locked, make_folder, read_json, write_json, write_text
from skipwise.folders import make_next
from skipwise.pages import render
from skipwise.pages.pictures import data_url
from skipwise.paths import user_path
from skipwise.training.run import RunRecord, read_predictions

PARENT = Path("runs/audit")
AUDIT = "audit.json"
SHOWN = 40
"""Findings of a kind that are shown with pictures; audit.json has all."""
SHOWN_FILES = 8

TITLES: dict[Kind, str] = {
    "unreadable": "Can't be read",
    "leakage": "On two sides of a split",
    "two_labels": "One image, two labels",
    "exact_duplicates": "There twice, byte for byte",
    "near_duplicates": "There twice, nearly",
    "looks_mislabelled": "Looks like another class",
    "nearly_blank": "Nearly blank",
    "tiny": "Tiny",
    "extreme_shape": "Of an extreme shape",
    "ignored": "Left out",
    "layout": "Has to be mended before training",
    "small_class": "Small classes",
    "imbalance": "Imbalance",
}


@dataclass(frozen=True, kw_only=True)
class Record:
    """`audit.json`."""

    data: str
    fingerprint: str
    counts: Counts
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """A finished audit: where it is and what it says."""

    data: str
    folder: Path
    record: Record
    leaks: str

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.folder / "audit.html"

    @property
    def file(self) -> Path:
        """The record, for `--exclude`."""
        return self.folder / AUDIT


def audit(
    data: str | os.PathLike[str],
    *,
    split: str | os.PathLike[str] | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    run: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> AuditReport:
    """Looks for unreadable, repeated, leaking, mislabelled, blank and odd images; changes nothing.

    Args:
        data: a data set's name, a folder, an archive or a table.
        split: a split.csv, to look across the sides of that split.
        group, group_regex: as in `compare`; they change nothing here but are checked.
        run: the folder of a run, or of a comparison, of these images: its answers show which labels are doubtful.
        output: the folder for audit.json and audit.html; None is the next in runs/audit.
        progress, notice: are told how it goes, and what a person should know.

    Raises:
        SkipwiseError: the images can't be found or are no data set; nothing is written then.
    """
    source = open_source(data, group=group, group_regex=group_regex)
    for sentence in (*source.notes, *files_left_out(source)):
        notice(sentence)
    used = np.ones(len(source.ids), dtype=bool)
    if split is not None:
        source = replace(source, splits=tuple(read_split(Path(split), source.ids).tolist()))
        used = np.array(source.splits) != ""
    doubted = [] if run is None else _doubted(source, Path(run))
    seen = survey(source, progress)
    if not (used & seen.readable).any():
        raise SkipwiseError(f"No image of {source.name} can be read; is {data} what you meant?")
    found = examine(source, seen, used, progress)
    record = Record(
        data=source.name,
        fingerprint=seen.fingerprint(source, np.flatnonzero(used)),
        counts=replace(found.counts, findings=_with(found.counts.findings, doubted)),
        findings=(*found.findings, *doubted),
    )
    page = _page(source, found, record)
    folder = user_path(output) if output is not None else make_next(PARENT, source.name)
    make_folder(folder)
    with locked(folder):
        write_text(folder / "audit.html", page)
        write_json(folder / AUDIT, record)
    return AuditReport(data=str(data), folder=folder, record=record, leaks=found.leaks())


def _with(tally: dict[str, int], doubted: list[Finding]) -> dict[str, int]:
    return dict(sorted({**tally, **({"looks_mislabelled": len(doubted)} if doubted else {})}.items()))


def _doubted(source: Source, run: Path) -> list[Finding]:
    """Findings from what finished runs answered on images that they were not trained on."""
    numbers = {name: index for index, name in enumerate(source.ids)}
    sums: dict[str, Any] = {}
    for path in [run / "run.json"] if (run / "run.json").exists() else sorted(run.glob("runs/*/run.json")):
        record = read_json(path, RunRecord)
        for part in ("val", "test") if record.status == "finished" else ():
            if getattr(record, part) is None:
                continue
            answers = read_predictions(path.parent, part)
            if record.spec.classes != source.classes or not numbers.keys() >= set(answers.ids.tolist()):
                raise SkipwiseError(
                    f"The runs in {run} are of other images than {source.name}, or of other classes; give one of these."
                )
            for name, row in zip(answers.ids.tolist(), probabilities(answers.logits), strict=True):
                sums[name] = sums.get(name, 0.0) + row
    if not sums:
        raise SkipwiseError(f"{run} holds no finished run's predictions; give the folder of a run or a comparison.")
    names = sorted(sums)
    labels = {name: int(source.labels[numbers[name]]) for name in names}
    total = np.stack([sums[name] for name in names])
    found = doubts(total / total.sum(axis=1, keepdims=True), np.array([labels[name] for name in names]))
    return [
        Finding(
            kind="looks_mislabelled",
            files=(names[doubt.index],),
            detail=(
                f"Labelled {source.classes[labels[names[doubt.index]]]}, taken for {source.classes[doubt.believed]} "
                f"({doubt.probability:.0%} against {doubt.own:.0%})."
            ),
            exclude=(names[doubt.index],),
        )
        for doubt in found
    ]


def _page(source: Source, found: Audit, record: Record) -> str:
    sections: list[tuple[str, list[Finding]]] = []
    for kind, title in TITLES.items():
        mine = [finding for finding in record.findings if finding.kind == kind]
        if mine:
            sections.append((title, mine))
    wanted = {
        name
        for _, findings in sections
        for finding in findings[:SHOWN]
        if finding.kind not in ("unreadable", "ignored")
        for name in finding.files[:SHOWN_FILES]
    }
    pictures = dict(_pictures(source, wanted))
    counts = record.counts
    return render(
        "audit.html",
        title=f"{counts.images:,} images of {source.name}",
        answer=summary(record),
        leaks=found.leaks(),
        counts=counts,
        sections=[
            {
                "title": title,
                "count": len(findings),
                "more": len(findings) - SHOWN,
                "findings": [
                    {
                        "detail": finding.detail,
                        "files": [(name, pictures.get(name)) for name in finding.files[:SHOWN_FILES]],
                        "more": len(finding.files) - SHOWN_FILES,
                        "exclude": set(finding.exclude),
                    }
                    for finding in findings[:SHOWN]
                ],
            }
            for title, findings in sections
        ],
        fingerprint=record.fingerprint,
    )


def summary(record: Record) -> str:
    """What was found, in a sentence or two."""
    flagged = {name for finding in record.findings for name in finding.files if finding.kind != "ignored"}
    bad = {name for finding in record.findings for name in finding.exclude}
    images = f"{record.counts.images:,} images in {len(record.counts.classes):,} classes"
    about_all = [finding.detail for finding in record.findings if not finding.files]
    if not flagged and not about_all:
        return f"Nothing is wrong with any of {images}, as far as an audit can tell."
    if not flagged:
        return f"None of {images} is flagged. {about_all[0]}"
    are = "are" if len(flagged) != 1 else "is"
    sentence = f"{len(flagged):,} of {images} {are} flagged"
    if not bad:
        return f"{sentence}; none has to be left out."
    return f"{sentence}; {len(bad):,} would better be left out, and --exclude {AUDIT} does that."


def _pictures(source: Source, names: set[str]) -> Iterator[tuple[str, str]]:
    """Small pictures as data URLs, by the images' ids."""
    from PIL import Image

    numbers = {source.ids[index]: index for index in range(len(source.ids)) if source.ids[index] in names}
    if source.pixels is not None:
        for name, index in numbers.items():
            pixels = source.pixels[index]
            yield name, data_url(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
        return
    assert source.container is not None
    ids: dict[str, list[str]] = {}
    for name, index in numbers.items():
        ids.setdefault(source.files[index], []).append(name)
    for file, content in source.container.stream(ids):
        if isinstance(content, bytes):
            with contextlib.suppress(UnreadableImage):
                picture = data_url(decode_image(content)[1])
                for name in ids[file]:
                    yield name, picture

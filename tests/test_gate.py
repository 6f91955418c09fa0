"""The gate: three outcomes on known truth, artifacts, runs and files of predictions, and one sentence for every
mistake."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.cli import app as program
from skipwise.core.errors import SkipwiseError
from skipwise.deploy.export.export import Exported
from skipwise.deploy.verify.certificate import write_certificate
from skipwise.gating.pairing import pair
from skipwise.gating.record import STATUS
from skipwise.gating.sides import Side
from skipwise.statistics.noninferiority import noninferiority
from tests.predicted import CLASSES, made, write, write_rows
from tests.test_bad_input import refused
from tests.test_cli import call
from tests.test_judge import WITHOUT_TORCH

HEAD = ("id", "label", "prediction", "patient")


def table(name: str, right: np.ndarray, *, size: int = 4) -> Path:
    """A file of answers that are right or wrong, in groups of this size."""
    rows = [
        (f"image{n}", CLASSES[n % 3], CLASSES[n % 3 if good else (n + 1) % 3], f"p{n // size}")
        for n, good in enumerate(right.tolist())
    ]
    return write_rows(Path(name), HEAD, rows)


def answers(images: int, lost: int, won: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers of both networks, all right but for those that are lost or won."""
    old, new = np.ones(images, bool), np.ones(images, bool)
    new[:lost] = False
    old[lost : lost + won] = False
    return old, new


@pytest.mark.parametrize(
    ("images", "lost", "won", "outcome", "status"),
    [
        (1200, 2, 2, "pass", 0),
        (1200, 60, 5, "fail", 1),
        (1200, 20, 8, "cannot tell", 3),  # which is worse, and maybe by less than the margin
        (100, 0, 0, "cannot tell", 3),
    ],
)
@pytest.mark.usefixtures("here")
def test_the_three_outcomes_are_exit_statuses(
    images: int, lost: int, won: int, outcome: str, status: int, capsys, monkeypatch
) -> None:
    old, new = answers(images, lost, won)
    files = table("old.csv", old), table("new.csv", new)
    assert call(capsys, monkeypatch, "gate", *files)[0] == status == STATUS[outcome]
    found = skipwise.gate(*files)
    assert (found.outcome, found.status) == (outcome, status)
    assert found.drop == noninferiority(old, new, limit=0.01)
    assert (found.drop.lost, found.drop.won) == (lost, won)
    assert sum(each.lost for each in found.classes) == lost
    assert sum(each.images for each in found.classes) == images
    said = " ".join(found.verdict)
    assert ("about" in said) == (found.drop.enough is not None)
    assert ("It is shown to be worse" in said) == (lost == 20)


@pytest.mark.usefixtures("here")
def test_images_of_a_group_count_together() -> None:
    old, new = answers(1200, 2, 2)
    files = table("old.csv", old, size=20), table("new.csv", new, size=20)
    found = skipwise.gate(*files, group="patient")
    numbers = np.arange(1200) // 20
    assert found.drop == noninferiority(old, new, limit=0.01, groups=numbers)
    assert (found.drop.groups, found.outcome, found.grouped_by) == (60, "cannot tell", "column patient")
    assert "in 60 groups (column patient)" in found.markdown


@pytest.mark.usefixtures("here")
def test_probabilities_and_orders_and_formats_may_differ() -> None:
    old, new = made(0.95, 0), made(0.95, 1)
    first = write(Path("old.parquet"), old)
    second = write(Path("new.npz"), new, np.random.default_rng(0).permutation(240))
    found = skipwise.gate(first, second, margin=30)
    right = [one.shares.argmax(axis=1) == one.labels for one in (old, new)]
    assert found.drop == noninferiority(*right, limit=0.3)
    assert (found.old.accuracy, found.new.accuracy) == (right[0].mean(), right[1].mean())


@pytest.mark.usefixtures("here")
def test_the_interval_is_as_wide_as_was_asked_for() -> None:
    old, new = answers(1200, 30, 5)
    files = table("old.csv", old), table("new.csv", new)
    usual, wide, narrow = (skipwise.gate(*files, margin=3, alpha=alpha) for alpha in (0.05, 0.001, 0.5))
    assert usual == skipwise.gate(*files, margin=3)
    assert wide.drop.low < usual.drop.low < narrow.drop.low < narrow.drop.high < usual.drop.high < wide.drop.high
    assert narrow.drop == noninferiority(old, new, limit=0.03, alpha=0.5)
    assert (usual.outcome, wide.outcome, narrow.outcome) == ("cannot tell", "cannot tell", "pass")
    assert "(99.9% interval" in wide.markdown
    for alpha in (0, 1):
        with pytest.raises(SkipwiseError, match="--alpha must lie between 1e-09 and 1"):
            skipwise.gate(*files, alpha=alpha)


@pytest.mark.usefixtures("here")
def test_the_markdown_holds_what_a_reviewer_wants_and_no_markup_of_others(capsys, monkeypatch) -> None:
    old, new = answers(1200, 60, 5)
    files = table("old.csv", old), table("new.csv", new)
    for path in files:
        path.write_text(path.read_text().replace("cat", "ca|t<b>"))
    status, _ = call(capsys, monkeypatch, "gate", *files, "--markdown", "gate.md")
    text = Path("gate.md").read_text()
    assert status == 1
    assert text == skipwise.gate(*files).markdown
    assert text.startswith("### ❌ FAIL: new.csv is shown to be worse than old.csv by more than 1 point.\n")
    assert "60 of 1,200 images lost and 5 won, a drop of 4.58 points (95% interval" in text
    assert "<b>" not in text
    assert text.count("\n| ca\\|t") == 1
    assert "nothing is tested" in text
    assert "- image0\n" in text
    assert "And 50 more." in text
    monkeypatch.setattr(sys, "argv", ["skipwise", "gate", *map(str, files), "--markdown", "-"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert (ended.value.code, capsys.readouterr().out) == (1, text)


@pytest.mark.usefixtures("here")
def test_artifacts_are_compared_with_speed_size_and_certificate(
    exported: Exported, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skipwise.gating.costs.SECONDS", 0.0)
    shutil.copytree(exported.folder, "new")
    write_certificate(skipwise.verify("new", photos, timing=False), "new")
    found = skipwise.gate(exported.folder, "new", photos, margin=20)
    assert found.outcome == "pass"
    assert (found.drop.images, found.drop.lost, found.drop.won) == (36, 0, 0)
    assert found.speed is not None
    assert found.speed.old.rounds == found.speed.new.rounds >= 5
    assert found.old.size == found.new.size == (Path("new") / "model.onnx").stat().st_size
    assert found.old.certificate.startswith("none")
    assert found.new.certificate == "certified on 36 images"
    rows = [line for line in found.markdown.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:6]] == [
        "| network", "| accuracy", "| ms per image", "| size"
    ]  # fmt: skip
    assert skipwise.gate(exported.folder, "new", photos, margin=1, timing=False).outcome == "cannot tell"


@pytest.mark.usefixtures("here")
def test_a_run_and_what_was_exported_from_it(trained: Path, exported: Exported) -> None:
    found = skipwise.gate(trained, exported.folder, margin=50, timing=False)
    assert (found.drop.lost, found.drop.won) == (0, 0)
    assert found.old.kind == "run"
    assert found.new.kind == "artifact"
    assert found.data.endswith("its test split")
    kept = skipwise.gate(trained, trained, margin=50, timing=False)
    assert kept.drop == found.drop
    evaluated = skipwise.evaluate(trained, output="evaluated")
    assert skipwise.gate("evaluated", trained, margin=50, timing=False).drop == found.drop
    assert kept.old.accuracy == evaluated.evaluation.accuracy.value


def side(name: str, ids: str, right: str, **more: object) -> Side:
    """A network's answers: ids of one letter, whose labels are their upper case."""
    made = Side(
        path=Path(name), kind="artifact", model=name, data="", ids=list(ids), labels=[each.upper() for each in ids],
        right=np.array([each == "1" for each in right]), groups=None, notes=(),
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def test_images_of_a_class_that_one_network_does_not_know_are_wrong_and_never_left_out() -> None:
    found = pair(side("old", "abcd", "1111"), side("new", "abd", "111", unknown=frozenset("c")))
    assert found.ids == list("abcd")
    assert found.new.tolist() == [True, True, False, True]
    assert "The new network does not know c, and counts as wrong on the 1 image" in found.notes[0]


def test_of_two_splits_the_images_count_that_are_test_images_of_both() -> None:
    found = pair(side("old", "abcd", "1010"), side("new", "dcxy", "0011"))
    assert found.ids == list("cd")
    assert (found.old.tolist(), found.new.tolist()) == ([True, False], [False, False])
    assert "the 2 images that are test images of both count, and 4 that are not are left out" in found.notes[0]
    with pytest.raises(SkipwiseError, match="no images in common"):
        pair(side("old", "ab", "11"), side("new", "cd", "11"))
    with pytest.raises(SkipwiseError, match="has an answer of only one of"):
        pair(side("old", "abc", "111", kind="predictions"), side("new", "ab", "11"))
    with pytest.raises(SkipwiseError, match="different labels for 'a'"):
        pair(side("old", "ab", "11"), side("new", "ab", "11", labels=["C", "B"]))


def test_mistakes_are_one_sentence(here: Path, capsys, monkeypatch) -> None:
    right = np.ones(12, bool)
    old = table("old.csv", right)
    write_rows(Path("bare.csv"), ["id", "prediction"], [(f"image{n}", CLASSES[n % 3]) for n in range(12)])
    write_rows(Path("two.csv"), ["id", "label", "prediction", "seed"], [("a", 1, 1, 0), ("a", 1, 1, 1)])
    cases = [
        ([old, "nowhere"], "There is no nowhere; give a folder that 'skipwise export' or 'skipwise train' made"),
        ([old, here], "holds neither a finished run (run.json) nor an exported network (artifact.json)"),
        ([old, old, "--margin", "-1"], "--margin must lie between 0 and 100 percentage points, not -1"),
        ([old, "bare.csv"], "bare.csv has no labels; add a column label, or name a table of id and label as DATA"),
        ([old, "two.csv"], "two.csv holds predictions of 2 networks or seeds"),
        ([old, table("less.csv", right[:9])], "3 images, such as 'image9', have an answer of only one of"),
        ([old, old, "--markdown", "no/where.md"], "There is no folder no for --markdown"),
        ([old, old, "--markdown", "-", "--json"], "both print to standard output"),
    ]
    for words, sentence in cases:
        assert sentence in refused(capsys, monkeypatch, "gate", *words)
    assert skipwise.gate(old, "bare.csv", old, margin=50).drop.lost == 0
    assert "is not used" in skipwise.gate(old, old, old).notes[-1]


@pytest.mark.usefixtures("here")
def test_it_needs_no_torch_and_prints_json(exported: Exported, photos: Path) -> None:
    words = [sys.executable, "-c", WITHOUT_TORCH, "gate", str(exported.folder), str(exported.folder), str(photos)]
    said = subprocess.run(
        [*words, "--margin", "20", "--json", "--no-timing"], capture_output=True, text=True, timeout=120
    )
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert (found["outcome"], found["status"], found["gate"]["drop"]["images"]) == ("pass", 0, 36)

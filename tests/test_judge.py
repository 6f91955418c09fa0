"""Predictions of any tool are judged as those of a comparison: every format, known truth, and one sentence for every
mistake."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import skipwise
from skipwise.cli import app as program
from skipwise.core.errors import SkipwiseError
from skipwise.judging.judge import read_judgement
from skipwise.statistics import judge as judge_scores
from tests.predicted import CLASSES, HEAD, Made, made, write, write_rows
from tests.test_bad_input import refused

ACCURACY = {"old": 0.7, "new": 0.95}


def files(folder: Path, *, suffix: str = ".csv", seeds: int = 2) -> list[Path]:
    """A file for each network and seed, each in another order."""
    found = []
    for name, accuracy in ACCURACY.items():
        for seed in range(seeds):
            one = made(accuracy, seed)
            order = np.random.default_rng(seed).permutation(len(one.labels)) if seed else None
            found.append(write(folder / f"{name}-s{seed}{suffix}", one, order))
    return found


def arrays(seeds: int = 2) -> tuple[list[str], dict[str, list[np.ndarray]]]:
    """The same in memory."""
    made_ones = {name: [made(accuracy, seed) for seed in range(seeds)] for name, accuracy in ACCURACY.items()}
    return made_ones["old"][0].names, {name: [one.shares for one in ones] for name, ones in made_ones.items()}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".jsonl", ".parquet", ".xlsx", ".npz"])
@pytest.mark.usefixtures("here")
def test_every_format_says_the_same_as_the_arrays_in_memory(suffix: str) -> None:
    report = skipwise.judge(files(Path(), suffix=suffix), group="patient")
    labels, predictions = arrays()
    groups = [f"patient{number // 4}" for number in range(len(labels))]
    found = skipwise.judge_predictions(labels, predictions, classes=CLASSES, groups=groups)
    assert report.judged.pairs == found.pairs
    assert report.judged.networks == found.networks
    assert report.judged.groups == found.groups == 60
    assert report.judged.pairs[0].verdict == "worse"


def test_the_numbers_are_those_of_the_statistics() -> None:
    labels, predictions = arrays(3)
    found = skipwise.judge_predictions(labels, predictions, classes=CLASSES, margin=1)
    numbers = np.array([CLASSES.index(label) for label in labels])
    scores = {name: np.stack([run.argmax(axis=1) == numbers for run in runs]) for name, runs in predictions.items()}
    expected = judge_scores(scores, margin=0.01, looks=(3,))
    assert found.pairs == expected.pairs
    assert {network.name: network.outcome for network in found.networks} == expected.accuracies
    assert found.networks[0].accuracy == pytest.approx(scores["old"].mean())


@settings(max_examples=30)
@given(st.permutations(range(24)), st.lists(st.text(min_size=1, max_size=8), min_size=24, max_size=24, unique=True))
def test_ids_are_matched_whatever_they_are_and_in_whatever_order(order: list[int], names: list[str]) -> None:
    from skipwise.evaluation.outcomes import outcome_of
    from skipwise.judging.files.file_answers import FileAnswers
    from skipwise.judging.files.matching import match

    one, other = made(0.7, 0, 24), made(0.9, 1, 24)

    def of(which: Made, network: str, order: list[int]) -> FileAnswers:
        return FileAnswers(
            where=network, network=network, seed=0, ids=[names[k] for k in order],
            labels=[which.names[k] for k in order], answers=None, values=which.shares[order], classes=CLASSES,
            kind="probabilities",
        )  # fmt: skip

    found = match([of(one, "a", list(range(24))), of(other, "b", order)], outcome_of("log-loss"))
    assert found.tested.ids == names
    own = other.shares[np.arange(24), other.labels]
    assert found.runs[1].scores == pytest.approx(-np.log(own / other.shares.sum(axis=1)), rel=1e-5)


def test_a_long_table_holds_all_networks_and_seeds(here: Path) -> None:
    rows = [
        [name, f"{seed}", *row]
        for name, accuracy in ACCURACY.items()
        for seed in range(2)
        for row in made(accuracy, seed).rows()
    ]
    apart = skipwise.judge(files(Path()))
    write_rows(here / "all.csv", ["net", "trial", *HEAD], rows)
    found = skipwise.judge("all.csv", network_column="net", seed_column="trial", output="long")
    assert found.judged.pairs == apart.judged.pairs
    write_rows(here / "named.csv", ["model", "seed", *HEAD], rows)
    assert skipwise.judge("named.csv", output="named").judged == found.judged


def test_predicted_classes_and_labels_of_their_own_file_are_enough(here: Path) -> None:
    expected = skipwise.judge(files(Path())).judged
    bare = []
    for name, accuracy in ACCURACY.items():
        for seed in range(2):
            one = made(accuracy, seed)
            rows = list(zip(one.ids, one.answers, strict=True))
            bare.append(write_rows(here / f"{name}_seed{seed}.csv", ["path", "prediction"], rows))
    one = made(0.7, 0)
    write_rows(here / "truth.csv", ["file", "class"], list(zip(one.ids, one.names, strict=True)))
    found = skipwise.judge(bare, labels="truth.csv", output="bare")
    assert found.judged.pairs == expected.pairs
    with pytest.raises(SkipwiseError, match=r"no labels, and no other file has.*--labels"):
        skipwise.judge(bare, output="none")


@pytest.mark.usefixtures("here")
def test_seeds_and_images_in_one_npz() -> None:
    for name, accuracy in ACCURACY.items():
        ones = [made(accuracy, seed) for seed in range(2)]
        np.savez(
            f"{name}.npz", image=ones[0].ids, y_true=ones[0].labels, seeds=[0, 1], names=CLASSES,
            logits=np.log(np.stack([one.shares for one in ones])),
        )  # fmt: skip
    found = skipwise.judge(["old.npz", "new.npz"], output="npz")
    assert found.judged.pairs == skipwise.judge(files(Path())).judged.pairs
    assert found.judged.classes == CLASSES


def test_folders_and_tables_of_our_own_are_read(trained: Path, exported, photos: Path, here: Path) -> None:
    evaluated = skipwise.evaluate(trained, output="a-s0")
    shutil.copytree(trained, "b-s0")
    found = skipwise.judge(["a-s0", "b-s0"]).judged
    assert found.pairs[0].difference == 0
    assert found.networks[0].accuracy == found.networks[1].accuracy == evaluated.evaluation.accuracy.value
    shutil.copy("b-s0/predictions.npz", "c-s0.npz")  # without the record that names the classes
    numbered = write_rows(
        here / "d-s0.csv", ["id", "label", "prediction"],
        [(i, k, a) for i, k, a in zip(*_numbers(here / "c-s0.npz"), strict=True)],
    )  # fmt: skip
    assert skipwise.judge(["c-s0.npz", numbered]).judged.pairs[0].difference == 0
    skipwise.predict(exported.folder, photos, output="answers.csv", probabilities=True)
    skipwise.predict(exported.folder, photos, output="e-s0.csv")
    with Path("answers.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    write_rows(here / "truth.csv", ["path", "label"], [(each, Path(each).parent.name) for each in paths])
    Path("answers.csv").rename("f-s0.csv")
    both = skipwise.judge(["e-s0.csv", "f-s0.csv"], labels="truth.csv").judged
    assert both.pairs[0].difference == 0
    assert both.images == 36


def _numbers(path: Path) -> tuple[list[str], list[int], list[int]]:
    with np.load(path) as arrays:
        return arrays["test_ids"], arrays["test_labels"], arrays["test_logits"].argmax(axis=1)


def test_a_seed_that_learned_nothing_is_said_with_what_shows_it_and_no_cause() -> None:
    """Nobody knows how it was trained."""
    labels, predictions = arrays(seeds=3)
    predictions["old"][1] = np.eye(len(CLASSES))[np.zeros(len(labels), int)]
    notes = " ".join(skipwise.judge_predictions(labels, predictions, classes=CLASSES).notes)
    assert "1 of 3 runs of old learned nothing (right no more often than by always giving the most common" in notes
    assert "cause" not in notes


@pytest.mark.usefixtures("here")
def test_one_seed_of_each_gets_mcnemar_and_a_warning() -> None:
    found = skipwise.judge(files(Path(), seeds=1)).judged
    assert found.has_one_seed
    test, pair = found.one_seed[0], found.pairs[0]
    old, new = made(0.7, 0), made(0.95, 0)
    right = [one.shares.argmax(axis=1) == one.labels for one in (old, new)]
    assert (test.only_a, test.only_b) == ((right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum())
    assert test.p is not None
    assert test.p < 1e-6
    assert pair.verdict == "worse"
    assert pair.low < pair.difference < pair.high < 0
    assert "not about the networks" in found.verdict[-1]
    grouped = skipwise.judge(files(Path(), seeds=1), group="patient").judged
    assert grouped.one_seed[0].p is None  # it takes images for independent
    with pytest.raises(SkipwiseError, match="With one seed of each network only images that are right or wrong"):
        skipwise.judge(files(Path(), seeds=1), outcome="log-loss")


@pytest.mark.slow
def test_equal_networks_are_rarely_told_apart_and_one_that_is_better_is_found() -> None:
    """False alarms at most 5% but for chance: 200 pairs of equal networks, seeds and images both random."""
    rng = np.random.default_rng(0)
    alarms = found = 0
    for _ in range(200):
        hard, labels = rng.random(150), np.zeros(150, int)
        labels[:75] = 1

        def drawn(share: float, hard: np.ndarray = hard, labels: np.ndarray = labels) -> np.ndarray:
            right = hard + rng.normal(0, 0.1, 150) < share + rng.normal(0, 0.03)
            return np.where(right, labels, 1 - labels)

        nets = {name: [drawn(share) for _ in range(3)] for name, share in (("a", 0.75), ("b", 0.75), ("c", 0.98))}
        alarms += skipwise.judge_predictions(labels, {n: nets[n] for n in "ab"}).pairs[0].verdict in ("better", "worse")
        found += skipwise.judge_predictions(labels, {n: nets[n] for n in "ac"}).pairs[0].verdict == "worse"
    assert alarms <= 0.05 * 200 + 2 * np.sqrt(200 * 0.05 * 0.95)
    assert found > 100


def test_all_outcomes(here: Path) -> None:
    given = files(Path())
    for outcome in ("balanced-accuracy", "log-loss", "brier"):
        pair = skipwise.judge(given, outcome=outcome).judged.pairs[0]
        assert (pair.verdict, pair.images) == ("worse", 240), outcome
    assert skipwise.judge(given, outcome="accuracy:classes=cat,dog").judged.pairs[0].images == 160
    with pytest.raises(SkipwiseError, match="top-5"):
        skipwise.judge(given, outcome="top5-accuracy")
    bare = [write_rows(here / f"{n}-s0.csv", ["id", "label", "pred"], [["x", "1", "1"], ["y", "2", "2"]]) for n in "ab"]
    with pytest.raises(SkipwiseError, match="predicted classes only, and log-loss takes a probability"):
        skipwise.judge(bare, outcome="log-loss")


def test_networks_that_are_all_as_good_are_named_together() -> None:
    labels = np.arange(2000) % 4
    same = [np.where((np.arange(2000) + 7 * seed) % 50 == 0, (labels + 1) % 4, labels) for seed in range(5)]
    found = skipwise.judge_predictions(labels, {"a": same, "b": same}, margin=5)
    assert found.pairs[0].verdict == "equivalent"
    assert found.verdict[0].startswith("Use any of a and b: each is shown to be as good")
    assert not any("the smallest" in sentence for sentence in found.verdict)


@pytest.mark.usefixtures("here")
def test_seeds_that_are_not_the_same_are_said() -> None:
    given = files(Path(), seeds=3)
    found = skipwise.judge(given[:-1]).judged
    assert found.pairs[0].seeds == 2
    assert any("do not have the same seeds (old has 3 and new has 2)" in note for note in found.notes)
    for seed in range(2):
        shutil.copy(f"new-s{seed}.csv", f"new-s{seed + 40}.csv")
    other = skipwise.judge([*given[:2], "new-s40.csv", "new-s41.csv"]).judged
    assert any("taken in their order" in note for note in other.notes)
    assert other.pairs[0].verdict == "worse"
    shutil.copy("new-s0.csv", "new-s1.csv")
    copied = skipwise.judge([*given[:2], "new-s0.csv", "new-s1.csv"]).judged
    assert any("Seeds 0 and 1 of new have the same predictions" in note for note in copied.notes)


def changed(path: Path, change: Callable[[list[list[str]]], None]) -> None:
    """A table of text with its cells changed."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    write_rows(path, rows[0], rows[1:])


def put(row: int, column: int, cell: str) -> Callable[[list[list[str]]], None]:
    """A change of one cell."""

    def change(rows: list[list[str]]) -> None:
        rows[row][column] = cell

    return change


MISTAKES: dict[str, tuple[Callable[[list[list[str]]], None], str]] = {
    "an id less": (lambda rows: rows.pop(), "has no prediction for 1 of the 240 images of old-s0.csv, such as"),
    "another id": (put(1, 0, "x"), "and has 1 image that old-s0.csv has not, such as 'x'"),
    "an id twice": (put(3, 0, "a, b/000.png"), "has the id 'a, b/000.png' in lines 2 and 4"),
    "another label": (put(1, 1, "dog"), "other labels than old-s0.csv for 1 image, such as 'a, b/000.png'"),
    "no probabilities": (put(1, 3, "0.9999"), "do not sum to one, such as those of line 2 (a, b/000.png)"),
    "not a number": (put(1, 3, "nan"), "line 2 (a, b/000.png) has a probability or logit that is missing"),
    "no label": (put(5, 1, ""), "line 6 has no label"),
    "no ids": (put(0, 0, "nr"), "has no column of ids"),
    "no predictions": (lambda rows: [row.__delitem__(slice(3, None)) for row in rows], "has no column of predictions"),
    "a class less": (lambda rows: [row.__delitem__(-1) for row in rows], "do not sum to one"),
    "another class": (put(0, 5, "p_bird"), "knows nothing of 1 class that the labels have, such as 'fish'"),
    "a row cut off": (lambda rows: rows[4].pop(), "line 5 has fewer cells than the header"),
    "other ids": (lambda rows: [row.__setitem__(0, f"z{n}") for n, row in enumerate(rows) if n], "no id in common"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.usefixtures("here")
def test_a_mistake_in_a_file_is_one_sentence(mistake: str, capsys, monkeypatch) -> None:
    given = files(Path())
    change, sentence = MISTAKES[mistake]
    changed(given[2], change)
    said = refused(capsys, monkeypatch, "judge", *given)
    assert sentence in said
    assert "new-s0.csv" in said
    assert not Path("runs").exists()


def test_other_mistakes_are_one_sentence(here: Path, capsys, monkeypatch) -> None:
    given = files(Path())
    cases = [
        ([*given[:2]], "There is one network only (old)"),
        ([given[0], *given[2:]], "old has one seed and new 2"),
        ([*given, "--margin", "0"], "--margin must lie between 0 and 100"),
        ([*given, "--outcome", "acuracy"], "did you mean 'accuracy'?"),
        ([*given, "--outcome", "accuracy,brier"], "judge each by itself, with --alpha 0.025"),
        ([*given, "--outcome", "corrupted"], "is measured on corrupted copies of the images"),
        ([*given, "--group", "hospital"], "--group hospital: no file has a column of that name"),
        ([*given, "--seed-column", "sed"], "--seed-column sed: There is no column called 'sed'"),
        (["nowhere.csv"], "nowhere.csv can't be read"),
        ([here], "a folder without predictions"),
        ([given[0], given[0], given[2], given[3]], "are both of old with seed 0"),
    ]
    for words, sentence in cases:
        assert sentence in refused(capsys, monkeypatch, "judge", *words)
    write_rows(here / "odd-s0.csv", ["id", "label", "prediction"], [(name, "cat", "7") for name in made(0.7, 0).ids])
    write_rows(here / "odd-s1.csv", ["id", "label", "prediction"], [(name, "cat", "cat") for name in made(0.7, 0).ids])
    shutil.copy("odd-s1.csv", "fine-s0.csv")
    assert "None of the predictions of odd-s0.csv is the class of any image" in refused(
        capsys, monkeypatch, "judge", "fine-s0.csv", "odd-s0.csv"
    )
    Path("torn.npz").write_bytes(b"PK\3\4 torn")
    assert "torn.npz can't be read as .npz" in refused(capsys, monkeypatch, "judge", "torn.npz", given[0])
    assert not Path("runs").exists()


ARRAYS = [
    ({"ids": ["a", "b", "a"], "labels": [0, 1, 0], "predictions": [0, 1, 0]}, "has the id 'a' 2 times"),
    ({"labels": [0, 1], "predictions": [0, 1]}, "has no array of ids"),
    ({"ids": ["a", "b"], "labels": [0, 1]}, "has no predictions; it holds ids and labels"),
    ({"ids": ["a", "b"], "labels": [0, 1, 1], "predictions": [0, 1]}, "has 2 ids and 3 labels"),
    (
        {"ids": ["a", "b"], "labels": [[0], [1]], "predictions": [0, 1]},
        "labels has to hold one number or name for each",
    ),
    ({"ids": ["a", "b"], "labels": [0, np.nan], "predictions": [0, 1]}, "the array labels has NaN"),
    ({"ids": ["a", "b"], "labels": [0, 1], "logits": [1.0, 2.0]}, "it has to hold numbers [images, classes]"),
    (
        {"ids": ["a", "b"], "labels": [0, 1], "probs": [[0.2, 0.9], [0.5, 0.5]]},
        "those of the image a, whose sum is 1.1",
    ),
    ({"ids": ["a", "b"], "labels": [0, 1], "probs": [[0.1, np.inf], [0.5, 0.5]]}, "not a number or infinite"),
    ({"ids": ["a", "b"], "labels": [0, 1], "predictions": [[0, 1]], "seeds": [1, 2]}, "2 seeds and predictions of 1"),
]


@pytest.mark.parametrize(("arrays", "sentence"), ARRAYS)
def test_arrays_in_a_file_that_do_not_fit_are_one_sentence(arrays: dict[str, list], sentence: str, here: Path) -> None:
    np.savez(here / "a-s0.npz", **arrays)
    with pytest.raises(SkipwiseError) as refusal:
        skipwise.judge(["a-s0.npz", "b-s0.npz"])
    assert sentence in str(refusal.value)
    assert "a-s0.npz" in str(refusal.value)


@pytest.mark.parametrize(
    ("labels", "predictions", "sentence"),
    [
        ([0, 1], {}, "There are no predictions"),
        ([0, 1], {"a": [[0, 1]]}, "There is one network only"),
        ([0, 1], {"a": [[0, 1, 1]], "b": [[0, 1]]}, "have the shape"),
        ([0.0, np.nan], {"a": [[0, 1]], "b": [[0, 1]]}, "labels have nan for the image 1"),
        ([0, 1], {"a": [[[0.2, 0.9], [0.5, 0.5]]], "b": [[0, 1]]}, "do not sum to one"),
        ([0, 1], {"a": [[[0.1, 0.9], [np.inf, 0.5]]], "b": [[0, 1]]}, "not a number or infinite"),
        ([0, 2], {"a": [[[0.1, 0.9], [0.5, 0.5]]], "b": [[0, 2]]}, "knows nothing of 1 class"),
    ],
)
def test_arrays_that_do_not_fit_are_one_sentence(labels, predictions, sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        skipwise.judge_predictions(labels, predictions)


@pytest.mark.usefixtures("here")
def test_the_same_command_shows_what_is_finished_and_damage_is_noticed() -> None:
    given = files(Path())
    first = skipwise.judge(given)
    again = skipwise.judge([*given[2:], *given[:2]][::-1][::-1], margin=0.5)
    assert first.folder == Path("runs/judge/old-new")
    assert not first.repeated
    assert skipwise.judge(given).repeated
    assert again.folder != first.folder  # another order of networks is another report
    assert read_judgement(first.folder).judged == first.judged
    (first.folder / "judge.md").write_text("no")
    with pytest.raises(SkipwiseError, match=r"judge\.md was damaged or changed"):
        skipwise.judge(given)
    assert skipwise.judge(given, again=True).folder != first.folder


@pytest.mark.usefixtures("here")
def test_a_kill_leaves_nothing_that_the_next_does_not_finish() -> None:
    given = files(Path())
    whole = skipwise.judge(given, output="whole")
    code = (
        "import os, signal, sys\n"
        "from skipwise.judging import judge\n"
        "judge.write_sealed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "judge.judge(sys.argv[1:], output='killed')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, *map(str, given)], capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert not Path("killed/judge.json").exists()
    report = skipwise.judge(given, output="killed")
    assert not report.repeated
    for name in ("judge.json", "judge.md", "plan.json"):
        assert (report.folder / name).read_bytes() == (whole.folder / name).read_bytes()


WITHOUT_TORCH = """
import importlib.abc, sys

class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "sklearn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
from skipwise.cli import app
sys.argv = ["skipwise", *sys.argv[1:]]
app.main()
"""


@pytest.mark.usefixtures("here")
def test_it_needs_no_torch_and_prints_json(capsys, monkeypatch) -> None:
    given = files(Path())
    words = [sys.executable, "-c", WITHOUT_TORCH, "judge", *map(str, given)]
    said = subprocess.run([*words, "--json"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["judged"]["pairs"][0]["verdict"] == "worse"
    assert found["judged"]["verdict"][0].startswith("Use new")
    assert "Read 4 files (probabilities): old and new, 2 seeds each, on 240 images of 3 classes" in said.stderr
    monkeypatch.setattr(sys, "argv", ["skipwise", "judge", *map(str, given)])
    with pytest.raises(SystemExit):
        program.main()
    shown = capsys.readouterr().out
    assert "new is better" in shown
    assert "is finished already" in shown
    assert shown.splitlines()[-2:] == [
        "Report: runs/judge/old-new/judge.md",
        "Next:   skipwise gate path/to/old path/to/new path/to/images --margin 1",
    ]

"""Splits where people put them: within projects, beside the whole set, in folds, in lists of test images alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.pictures import put
from tests.layouts.tables import table
from tests.layouts.trees import plant, tree

Write = Callable[[Path, Sequence[str]], object]


def _listed(write: Write, *, folder: str = "") -> Callable[[Path], Path]:
    """Six pictures of each of two classes in folders, and what `write` makes of their names."""

    def build(root: Path) -> Path:
        names = plant(root / "d" / folder, "{cat,dog}/#.jpg 6")
        write(root / "d", names)
        return root / "d"

    return build


def _test_answers(labels: Sequence[str], *folders: str) -> Callable[[Path], Path]:
    """Class folders for training, loose pictures for testing, and a table of their labels."""

    def build(root: Path) -> Path:
        plant(root / "d" / "train", f"{{{','.join(folders)}}}/#.jpg 4")
        names = plant(root / "d" / "test", "t_#.jpg 6")
        rows = [(name, labels[number % 2]) for number, name in enumerate(names)]
        return table(root / "d" / "test_labels.csv", ("file", "label"), rows).parent

    return build


def _competition(name: str) -> Callable[[Path], Path]:
    """What somebody handed in for the test images is no label."""

    def build(root: Path) -> Path:
        train = plant(root / "d" / "train", "a_#.jpg 12")
        test = plant(root / "d" / "test", "b_#.jpg 4")
        rows = [(each.removesuffix(".jpg"), ("cat", "dog")[n % 2]) for n, each in enumerate(train)]
        table(root / "d" / "train.csv", ("id", "label"), rows)
        return table(root / "d" / name, ("id", "label"), [(each[:-4], "cat") for each in test]).parent

    return build


_BOTH = {"cat": 8, "dog": 8}
_READ = Reads(classes=_BOTH, splits={"train": 8, "test": 8}, says=("train",))
_TWELVE = {"cat": 6, "dog": 6}


def _lists(**lists: slice) -> Write:
    def write(data: Path, names: Sequence[str]) -> None:
        for name, part in lists.items():
            put(data / f"{name}.txt", "\n".join(names[part]) + "\n")

    return write


CASES = (
    Case(
        name="a-project",
        build=tree(
            "repo-main/data/{train,test}/{cat,dog}/#.jpg 4", "repo-main/results/{roc,loss}.png", "repo-main/a.py"
        ),
        expected=Reads(classes=_BOTH, splits={"train": 8, "test": 8}, left_out=2, says=("results",)),
    ),
    Case(
        name="a-project-with-runs",
        build=tree("pets/{train,val}/{cat,dog}/#.jpg 4", "runs/classify/exp/batch{0,1}.jpg", "yolov8n-cls.pt"),
        expected=Reads(classes=_BOTH, splits={"train": 8, "test": 8}, left_out=2, says=("runs",)),
    ),
    *(
        Case(
            name=f"{whole}-beside-{parts}",
            build=tree(f"{whole}/{{cat,dog}}/#.jpg 6", f"{parts}/{{train,val,test}}/{{cat,dog}}/#.jpg 2"),
            expected=Asks(says=(whole, parts)),
        )
        for whole, parts in (("raw", "processed"), ("original", "split"))
    ),
    *(
        Case(
            name=f"classes-in-{part}-too",
            build=tree("{cat,dog}/#.jpg 6", f"{part}/{{cat,dog}}/#.jpg 2"),
            expected=Reads(classes=_BOTH, splits={"train": 12, "test": 4}, left_out=0, says=(part, "as train")),
        )
        for part in ("test", "validation", "Testdaten")
    ),
    *(
        Case(
            name=f"folds-with-splits-{fold.format(1)}",
            build=tree(f"{{{fold.format(1)},{fold.format(2)}}}/{{train,val}}/{{cat,dog}}/*.jpg 4"),
            expected=Refuses(says=(fold.format(1), "give one")),
        )
        for fold in ("fold_{}", "split_0{}")
    ),
    *(
        Case(
            name=f"split-and-class-at-once-{pattern}",
            build=tree(f"{pattern}/#.jpg 4"),
            expected=Refuses(says=("split and a class", "train|test")),
        )
        for pattern in ("{cat,dog}_{train,test}", "{train,test}_{cat,dog}", "{train,test}{0,1}", "{train,test}{A,B}")
    ),
    Case(
        name="splits-in-some-classes",
        build=tree("{cat,dog}/{train,test}/#.jpg 4", "bird/#.jpg 4"),
        expected=Refuses(says=("bird", "train")),
    ),
    Case(
        name="classes-in-test-alone",
        build=tree("train/#.jpg 6", "test/{cat,dog}/#.jpg 3"),
        expected=Refuses(says=("train", "class")),
    ),
    Case(
        name="query-gallery-train",
        build=tree("{query,gallery,train}/{0001,0002,0003}/#.jpg 3"),
        expected=Asks(says=("--class-level", "query")),
    ),
    Case(
        name="trains-with-kinds-of-their-own",
        build=tree("bus/{city,coach}/#.jpg 2", "car/{suv,van}/#.jpg 2", "train/{ice,tgv}/#.jpg 2"),
        expected=Asks(says=("--class-level 1", "train")),
    ),
    Case(
        name="trains-with-kinds-at-level-1",
        build=tree("bus/{city,coach}/#.jpg 2", "car/{suv,van}/#.jpg 2", "train/{ice,tgv}/#.jpg 2"),
        options={"class_level": "1"},
        expected=Reads(classes={"bus": 4, "car": 4, "train": 4}, splits=None, left_out=0),
    ),
    Case(
        name="list-of-test-images-alone",
        build=_listed(_lists(testing_list=slice(0, 12, 3))),
        expected=Reads(classes=_TWELVE, splits={"train": 8, "test": 4}, says=("testing_list",)),
    ),
    Case(
        name="lists-of-test-and-validation-images",
        build=_listed(_lists(testing_list=slice(0, 12, 3), validation_list=slice(1, 12, 3))),
        expected=Reads(classes=_TWELVE, splits={"train": 4, "val": 4, "test": 4}, says=("testing_list",)),
    ),
    Case(
        name="split-csv-without-labels",
        build=_listed(
            lambda data, names: table(
                data / "split.csv", ("path", "split"), [(n, ("train", "test")[i % 2]) for i, n in enumerate(names)]
            )
        ),
        expected=Reads(classes=_TWELVE, splits={"train": 6, "test": 6}, says=("split.csv",)),
    ),
    Case(
        name="split-json",
        build=_listed(
            lambda data, names: put(data / "split.json", json.dumps({"train": names[::2], "test": names[1::2]}))
        ),
        expected=Reads(classes=_TWELVE, splits={"train": 6, "test": 6}, says=("split.json",)),
    ),
    Case(
        name="split-json-of-rows",
        build=_listed(
            lambda data, names: put(
                data / "split_Pets.json",
                json.dumps(
                    {
                        split: [[name, int("dog" in name), name[:3]] for name in names[part::3]]
                        for part, split in enumerate(("train", "val", "test"))
                    }
                ),
            ),
            folder="images",
        ),
        expected=Reads(classes=_TWELVE, splits={"train": 4, "val": 4, "test": 4}, says=("split_Pets.json",)),
    ),
    Case(
        name="test-answers-by-number",
        build=_test_answers(("0", "1"), "0_cat", "1_dog"),
        expected=Reads(classes={"0_cat": 7, "1_dog": 7}, splits={"train": 8, "test": 6}, left_out=0),
    ),
    Case(
        name="test-answers-of-other-names",
        build=_test_answers(("no", "yes"), "cat", "dog"),
        expected=Reads(classes={"cat": 4, "dog": 4}, splits=None, left_out=6, says=("Not used.*test_labels.csv",)),
    ),
    *(
        Case(
            name=f"handed-in-{name}",
            build=_competition(name),
            expected=Reads(classes=_TWELVE, splits=None, left_out=4, says=("test",)),
        )
        for name in ("submission.csv", "my_submission_v3.csv", "sample_sub.csv", "predictions.csv")
    ),
    Case(
        name="answers-that-name-no-part",
        build=_competition("answers.csv"),
        expected=Reads(classes={"cat": 10, "dog": 6}, splits={"train": 12, "test": 4}, left_out=0),
    ),
)

"""The attacks in their short form, and what they would notice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.attack.campaign import attacks
from tests.attack.damage import damaged
from tests.attack.edits import edited, seal
from tests.attack.judging import crashed, different, ended_badly, names, refused
from tests.attack.kinds import KINDS
from tests.attack.state import Ended
from tests.attack.tasks import READING, Task

SHORT = {
    "kills": 8,
    "crowds": 3,
    "disks": 6,
    "caches": 6,
    "flips": 50,
    "records": 30,
    "servers": 4,
    "images": 1000,
    "archives": 60,
}
"""Attacks of each kind; about three minutes in all."""
TOLD = "skipwise: trained/run.json is damaged; remove it to start that part again."
SAYING, MAKING = Task(name="a", command=("report",), said=True), Task(name="b", command=("train",), files=("out/*",))


def ended(status: int | None, out: str = "", err: str = "", **files: bytes) -> Ended:
    return Ended(status, out, err, files, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHORT)
def test_a_few_attacks_of_each_kind(kind: str, shared: Path) -> None:
    root = shared / "attacked"
    root.mkdir(exist_ok=True)
    seen = list(attacks([kind], seed=0, root=root, count=SHORT[kind]))
    failed = [f"{each.what}: {each.failure}\n    {each.repeat}" for each in seen if each.failure]
    assert "\n".join(failed) == ""
    assert len(seen) == SHORT[kind]


def test_every_kind_has_a_short_form() -> None:
    assert set(SHORT) == set(KINDS)


def test_a_process_that_dies_has_failed_and_the_command_that_repeats_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import itertools, os\n"
        "from skipwise.data.scan import inspection as module\n"
        "before, looked = module.inspect_image, itertools.count()\n"
        "module.inspect_image = lambda *given: os.abort() if next(looked) == 2 else before(*given)\n"
    )
    paths = [str(tmp_path), *filter(None, sys.path)]
    result = subprocess.run(
        [sys.executable, "-m", "tests.attack", "--only", "images", "--seed", "7", "--count", "4"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stderr
    assert "4 images: 2 failed" in result.stdout
    for number in (1, 3):  # each process dies at its second image
        assert f"python -m tests.attack --only images --seed 7 --first {number} --count 1" in result.stdout


@pytest.mark.parametrize(
    ("end", "wrong"),
    [
        (ended(0), ""),
        (ended(2, err=TOLD), ""),
        (ended(2, err=f"Read.\n{TOLD}\n"), ""),
        (ended(2), "0 sentences"),
        (ended(2, err=f"{TOLD}\n{TOLD}"), "2 sentences"),
        (ended(2, err="skipwise: it can't be read (KeyError: 'x')."), "none for people"),
        (ended(1, err="Something."), "ended with 1: Something."),
        (ended(-11), "ended with -11"),
        (ended(None), "did not end"),
        (
            ended(1, err='Traceback (most recent call last):\n  File "/x/skipwise/a.py", line 3, in f\nKeyError: 1\n'),
            "A traceback at skipwise/a.py:3 in f: KeyError: 1",
        ),
    ],
)
def test_what_is_no_end_of_a_command_is_noticed(end: Ended, wrong: str) -> None:
    found = ended_badly(end)
    assert wrong in found
    assert bool(wrong) == bool(found)


def test_another_answer_is_noticed() -> None:
    assert different(ended(0, "a\nb"), ended(0, "a\nc"), SAYING) == "It said 'b', and not 'c'."
    assert different(ended(0, "a"), ended(0, "a"), SAYING) == ""
    assert different(ended(0, "a"), ended(0, ""), SAYING) == "It said 'a', and not ''."
    assert different(ended(0, x=b"1"), ended(0, x=b"1"), MAKING) == ""
    assert different(ended(0, x=b"2"), ended(0, x=b"1"), MAKING) == "x is another one."
    assert different(ended(0), ended(0, x=b"1"), MAKING) == "There is no x."
    assert different(ended(0, x=b"1", y=b""), ended(0, x=b"1"), MAKING) == "There is y, too."


def test_a_sentence_names_a_file_or_its_folder() -> None:
    assert names(TOLD, "trained/run.json")
    assert names(TOLD, "trained/weights.safetensors")
    assert not names(TOLD, "compared/plan.json")
    assert not names("skipwise: the training is damaged.", "trained/weights.safetensors")


def test_crashes_and_refusals_are_told_apart() -> None:
    assert crashed(ended(2, err=TOLD)) == refused(ended(2, err=TOLD)) == ""


@pytest.mark.parametrize("data", [b"", b"x", bytes(100), bytes(range(256)) * 40])
def test_damage_is_never_none_and_a_function_of_its_seed(data: bytes) -> None:
    made = [damaged(data, Random(seed)) for seed in range(300)]
    assert all(changed != data for changed, _ in made)
    assert made == [damaged(data, Random(seed)) for seed in range(300)]


def test_edits_are_sealed_as_skipwise_seals(tmp_path: Path) -> None:
    from skipwise.core.errors import SkipwiseError
    from skipwise.core.files.checksums import check_record, write_sealed

    record = tmp_path / "a.json"
    write_sealed(record, {"network": "resnet18", "seeds": [1, 2]})
    changed = False
    for seed in range(40):
        write_sealed(record, {"network": "resnet18", "seeds": [1, 2]})
        data, _ = edited(record.read_bytes(), Random(seed), tmp_path)
        record.write_bytes(data)
        if seal(record):
            check_record(record, mend="mend it")
            changed = True
    assert changed
    write_sealed(record, {"network": "resnet18"})
    record.write_bytes(record.read_bytes().replace(b"resnet18", b"resnet34"))
    with pytest.raises(SkipwiseError):
        check_record(record, mend="mend it")


def test_every_task_reads_what_is_damaged_before_it() -> None:
    for _, pattern, tasks in READING:
        assert tasks
        for task in tasks:
            assert pattern.split("/")[0] in task.reads, task.name
            assert task.files or task.said

"""Which folder a piece of work gets, where several processes look for one at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from skipwise.core.errors import Busy, SkipwiseError
from skipwise.core.files.checksums import write_sealed
from skipwise.core.files.locks import locked
from skipwise.core.workspace.folder_names import next_folder
from skipwise.core.workspace.task import Place, Task
from skipwise.core.workspace.workspace import Workspace


@dataclass(frozen=True)
class Asked:
    question: str

    def same_as(self, other: Asked) -> bool:
        return self == other

    def difference(self, other: Asked) -> str:
        return f"question is {other.question} there and {self.question} here"


WORKSPACE = Workspace(parent=Path("runs"), noun="work", plan_file="begun.json", results=("finished.json",), kind=Asked)


def find(question: str, name: str, **options: Any) -> tuple[Path, Asked | None]:
    place = Task(workspace=WORKSPACE, plan=Asked(question), name=name, **options).find()
    return place.folder, place.plan


WORK = """
import sys, time
from skipwise.core.files.checksums import write_sealed
from skipwise.core.workspace.task import Task
from tests.test_folders import WORKSPACE, Asked

from pathlib import Path
question, before, after, output = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
work = Asked(question)
named = Path(output[0]) if output else None
try:
    with Task(workspace=WORKSPACE, plan=work, name="pics", output=named).open() as place:
        folder, stored = place.folder, place.plan
        while before and not Path(before).exists():
            time.sleep(0.01)
        if stored is None:
            WORKSPACE.begin(folder, work)
        print(folder, "anew" if stored is None else "on", flush=True)
        time.sleep(after)
        write_sealed(folder / WORKSPACE.results[0], work)
except Exception as error:
    print(type(error).__name__, error, flush=True)
"""


def start(question: str, *, before: str = "", after: float = 0.0, output: str = "") -> subprocess.Popen[str]:
    """A process that works on something: it writes down what once there is a file called `before`, and goes on for so
    many seconds `after` that."""
    words = [question, before, str(after), *([output] if output else [])]
    return subprocess.Popen([sys.executable, "-c", WORK, *words], stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    with process:
        assert process.stdout is not None
        return process.stdout.read().strip()


def is_held(folder: Path) -> bool:
    try:
        with locked(folder) if folder.is_dir() else nullcontext():
            return False
    except Busy:
        return True


@contextmanager
def holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has made a folder, holds it, and has written nothing yet."""
    process = start("a", before="go")
    try:
        while not is_held(folder):
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        said(process)


@pytest.mark.usefixtures("here")
def test_different_commands_at_once_get_a_folder_each() -> None:
    processes = [start(question, after=0.5) for question in "abcd"]
    answers = {said(process) for process in processes}
    assert answers == {"runs/pics anew", "runs/pics-2 anew", "runs/pics-3 anew", "runs/pics-4 anew"}
    asked = {json.loads(path.read_text())["question"] for path in Path("runs").glob("*/begun.json")}
    assert asked == set("abcd")


@pytest.mark.usefixtures("here")
def test_of_the_same_command_at_once_all_but_one_say_where_it_runs() -> None:
    processes = [start("a", after=300) for _ in range(4)]
    while sum(process.poll() is None for process in processes) > 1:
        time.sleep(0.01)
    for process in processes:
        process.kill()
    answers = sorted(map(said, processes))
    busy = "Busy The same command is running already, in runs/pics; wait for it."
    assert answers == [busy, busy, busy, "runs/pics anew"]


@pytest.mark.usefixtures("here")
def test_one_that_dies_before_it_has_said_what_it_does_leaves_its_folder_to_the_next() -> None:
    with holding(Path("runs/pics")) as process:
        second = start("b")
        time.sleep(0.5)
        assert second.poll() is None  # it might be the same command
        process.kill()
        assert said(second) == "runs/pics anew"


@pytest.mark.usefixtures("here")
def test_a_folder_that_was_named_is_not_waited_for() -> None:
    with holding(Path("runs/pics")):
        assert said(start("b", output="runs/pics")).startswith("Busy Another Skipwise is working in runs/pics")


@pytest.mark.usefixtures("here")
def test_what_waits_says_so() -> None:
    notices: list[str] = []
    work = Asked("b")

    def notice(sentence: str) -> None:
        notices.append(sentence)
        Path("go").touch()

    task = Task(workspace=WORKSPACE, plan=work, name="pics", notice=notice)
    with holding(Path("runs/pics")), task.open() as place:
        assert place == Place(folder=Path("runs/pics-2"), plan=None, finished=False)
    assert notices == ["Another Skipwise begins in runs/pics; waiting until it has written down what it does."]


@pytest.mark.usefixtures("here")
def test_unfinished_work_is_found_under_the_name_that_its_images_had() -> None:
    for name, question, finished in (("old", "a", False), ("done", "a", True), ("other", "b", False)):
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        write_sealed(folder / "begun.json", Asked(question))
        if finished:
            write_sealed(folder / "finished.json", Asked(question))
    Path("runs/empty").mkdir()
    Path("runs/stranger").mkdir()
    Path("runs/stranger/thesis.txt").write_text("precious")
    Path("runs/file").write_text("in the way")
    notices: list[str] = []
    folder, stored = find("a", "new", notice=notices.append)
    assert (folder, stored) == (Path("runs/old"), Asked("a"))
    assert notices == ["runs/old was begun with the same images, when they had another name; it goes on."]
    # What is of the name comes first.
    write_sealed(Path("runs/old/finished.json"), Asked("a"))
    assert find("a", "done") == (Path("runs/done"), Asked("a"))
    assert find("b", "old") == (Path("runs/other"), Asked("b"))
    # What is finished is shown, under whatever name, unless it is to be done again or is not all that was asked for.
    notices.clear()
    assert find("a", "new", notice=notices.append) == (Path("runs/old"), Asked("a"))
    assert notices == ["runs/old was made of the same images, when they had another name."]
    assert find("a", "new", again=True) == (Path("runs/new"), None)
    assert find("a", "old", acceptable=lambda _: False) == (Path("runs/old-2"), None)


def work_in(name: str, question: str | None, *, finished: bool = False) -> Path:
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    for file in (["begun.json"] if question else []) + ["finished.json"] * finished:
        write_sealed(folder / file, Asked(question or ""))
    return folder


@pytest.mark.usefixtures("here")
def test_the_newest_that_is_finished_is_shown_unless_one_is_unfinished() -> None:
    work_in("pics", "a", finished=True)
    assert find("a", "pics") == (Path("runs/pics"), Asked("a"))
    assert find("a", "pics", again=True) == (Path("runs/pics-2"), None)
    work_in("pics-2", "a", finished=True)
    work_in("pics-3", "b", finished=True)
    assert find("a", "pics") == (Path("runs/pics-2"), Asked("a"))
    work_in("pics-4", None)  # nothing was written down before it was killed
    assert find("a", "pics") == (Path("runs/pics-2"), Asked("a"))
    assert find("a", "pics", again=True) == (Path("runs/pics-4"), None)
    # One that was begun to be made again goes on, whether that is said once more or not.
    work_in("pics-5", "a")
    for again in (False, True):
        assert find("a", "pics", again=again) == (Path("runs/pics-5"), Asked("a"))


@pytest.mark.usefixtures("here")
def test_a_finished_folder_that_was_named_is_not_written_over() -> None:
    folder = work_in("pics", "a", finished=True)
    assert find("a", "pics", output=folder) == (folder, Asked("a"))
    with pytest.raises(SkipwiseError, match="runs/pics holds work that is finished; to make another"):
        find("a", "pics", output=folder, again=True)
    (folder / "finished.json").unlink()
    assert find("a", "pics", output=folder, again=True) == (folder, Asked("a"))


@pytest.mark.usefixtures("here")
def test_damaged_finished_work_is_left_alone() -> None:
    folder = work_in("pics", "a", finished=True)
    (folder / "begun.json").write_text("{")
    assert find("a", "pics") == (Path("runs/pics-2"), None)


@pytest.mark.usefixtures("here")
def test_what_another_process_does_between_two_looks_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder comes when it has been looked for, and its terms when they have been."""

    def next_folder_late(parent: Path, name: str) -> Path:
        (parent / name).mkdir(parents=True, exist_ok=True)
        write_sealed(parent / name / "begun.json", Asked("a"))
        return next_folder(parent, name)

    with monkeypatch.context() as patch:
        patch.setattr("skipwise.core.workspace.task.next_folder", next_folder_late)
        assert find("a", "pics") == (Path("runs/pics"), Asked("a"))
    terms = Path("runs/pics/begun.json")
    content = terms.read_bytes()
    terms.unlink()
    is_dir = Path.is_dir

    def is_dir_late(path: Path) -> bool:
        if path == terms.parent:
            terms.write_bytes(content)
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", is_dir_late)
    assert find("a", "pics", output=Path("runs/pics")) == (Path("runs/pics"), Asked("a"))


def test_a_folder_that_can_not_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    task = Task(workspace=replace(WORKSPACE, parent=tmp_path / "file" / "runs"), plan=Asked("a"), name="pics")
    with pytest.raises(SkipwiseError, match=r"Can't write .*file/runs"), task.open():
        pass


@pytest.mark.usefixtures("here")
def test_there_is_nothing_to_resume_before_anything_was_begun() -> None:
    task = Task(workspace=WORKSPACE, plan=Asked("a"), name="pics", resume=True)
    with pytest.raises(SkipwiseError, match="There is nothing to resume for this work in runs; leave --resume out"):
        task.find()
    work_in("pics", "a")
    assert task.find() == Place(folder=Path("runs/pics"), plan=Asked("a"), finished=False)


@pytest.mark.usefixtures("here")
def test_a_workspace_that_overwrites_takes_a_named_folder_with_other_results() -> None:
    folder = work_in("pics", "b", finished=True)
    workspace = replace(WORKSPACE, overwrites=True)
    task = Task(workspace=workspace, plan=Asked("a"), name="pics", output=folder)
    assert task.find() == Place(folder=folder, plan=None, finished=False)
    assert replace(task, plan=Asked("b")).find().finished
    with pytest.raises(SkipwiseError, match="of another plan"):
        replace(task, workspace=WORKSPACE).find()


@pytest.mark.usefixtures("here")
def test_work_that_can_not_be_renamed_is_looked_for_under_its_name_only() -> None:
    work_in("old", "a", finished=True)
    task = Task(workspace=replace(WORKSPACE, renamable=False), plan=Asked("a"), name="new")
    assert task.find().folder == Path("runs/new")
    assert replace(task, workspace=WORKSPACE).find().folder == Path("runs/old")

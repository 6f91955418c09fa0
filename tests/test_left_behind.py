"""Kills at any moment, the same command several times at once, and finished work in folders that can't be written."""

from __future__ import annotations

import fcntl
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic, clear_leftovers, write_text
from skipwise.core.files.locks import locked
from skipwise.deploy.export.export import export
from tests.processes import Command, run
from tests.test_surroundings import SMALL

WRITE = """
import sys, time
from pathlib import Path
from skipwise.core.files.atomic import atomic
with atomic(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def made(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, a run of them and an artifact of it."""
    return Path(shutil.copytree(small, tmp_path_factory.mktemp("made"), dirs_exist_ok=True))


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".") and path.name.endswith(".tmp"))


def test_what_a_killed_process_was_writing_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "table[1].csv"
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    names = [process.stdout.readline().rstrip() for process in processes if process.stdout is not None]
    assert hidden(tmp_path) == sorted(names)
    killed, living = processes
    killed.kill()
    killed.wait()
    write_text(tmp_path / "other.csv", "has nothing to do with it")
    assert len(hidden(tmp_path)) == 2
    write_text(path, "whole")
    assert hidden(tmp_path) == names[1:]
    (tmp_path / ".somebodys.tmp").touch()
    (tmp_path / ".a folder.7.tmp").mkdir()
    living.kill()
    living.wait()
    clear_leftovers(tmp_path)
    assert hidden(tmp_path) == [".a folder.7.tmp", ".somebodys.tmp"]
    assert path.read_text() == "whole"
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()


def test_a_lock_whose_file_is_removed_meanwhile_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening and holding it, whoever had the folder may remove it, and somebody else make it again."""
    lock, hold = tmp_path / ".lock", fcntl.flock

    def late(file: IO[str], how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", hold)
        lock.unlink()
        lock.touch()
        hold(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(tmp_path), pytest.raises(SkipwiseError, match="Another Skipwise"), locked(tmp_path):
        pass


def test_a_failed_write_that_can_not_be_removed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        with atomic(tmp_path / "a.txt"):
            monkeypatch.setattr(Path, "unlink", denied)
            raise OSError(28, "No space left on device")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(SkipwiseError, match=r"the disk is full.*\.a\.txt\.\d+\.tmp can't be removed either"):
        fail()


@pytest.mark.slow
@pytest.mark.parametrize("output", [["-o", "artifact"], []], ids=["named", "next"])
def test_of_the_same_export_at_once_one_works_and_the_others_wait_and_show_its_result(
    output: list[str], made: Path, tmp_path: Path
) -> None:
    commands = [Command("export", made / "run", *output, cwd=tmp_path) for _ in range(5)]
    other = Command("export", made / "run", "--format", "torch", "-o", "other", cwd=tmp_path)
    said = [command.communicate() for command in commands]
    _, other_said = other.communicate()
    assert [command.returncode for command in (*commands, other)] == [0] * 6, (said, other_said)
    assert sum("holds this already" in out for out, _ in said) == 4
    assert len({line for out, _ in said for line in out.splitlines() if line.startswith("Artifact:")}) == 1
    assert any("waiting for it." in err for _, err in said)
    assert "waiting" not in other_said
    parent = tmp_path if output else tmp_path / "runs" / "export"
    assert hidden(parent) == []
    assert len([path for path in parent.iterdir() if path.name not in ("other", "runs")]) == 1


@pytest.mark.slow
def test_killed_exports_leave_nothing_that_the_next_does_not_remove(made: Path, tmp_path: Path) -> None:
    kill_exports(made, tmp_path, random.Random(0), kills=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_exports_killed_at_many_moments(made: Path, tmp_path: Path, seed: int) -> None:
    kill_exports(made, tmp_path, random.Random(seed), kills=10)


def test_what_only_looks_like_a_leftover_is_not_touched(made: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (precious / "artifact").mkdir(parents=True)
    (precious / "artifact" / "thesis.txt").write_text("mine")
    (tmp_path / ".skipwise-0123456789abcdef.tmp").symlink_to(precious)
    (tmp_path / ".skipwise-somebodys.tmp").mkdir()
    (tmp_path / ".skipwise-somebodys.tmp" / "thesis.txt").write_text("mine")
    (tmp_path / ".skipwise-left.tmp" / "artifact").mkdir(parents=True)
    export(made / "run", format="torch", output=tmp_path / "made")
    assert hidden(tmp_path) == [".skipwise-0123456789abcdef.tmp", ".skipwise-somebodys.tmp"]
    assert (precious / "artifact" / "thesis.txt").exists()


def kill_exports(made: Path, folder: Path, rng: random.Random, *, kills: int) -> None:
    """Kills exports once they have begun, in two formats; then another one is made, and nothing else is there."""
    left = 0
    for number in range(kills):
        form = rng.choice(["onnx", "torch"])
        command = Command("export", made / "run", "--format", form, "-o", f"{form}-{number}", cwd=folder)
        while not hidden(folder) and command.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.random())
        command.send_signal(signal.SIGKILL)
        command.communicate()
        if not (folder / f"{form}-{number}").exists():
            left += len(hidden(folder))
    assert left > 0  # the kills came in time
    made_last = export(made / "run", format="torch", output=folder / "last")
    assert hidden(folder) == []
    assert sorted(path.name for path in made_last.folder.iterdir()) == ["artifact.json", "golden", "model.pt2"]


def read_only(folder: Path) -> None:
    """A mount that can't be written, or the end of the test: root goes by no permission bits."""
    if subprocess.run(["mount", "--bind", "-o", "ro", folder, folder], capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")


def released(folder: Path) -> None:
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def finished(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, an artifact, answers and an audit, in a folder that can't be written."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(made, folder, dirs_exist_ok=True)
    for verb in (["predict", "artifact", "pics", "-o", "answers.csv"], ["audit", "pics", "-o", "audit"]):
        assert run(*verb, cwd=folder).returncode == 0
    (folder / "half.csv").write_bytes((folder / "answers.csv").read_bytes()[:-9])
    for record in ("json", "sums"):
        shutil.copy(folder / f".answers.csv.skipwise.{record}", folder / f".half.csv.skipwise.{record}")
    return folder


TRAIN = ["train", "pics", "--model", "plain20", *SMALL, "-o"]


def test_finished_work_is_shown_from_a_folder_that_can_not_be_written(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    read_only(finished)
    try:
        for verb, said in (
            ([*TRAIN, "run"], "run is finished already; this is its result."),
            (["export", "run", "-o", "artifact"], "artifact holds this already."),
            (["predict", "artifact", "pics", "-o", "answers.csv"], "answers.csv is finished already"),
            (["audit", "pics", "-o", "audit"], "Record: audit/audit.json"),
        ):
            ended = run(*verb, cwd=finished)
            assert (ended.returncode, said in ended.stdout) == (0, True), ended
            # Where the cache can't be written either, the images are looked at anew.
            if verb[0] == "train":
                ended = run(*verb, cwd=finished, env={"SKIPWISE_CACHE": str(finished / "cache")})
                assert (ended.returncode, said in ended.stdout) == (0, True), ended
        for verb, said in (
            ([*TRAIN, "new"], "Can't write new: the file system is read-only;"),
            ([*TRAIN, "run", "--seed", "1"], "run holds a run of another plan (seed is 0 there and 1 here);"),
            (["predict", "artifact", "pics", "-o", "half.csv"], "half.csv is unfinished, and can't be written;"),
            (["verify", "artifact", "pics"], "Can't write artifact: the file system is read-only;"),
        ):
            ended = run(*verb, cwd=finished)
            assert (ended.returncode, said in ended.stderr) == (2, True), ended
    finally:
        released(finished)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


@pytest.mark.slow
def test_a_closed_terminal_ends_a_run_as_ctrl_c_does_unless_it_is_told_to_stay(made: Path, tmp_path: Path) -> None:
    options = [*SMALL, "--epochs", "400", "-o"]
    command = Command("train", made / "pics", "--model", "plain20", *options, tmp_path / "long", cwd=tmp_path)
    while not list((tmp_path / "long").glob("resume*")) and command.poll() is None:
        time.sleep(0.05)
    command.send_signal(signal.SIGHUP)
    _, err = command.communicate()
    assert (command.returncode, "Stopped. What is finished is kept" in err) == (128 + signal.SIGHUP, True), err
    stayed = Command("models", "plain20", cwd=tmp_path, prepare=ignore_hangups)
    stayed.send_signal(signal.SIGHUP)
    stayed.communicate()
    assert stayed.returncode in (0, -signal.SIGHUP)  # it may come before the process has begun


def ignore_hangups() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

"""Files are whole or absent, and one process at a time works in a folder."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from skipwise.core.errors import Busy, SkipwiseError, unknown_name
from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.folders import make_folder
from skipwise.core.files.json_records import as_json, read_json, write_json
from skipwise.core.files.locks import locked


@dataclass(frozen=True)
class Record:
    name: str
    values: tuple[float, ...]


def test_records_survive_the_file_and_give_the_same_bytes(tmp_path: Path) -> None:
    record = Record("ä", (0.1, 1e-300, 3.0))
    write_json(tmp_path / "a.json", record)
    write_json(tmp_path / "b.json", read_json(tmp_path / "a.json", Record))
    assert read_json(tmp_path / "a.json", Record) == record
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


NESTED = pytest.param('{"x": ' + "[" * 10**5 + "]" * 10**5 + "}", id="nested")


@pytest.mark.parametrize("text", ["", NESTED, '{"name": "a"', '{"name": 3, "values": []}', '{"values": []}', "[]"])
def test_damaged_records_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SkipwiseError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json", Record)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_name_that_is_not_utf8_survives(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    write_text(tmp_path / "a.txt", name)
    assert (tmp_path / "a.txt").read_bytes() == b"caf\xe9"


def test_a_record_keeps_a_path_that_is_not_utf8(tmp_path: Path) -> None:
    record = Record(b"caf\xe9".decode("utf-8", "surrogateescape"), (0.1,))
    write_json(tmp_path / "a.json", record)
    assert (tmp_path / "a.json").read_text(encoding="utf-8").startswith('{\n "name": "caf\\udce9"')
    assert read_json(tmp_path / "a.json", Record) == record
    assert as_json(record) == '{"name": "caf\\udce9", "values": [0.1]}'


def test_a_folder_is_locked_until_the_process_ends(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, time, skipwise.core.files.locks as f\n"
            "with f.locked(pathlib.Path(sys.argv[1])):\n"
            "    print('held', flush=True)\n"
            "    time.sleep(60)",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SkipwiseError, match="Another Skipwise is working in"), locked(tmp_path):
            pass
        holder.kill()
    with locked(tmp_path):
        pass


def test_a_folder_below_a_file_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SkipwiseError, match="a part of that path is a file"):
        make_folder(tmp_path / "file" / "folder")


def test_the_nearest_name_is_suggested_or_all_are_listed() -> None:
    assert "did you mean 'apple'?" in str(unknown_name("fruit", "aple", ["apple", "pear"]))
    assert "choose from apple, pear." in str(unknown_name("fruit", "xyz", ["pear", "apple"]))


def test_whoever_waited_for_a_folder_that_was_removed_holds_the_one_that_is_there_now(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(FileNotFoundError), locked(folder):
        raise FileNotFoundError  # what happens inside is nobody's business

    def replaced() -> None:
        if not (tmp_path / "old").exists():
            folder.rename(tmp_path / "old")
            folder.mkdir()
            holding.close()

    holding = contextlib.ExitStack()
    holding.enter_context(locked(folder))
    with locked(folder, waiting=replaced), pytest.raises(Busy), locked(folder):
        pass

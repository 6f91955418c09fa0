"""Folders in which somebody put links and pipes where Skipwise writes: nothing hangs or is written elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic, clear_leftovers, write_text
from skipwise.core.files.locks import locked
from skipwise.core.files.regular import APPENDING, open_own
from skipwise.data.cache.rows import RowWriter as PixelFile
from tests.conftest import Shipped
from tests.processes import run
from tests.resealing import pictures

PRECIOUS = "nobody but its owner writes here"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "precious"
    path.parent.mkdir()
    path.write_text(PRECIOUS)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("images") / "pics", count=3)


@pytest.fixture
def artifact(shipped: Shipped) -> Path:
    return shipped("onnx")


@pytest.fixture(scope="module")
def answered(shipped: Shipped, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the answers for the images in answers.csv, and what is kept beside them; to be copied."""
    folder = tmp_path_factory.mktemp("answered")
    whole = run("predict", shipped("onnx"), images, "-o", folder / "answers.csv", cwd=folder)
    assert whole.returncode == 0, whole
    return folder


def link(path: Path, precious: Path) -> None:
    path.symlink_to(precious)


def dangling(path: Path, precious: Path) -> None:
    path.symlink_to(precious.with_name("not there"))


def pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def device(path: Path, _: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path, _: Path) -> None:
    path.mkdir()


PLANTED: list[Callable[[Path, Path], None]] = [link, dangling, pipe, device, folder]


def untouched(precious: Path) -> bool:
    return precious.read_text() == PRECIOUS and [each.name for each in precious.parent.iterdir()] == ["precious"]


@pytest.mark.parametrize("plant", PLANTED)
def test_a_file_of_our_own_is_opened_only_where_nothing_else_was_put(
    plant: Callable[[Path, Path], None], tmp_path: Path, precious: Path
) -> None:
    plant(tmp_path / ".own", precious)
    with pytest.raises(OSError, match=r"\.own is in the way, a \w+ that Skipwise did not make; remove it"):
        open_own(tmp_path / ".own", APPENDING)
    with pytest.raises(FileExistsError):
        open_own(tmp_path / ".own", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    assert untouched(precious)


def test_nobody_can_foresee_a_temporary_name(tmp_path: Path, precious: Path) -> None:
    """Of process ids there are so few that a foreign folder can hold a link for each."""
    for number in range(os.getpid() - 50, os.getpid() + 50):
        (tmp_path / f".table.csv.{number}.tmp").symlink_to(precious)
    names = set()
    for text in ("a", "b"):
        with atomic(tmp_path / "table.csv") as temporary:
            names.add(temporary.name)
            temporary.write_text(text)
    assert len(names) == 2
    assert (tmp_path / "table.csv").read_text() == "b"
    assert not (tmp_path / "table.csv").is_symlink()
    clear_leftovers(tmp_path)
    assert untouched(precious)


@pytest.mark.parametrize("plant", PLANTED)
def test_what_is_in_the_way_of_a_temporary_file_is_passed_by(
    plant: Callable[[Path, Path], None], tmp_path: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / ".a.txt.7.tmp", precious)
    numbers = iter([7, 8])
    monkeypatch.setattr("skipwise.core.files.atomic.secrets.randbelow", lambda _: next(numbers))
    write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert untouched(precious)


@pytest.mark.parametrize("plant", PLANTED)
def test_a_lock_that_is_none_is_named_by_audit(
    plant: Callable[[Path, Path], None], tmp_path: Path, images: Path, precious: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plant(out / ".lock", precious)
    result = run("audit", images, "-o", out, cwd=tmp_path)
    assert result.returncode == 2, result
    assert ".lock is in the way" in result.stderr
    assert [each.name for each in out.iterdir()] == [".lock"]
    assert untouched(precious)
    with pytest.raises(SkipwiseError, match="in the way"), locked(out):
        pass


@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun"])
@pytest.mark.parametrize("which", ["json", "sums"])
def test_what_lies_beside_a_file_of_answers_leads_nowhere(
    which: str,
    begun: bool,
    plant: Callable[[Path, Path], None],
    tmp_path: Path,
    artifact: Path,
    images: Path,
    answered: Path,
    precious: Path,
) -> None:
    out = tmp_path / "out" / "answers.csv"
    if begun:
        shutil.copytree(answered, out.parent)
        out.write_bytes(out.read_bytes()[:-5])
        out.with_name(f".answers.csv.skipwise.{which}").unlink()
    else:
        out.parent.mkdir()
    plant(out.with_name(f".answers.csv.skipwise.{which}"), precious)
    result = run("predict", artifact, images, "-o", out, cwd=tmp_path)
    assert result.returncode in (0, 2), result
    assert "Traceback" not in result.stderr
    if result.returncode == 2:
        assert ".answers.csv.skipwise." in result.stderr or "exists already" in result.stderr, result.stderr
    assert untouched(precious)


def test_a_file_of_answers_may_be_a_link_but_not_to_nothing(
    tmp_path: Path, artifact: Path, images: Path, precious: Path
) -> None:
    big = tmp_path / "big disk.csv"
    big.touch()
    (tmp_path / "answers.csv").symlink_to(big)
    assert run("predict", artifact, images, "-o", tmp_path / "answers.csv", cwd=tmp_path).returncode == 0
    assert len(big.read_text().splitlines()) == 10
    dangling(tmp_path / "more.csv", precious)
    result = run("predict", artifact, images, "-o", tmp_path / "more.csv", cwd=tmp_path)
    assert result.returncode == 2
    assert "is a link to a file that is not there" in result.stderr
    assert untouched(precious)


@pytest.mark.parametrize("plant", PLANTED)
def test_rows_of_pixels_are_written_nowhere_else(
    plant: Callable[[Path, Path], None], tmp_path: Path, precious: Path
) -> None:
    plant(tmp_path / "rows", precious)
    with pytest.raises(OSError, match="in the way"):
        PixelFile(tmp_path / "rows", (2, 3)).begin()
    assert untouched(precious)

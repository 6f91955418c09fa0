"""Links, pipes, devices and results among the images: named, or left out with a word, and never waited for."""

from __future__ import annotations

import csv
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.regular import open_regular, read_regular
from skipwise.deploy.predict.inputs import Inputs
from tests.conftest import Run, make_photos
from tests.processes import Command

MOST_SECONDS = 60
"""For a command that has next to nothing to do."""


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def kernels(path: Path) -> None:
    """Where this process may read it, it waits for the kernel's next message, and says that it is a regular file."""
    path.symlink_to("/proc/kmsg")


def plug(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's name may be no longer than 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


SPECIAL: list[Callable[[Path], None]] = [pipe, device, terminal, kernels, plug]


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    settings = {"epochs": 1, "width": 0.125, "img_size": 16, "precision": "fp32", "compile": False}
    return skipwise.train(photos, output=folder, **settings).folder


@pytest.mark.parametrize("make", SPECIAL)
def test_what_is_no_file_on_a_disk_is_not_opened(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "x")
    for read in (open_regular, lambda path: read_regular(path, 10)):
        with pytest.raises(OSError, match="not a file"):
            read(tmp_path / "x")


def test_a_regular_file_is_read_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    (tmp_path / "y").symlink_to("x")
    assert read_regular(tmp_path / "y", 5) == b"12345"
    with open_regular(tmp_path / "y") as file:
        assert file.read() == b"12345"
    with pytest.raises(OSError, match="at most 0 are read"):
        read_regular(tmp_path / "y", 4)
    (tmp_path / "x").write_bytes(b"")
    assert read_regular(tmp_path / "x", 5) == b""
    with open_regular(tmp_path / "x") as file:
        assert file.read() == b""
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 5)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "z", 5)


def odd(root: Path) -> list[str]:
    """Puts among pictures what can't be read; its names."""
    made = []
    for make in SPECIAL:
        make(root / "stripes0" / f"{make.__name__}.png")
        made.append(f"stripes0/{make.__name__}.png")
    for name, target in (("self", "self.png"), ("one", "other.png"), ("other", "one.png"), ("gone", "nowhere")):
        (root / "stripes1" / f"{name}.png").symlink_to(target)
        made.append(f"stripes1/{name}.png")
    (root / "stripes1" / "loop").symlink_to("loop")  # no picture by its name
    (root / "stripes1" / "up").symlink_to("..")
    return made


def test_predict_names_what_it_cannot_read_and_answers_the_rest(run: Path, tmp_path: Path, cli: Run) -> None:
    root = make_photos(tmp_path / "p", per_class=4)
    made = odd(root)
    deep = root / "stripes2" / "/".join("d" * 120)
    deep.mkdir(parents=True)
    done = cli("predict", run, "p", "-o", "answers.csv")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    rows = list(csv.DictReader((tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()))
    errors = {row["path"]: row["error"] for row in rows if row["error"]}
    assert len(rows) - len(errors) == 12
    assert {f"p/{name}" for name in made} < errors.keys()
    assert errors["p/stripes1/self.png"] == errors["p/stripes1/one.png"] == "too many levels of symbolic links"
    assert errors["p/stripes0/pipe.png"] == "it is a pipe, not a file"
    assert [errors[name] for name in errors if "/d/d/d/" in name] == ["it is nested in more than 100 folders"]


def test_audit_and_train_leave_out_what_is_no_file_and_name_broken_links(tmp_path: Path, cli: Run) -> None:
    root = make_photos(tmp_path / "p", per_class=8)
    for name in (made := odd(root)):
        if name.startswith("stripes1"):
            (root / name).unlink()
    done = cli("audit", "p", "-o", "audit")
    assert done.returncode == 0, done.stderr
    assert "Left out: 5 pictures (in stripes0/)." in done.stderr
    short = ["--epochs", "1", "--width", "0.25", "--img-size", "16", "--precision", "fp32", "--no-compile"]
    done = cli("train", "p", "-o", "run", *short)
    assert done.returncode == 0, done.stderr
    assert "Left out: 5 pictures" in done.stderr
    (root / made[-1]).symlink_to("nowhere")
    done = cli("audit", "p", "-o", "second")
    assert (done.returncode, f"{made[-1]} (no such file or directory)" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("name", [".csv", ".zip", ".tar", ".tar.gz", ".png", ".json", ".npz", ".xlsx", ".parquet", ""])
@pytest.mark.parametrize("make", [pipe, kernels])
def test_no_verb_waits_for_what_it_is_given(
    run: Path, make: Callable[[Path], None], name: str, tmp_path: Path, cli: Run
) -> None:
    make(tmp_path / f"x{name}")
    for command in (["audit", f"x{name}"], ["predict", run, f"x{name}"]):
        done = cli(*command)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


@pytest.mark.parametrize("make", [pipe, device, kernels])
def test_a_table_that_lists_what_is_no_file(make: Callable[[Path], None], tmp_path: Path, cli: Run) -> None:
    make_photos(tmp_path / "p", per_class=8)
    make(tmp_path / "p" / "x.png")
    names = [f"stripes{label}/{number:03d}" for label in range(3) for number in range(8)]
    rows = [f"{name}.{'jpg' if int(name[-1]) % 2 else 'png'},{name[:8]}" for name in names]
    (tmp_path / "p" / "list.csv").write_text("\n".join(["path,label", *rows, "x.png,stripes0", ""]))
    done = cli("audit", "p/list.csv", "-o", "audit")
    assert (done.returncode, "x.png" in done.stderr) == (2, True), done.stderr


def test_a_file_called_like_a_record_of_ours_hides_nothing(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=4)
    for name, record in (("artifact", "{}"), ("run", "no json"), ("audit", ""), ("plan", "[" * 100_000)):
        (root / "stripes0" / f"{name}.json").write_text(record)
        (root / f"{name}.json").write_text(record)
    (root / "stripes1" / "golden").mkdir()
    (root / "stripes1" / "002.png").rename(root / "stripes1" / "golden" / "002.png")
    (root / "stripes1" / "artifact.json").write_text('{"version": 1, "golden": [{"file": "golden/002.png"}]}')
    inputs = Inputs([root])
    assert (inputs.count, len(list(inputs.images())), inputs.left_out, inputs.notes) == (12, 12, 9, [])
    source = skipwise.open_images(root)
    assert (len(source.ids), "Left out" in source.reading) == (12, False)


def test_an_artifact_among_the_images_is_left_out_and_that_is_said(run: Path, tmp_path: Path, cli: Run) -> None:
    root = make_photos(tmp_path / "p", per_class=8)
    made = skipwise.export(run, format="torch", output=root / "stripes0" / "shipped")
    (made.folder / "golden" / "mine.png").write_bytes((root / "stripes0" / "000.png").read_bytes())
    inputs = Inputs([root])
    assert inputs.count == len(list(inputs.images())) == 25
    (note,) = inputs.notes
    assert "stripes0/shipped/ is an artifact that Skipwise exported; its 6 golden images are left out." in note
    done = cli("predict", run, "p", "--format", "csv")
    assert (done.returncode, done.stdout.count("\n")) == (0, 26), done.stderr
    assert "its 6 golden images are left out" in done.stderr
    source = skipwise.open_images(root)
    assert len(source.ids) == 25
    assert "Left out: 6 pictures (in stripes0/shipped/golden/)." in source.reading
    # Given by itself it is what is asked for.
    assert Inputs([made.folder]).count == 7


def test_devices_are_no_images(run: Path, cli: Run) -> None:
    for name in ("/dev/zero", "/dev/null", "/proc/kmsg"):
        done = cli("predict", run, name)
        assert (done.returncode, "not a file" in done.stderr) == (2, True), done.stderr
        with pytest.raises(SkipwiseError):
            skipwise.open_images(name)


@pytest.mark.slow
@pytest.mark.parametrize("make", [pipe, kernels])
def test_no_option_and_no_record_is_waited_for(
    run: Path, photos: Path, make: Callable[[Path], None], tmp_path: Path
) -> None:
    made = skipwise.export(run, format="onnx", output=tmp_path / "shipped")
    for name in ("x.json", "x.csv", "x.pt", "x.safetensors"):
        make(tmp_path / name)
    for folder, name in (("of a run", "run.json"), ("of an artifact", "artifact.json"), ("of a model", "model.onnx")):
        shutil.copytree(run if "run" in folder else made.folder, tmp_path / folder)
        (tmp_path / folder / name).unlink()
        make(tmp_path / folder / name)
    for command in (
        ["train", photos, "--exclude", "x.json"],
        ["train", photos, "--split", "x.csv"],
        ["train", photos, "--init", "x.pt"],
        ["train", photos, "--init", "x.safetensors"],
        ["train", photos, "--init", "of a run"],
        ["audit", photos, "--run", "of a run"],
        ["export", "of a run"],
        ["export", "x.pt", "--model", "resnet18", "--classes", "a,b,c"],
        ["predict", "of a run", photos],
        ["predict", "of an artifact", photos],
        ["predict", "of a model", photos],
        ["verify", "of an artifact"],
        ["verify", "of a model"],
        ["verify", made.folder, "x.csv"],
        ["verify", made.folder, "--run", "x.pt"],
        ["recommend", "of a run", "--costs", "x.json"],
    ):
        process = Command(*command, cwd=tmp_path)
        _, said = process.communicate(MOST_SECONDS)
        assert (process.returncode, "Traceback" in said) == (2, False), (command, said)

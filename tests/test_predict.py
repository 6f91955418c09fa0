"""Predicting: the same pixels as in training, files that survive every kill, flat memory, one sentence per mistake."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.data.image.preprocess import Preprocessing, fit_square
from skipwise.data.scan.inspection import PixelFormat
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.deploy.export.export import export
from skipwise.deploy.predict.answer_file import RowFile
from skipwise.deploy.predict.answers import Answer
from skipwise.deploy.predict.decoding import JOB, InputImage, decoded
from skipwise.deploy.predict.inputs import Inputs
from skipwise.deploy.predict.predict import PredictionJob
from skipwise.deploy.predict.predictor import Predictor
from skipwise.deploy.runtime.run_session import RunSession
from skipwise.deploy.trained.trained_network import network_of_run
from tests.conftest import Run
from tests.processes import Command
from tests.test_cli import call
from tests.test_sources import tarred, zipped


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    folder = tmp_path_factory.mktemp("run") / "run"
    settings = {"epochs": 1, "width": 0.125, "img_size": 32, "precision": "fp32", "compile": False}
    return skipwise.train(photos, model="resnet18", output=folder, **settings).folder


@pytest.fixture(scope="module")
def artifact(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    return export(run, format="openvino", output=tmp_path_factory.mktemp("artifact") / "shipped").folder


class Made:
    """A `Session` whose answers depend on the pixels, and on all that they are computed together with."""

    classes = ("a", "b, c", 'd "e"')
    preprocessing = Preprocessing(size=8, channels=3, mean=(0, 0, 0), std=(1, 1, 1))
    identity = "made"

    def __init__(self) -> None:
        self.shapes: list[int] = []

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        self.shapes.append(len(pixels))
        scores = pixels.mean(axis=(1, 2)) / 16 + pixels.mean() / 50 * np.arange(3) + len(pixels)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)

    predict_pixels = predict_resized


def prediction(
    *inputs: str | Path, session: Made | None = None, batch_size: int = 4, **changed: object
) -> PredictionJob:
    predictor = Predictor(session or Made(), batch_size=batch_size, workers=2)
    made = PredictionJob(predictor=predictor, inputs=Inputs(inputs), top=1, probabilities=False)
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.fixture
def pile(photos: Path, tmp_path: Path) -> Path:
    """22 images, three of which can't be read, in folders whose names sort otherwise than their paths."""
    sources = sorted(photos.rglob("*.*"))
    root = tmp_path / "pile"
    for number in range(22):
        path = root / ("a", "a-b", "a/b/c", "d")[number % 4] / f"{number:02d}{sources[number].suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no image" if number in (0, 9, 21) else sources[number].read_bytes())
    return root


@pytest.mark.parametrize("batch_size", [5, 36, 100])
def test_a_run_answers_as_it_was_evaluated(run: Path, photos: Path, batch_size: int) -> None:
    reference = RunSession(network_of_run(run))
    answers = list(skipwise.predict(run, photos, top=3, batch_size=batch_size))
    paths = sorted(photos.rglob("*.*"))
    assert [answer.path for answer in answers] == list(map(str, paths))
    pixels = np.stack([fit_square(decode(path.read_bytes(), channels=3), 32) for path in paths])
    for answer, expected in zip(answers, reference.predict_resized(pixels), strict=True):
        order = np.argsort(-expected)
        assert answer.classes == tuple(reference.classes[index] for index in order)
        np.testing.assert_allclose(answer.probabilities, expected[order], atol=1e-5)
        assert answer.error is None


def test_an_artifact_answers_as_its_run(run: Path, artifact: Path, photos: Path) -> None:
    files = sorted(photos.rglob("*.*"))[:9]
    ours = list(skipwise.predict(artifact, files, top=3, batch_size=4))
    for one, other in zip(ours, skipwise.predict(run, files, top=3), strict=True):
        assert one.path == other.path
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-4)


def test_folders_are_searched_in_the_order_of_whole_paths_and_archives_give_the_same(
    artifact: Path, pile: Path, tmp_path: Path
) -> None:
    for extra in ("notes.txt", "d/list.csv", ".hidden/x.png", "d/.y.png", "__MACOSX/z.png"):
        (pile / extra).parent.mkdir(exist_ok=True)
        (pile / extra).write_bytes(b"")
    (pile / "d" / "loop").symlink_to(pile)
    (pile / "shipped" / "golden").mkdir(parents=True)
    (pile / "shipped" / "artifact.json").write_bytes((artifact / "artifact.json").read_bytes())
    golden = pile / "shipped" / read_artifact(artifact).golden[0].file
    golden.write_bytes(b"")
    inputs = Inputs([pile])
    names = [image.name for image in inputs.images()]
    assert names == sorted(names)
    assert len(names) == inputs.count == 22
    assert inputs.left_out == 3
    (pile / "d" / "loop").unlink()
    golden.unlink()
    expected = {name.removeprefix(f"{pile}/") for name in names}
    plain = {
        answer.path: answer.probabilities for answers in prediction(pile, batch_size=1).batches() for answer in answers
    }
    for path in (zipped(pile, tmp_path / "p.zip"), tarred(pile, tmp_path / "p.tar"), tarred(pile, tmp_path / "p.tgz")):
        answers = [answer for batch in prediction(path, batch_size=1).batches() for answer in batch]
        assert {answer.path.removeprefix(f"{path}/pile/") for answer in answers} == expected
        for answer in answers:
            assert answer.probabilities == plain[str(pile / answer.path.removeprefix(f"{path}/pile/"))]


def test_batches_have_few_shapes(photos: Path) -> None:
    files = sorted(photos.rglob("*.*"))
    for count, shapes in ((1, [1]), (3, [3]), (4, [4]), (10, [4, 4, 4])):
        session = Made()
        answers = [answer for batch in prediction(*files[:count], session=session).batches() for answer in batch]
        assert (session.shapes, len(answers)) == (shapes, count)


def test_rows_hold_any_name_and_any_error(photos: Path, here: Path) -> None:
    data = next(photos.rglob("*.png")).read_bytes()
    odd = ["plain.png", 'comma, "quote".png', "line\nbreak.png", "ümlaut.png", os.fsdecode(b"caf\xe9.png"), "torn.png"]
    (here / "odd").mkdir()
    for name in odd:
        (here / "odd" / name).write_bytes(data[:200] if name == "torn.png" else data)
    work = prediction("odd", top=2, probabilities=True)
    work.into(here / "x.csv", "csv")
    work.into(here / "x.jsonl", "jsonl")
    with (here / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    objects = [json.loads(line) for line in (here / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    names = ["odd/caf\\xe9.png", 'odd/comma, "quote".png', "odd/line\\nbreak.png", "odd/plain.png", "odd/torn.png"]
    assert [row["path"] for row in rows] == [*names, "odd/ümlaut.png"] == [each["path"] for each in objects]
    assert list(rows[0]) == [
        "path", "class", "probability", "class_2", "probability_2", "error", "p_a", "p_b, c", 'p_d "e"'
    ]  # fmt: skip
    for row, each in zip(rows, objects, strict=True):
        if row["path"] == "odd/torn.png":
            assert row["error"] == each.pop("error") != ""
            assert set(each) == {"path"}
            assert not any(row[name] for name in row if name not in ("path", "error"))
            continue
        assert (
            row["class"]
            == each["class"]
            == each["top"][0][0]
            == max(each["probabilities"], key=each["probabilities"].get)
        )
        assert float(row["probability"]) == each["probability"] == each["top"][0][1]
        assert (row["class_2"], float(row["probability_2"])) == tuple(each["top"][1])
        assert {name: float(row[f"p_{name}"]) for name in Made.classes} == each["probabilities"]
        assert sum(each["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["error"] == ""


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_cut_off_anywhere_it_ends_with_the_same_bytes(pile: Path, tmp_path: Path, kind: str) -> None:
    whole, cut = tmp_path / "whole" / f"x.{kind}", tmp_path / "cut" / f"x.{kind}"
    first = prediction(pile).into(whole, kind)  # type: ignore[arg-type]
    assert (first.images, first.unreadable, first.repeated) == (22, 3, False)
    expected = whole.read_bytes()
    assert expected.count(b"\n") == 22 + (kind == "csv")
    cut.parent.mkdir()
    ends = [position for position, byte in enumerate(expected) if byte == ord("\n")]
    for length in sorted({0, 9, *(end + more for end in ends for more in (0, 1, 30) if end + more <= len(expected))}):
        cut.write_bytes(expected[:length])
        for kind_of_record in ("json", "sums"):
            name = f".{cut.name}.skipwise.{kind_of_record}"
            cut.with_name(name).write_bytes(whole.with_name(name).read_bytes())
        again = prediction(pile).into(cut, kind)  # type: ignore[arg-type]
        assert cut.read_bytes() == expected, length
        assert again == replace(first, file=cut, repeated=length == len(expected))


def test_what_is_finished_is_not_done_again_and_whole_batches_are_not_either(pile: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    prediction(pile).into(path, "csv")
    session = Made()
    again = prediction(pile, session=session).into(path, "csv")
    assert again.repeated
    assert (again.images, again.unreadable) == (22, 3)
    assert [Path(name).name[:2] for name, _ in again.first] == ["09", "21", "00"]
    assert session.shapes == []
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:16]))  # three batches and three images
    prediction(pile, session=session).into(path, "csv")
    assert session.shapes == [4, 4, 4]
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("finished", [True, False])
def test_a_digit_that_changed_in_a_row_is_noticed(pile: Path, tmp_path: Path, finished: bool) -> None:
    path = tmp_path / "x.csv"
    prediction(pile).into(path, "csv")
    lines = path.read_bytes().splitlines(keepends=True)
    lines = lines if finished else lines[:16]
    number = next(number for number, line in enumerate(lines) if number and b",0." in line)
    lines[number] = lines[number].replace(b",0.", b",1.", 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(SkipwiseError, match=r"the rows of batch \d are not as they were written"):
        prediction(pile).into(path, "csv")
    assert path.read_bytes() == b"".join(lines)


def test_rows_whose_checksums_were_lost_with_the_process_are_answered_again(pile: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    prediction(pile).into(path, "csv")
    expected = path.read_bytes()
    sums = tmp_path / ".x.csv.skipwise.sums"
    assert len(sums.read_bytes()) == 9 * 6  # 22 images in batches of four
    whole = sums.read_bytes()
    for length, answered in ((54, 0), (45, 1), (40, 2), (9, 5), (0, 6)):
        sums.write_bytes(whole[:length])
        session = Made()
        prediction(pile, session=session).into(path, "csv")
        assert len(session.shapes) == answered
        assert path.read_bytes() == expected
        assert sums.read_bytes() == whole
    sums.unlink()  # as an earlier version left it
    assert prediction(pile).into(path, "csv").repeated


def test_a_file_of_something_else_is_left_as_it_is(pile: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    prediction(pile).into(path, "csv")
    other = Made()
    other.identity = "other"
    refused = [
        (prediction(pile, session=other), "it is of another network"),
        (prediction(photos), "of other images"),
        (prediction(pile / "a"), "of other images"),
        (prediction(pile, top=2), "top is 1 there and 2 here"),
        (prediction(pile, batch_size=8), "batch_size is 4 there and 8 here"),
        (prediction(pile, probabilities=True), "probabilities is False there and True here"),
    ]
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in (lines, lines[:10]):
        before = b"".join(kept)
        path.write_bytes(before)
        for work, sentence in refused:
            with pytest.raises(SkipwiseError, match=sentence):
                work.into(path, "csv")
            assert path.read_bytes() == before
    for changed in (b"something\n", lines[0] + b"else\n", lines[0] + lines[2] + lines[1], b"".join(lines) + b"more\n"):
        path.write_bytes(changed)
        with pytest.raises(SkipwiseError, match="or the images were changed since it was started"):
            prediction(pile).into(path, "csv")
        assert path.read_bytes() == changed
    thesis = tmp_path / "thesis.csv"
    thesis.write_bytes(lines[0])
    with pytest.raises(SkipwiseError, match="exists already and is not a file of answers"):
        prediction(pile).into(thesis, "csv")
    assert thesis.read_bytes() == lines[0]


def test_images_that_came_since_are_noticed(pile: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    prediction(pile).into(path, "jsonl")
    before = path.read_bytes()
    (pile / "a" / "new.png").write_bytes(next(photos.rglob("*.png")).read_bytes())
    with pytest.raises(SkipwiseError, match=r"in place of .*new\.png"):
        prediction(pile).into(path, "jsonl")
    (pile / "a" / "new.png").rename(pile / "z.png")  # behind all others: a longer list, and the rows so far are right
    assert prediction(pile).into(path, "jsonl").images == 23
    assert path.read_bytes().startswith(b"".join(before.splitlines(keepends=True)[:20]))
    (pile / "z.png").unlink()
    with pytest.raises(SkipwiseError, match="not there any more"):
        prediction(pile).into(path, "jsonl")


def test_decoding_is_only_a_little_ahead(photos: Path) -> None:
    data = next(photos.rglob("*.png")).read_bytes()
    taken = 0

    def many() -> Iterator[InputImage]:
        nonlocal taken
        for _ in range(2000):
            taken += 1
            yield InputImage(str(taken), content=data)

    pixels = decoded(many(), PixelFormat(size=8, channels=3), workers=2, ahead=64)
    assert next(pixels)[0] == "1"
    assert taken <= 64 + 2 * JOB
    pixels.close()


def test_large_files_of_an_archive_are_not_all_held_at_once() -> None:
    held, most = 0, 0

    class Counted(bytes):
        def __new__(cls) -> Counted:
            nonlocal held, most
            held += 1
            most = max(most, held)
            return super().__new__(cls, 20 * 2**20)

        def __del__(self) -> None:
            nonlocal held
            held -= 1

    images = (InputImage(str(number), content=Counted()) for number in range(60))
    found = list(decoded(images, PixelFormat(size=8, channels=3), workers=2, ahead=1000))
    assert [name for name, _ in found] == [str(number) for number in range(60)]
    assert all(isinstance(error, UnreadableImage) for _, error in found)
    assert most <= 20


def wait_after_twenty_batches() -> None:
    """The process answers no more than that: it is not done before somebody ends it, however fast the machine is."""
    done, add = itertools.count(1), RowFile.add

    def wait(file: RowFile, answers: Sequence[Answer]) -> None:
        add(file, answers)
        if next(done) == 20:
            signal.pause()

    RowFile.add = wait


def wait_for(path: Path, size: int, process: Command) -> None:
    """Waits until the file is larger than that."""
    while not path.exists() or path.stat().st_size <= size:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)


@pytest.fixture(scope="module")
def many(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand images, of which some can't be read."""
    root = tmp_path_factory.mktemp("many") / "many"
    root.mkdir()
    sources = sorted(photos.rglob("*.*"))
    for number in range(1000):
        path = root / f"{number:04d}{sources[number % 36].suffix}"
        path.write_bytes(b"no image") if number % 100 == 7 else path.hardlink_to(sources[number % 36])
    return root


def check_kills(cli: Run, model: Path, many: Path, folder: Path, kills: int) -> None:
    expected = skipwise.predict(model, many, output=folder / "whole.csv", batch_size=2)
    path = folder / "killed.csv"
    command = ["predict", model, many, "-o", path, "-b", "2"]
    rng = random.Random(kills)
    sizes = []
    for number in range(kills):
        before = path.stat().st_size if path.exists() else 0
        process = Command(*command, cwd=folder, prepare=wait_after_twenty_batches)
        if number:  # the first one at any moment
            wait_for(path, before, process)
        time.sleep(rng.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sizes.append(path.stat().st_size if path.exists() else 0)
    assert sizes == sorted(set(sizes))  # each time it got further
    result = cli(*command)
    assert result.returncode == 0
    assert "10 of 1,000 images can't be answered" in result.stderr
    assert path.read_bytes() == (folder / "whole.csv").read_bytes()
    assert skipwise.predict(model, many, output=path, batch_size=2) == replace(expected, file=path, repeated=True)
    assert sorted(entry.name for entry in folder.glob("*killed*")) == [
        ".killed.csv.skipwise.json",
        ".killed.csv.skipwise.sums",
        "killed.csv",
    ]


def test_killed_it_goes_on_and_ends_with_the_same_bytes(cli: Run, artifact: Path, many: Path, tmp_path: Path) -> None:
    check_kills(cli, artifact, many, tmp_path, 3)


@pytest.mark.slow
def test_killed_at_twelve_moments(cli: Run, artifact: Path, many: Path, tmp_path: Path) -> None:
    check_kills(cli, artifact, many, tmp_path, 12)


def test_two_at_once_into_one_file(artifact: Path, many: Path, tmp_path: Path, cli: Run) -> None:
    path = tmp_path / "x.csv"
    command = ["predict", artifact, many, "-o", path, "-b", "2"]
    first = Command(*command, cwd=tmp_path, prepare=wait_after_twenty_batches)
    wait_for(path, 0, first)
    result = cli(*command)
    first.send_signal(signal.SIGKILL)
    assert result.returncode == 2
    assert f"Another Skipwise is writing {path}; wait for it" in result.stderr


def test_a_full_disk_is_a_sentence_and_then_it_goes_on(artifact: Path, many: Path, tmp_path: Path) -> None:
    """On a real file system of its own that is really full."""
    small = tmp_path / "small"
    small.mkdir()
    predict = f"{sys.executable} -m skipwise predict {artifact} {many} -o"
    command = f"""
        mount -t tmpfs -o size=40k tmpfs {small} || exit 77
        {predict} {small}/x.csv
        echo "status $?"
        mount -o remount,size=1m {small}
        {predict} {small}/x.csv
        echo "status $?"
        cp {small}/x.csv {tmp_path}/x.csv
    """
    result = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command], capture_output=True, text=True, timeout=120
    )
    if result.returncode == 77 or "unshare failed" in result.stderr:
        pytest.skip("this machine lets nobody mount a file system")
    assert "status 2\n" in result.stdout
    assert f"skipwise: Can't write {small}/x.csv: the disk is full; free some space" in result.stderr
    assert "Traceback" not in result.stderr
    assert "status 0\n" in result.stdout
    skipwise.predict(artifact, many, output=tmp_path / "whole.csv")
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import skipwise
answers = list(skipwise.predict(sys.argv[1], sys.argv[2]))
assert len(answers) == 36 and not any(answer.error for answer in answers)
import skipwise.cli.app
model = sys.argv[3]
sys.argv = ["skipwise", "predict", model, sys.argv[2], "--format", "csv"]
skipwise.cli.app.main()
"""


def test_an_artifact_needs_no_torch_and_a_run_names_the_line_that_installs_it(
    artifact: Path, run: Path, photos: Path
) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, artifact, photos]
    result = subprocess.run([*command, artifact], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list(csv.reader(io.StringIO(result.stdout)))) == 37
    result = subprocess.run([*command, run], capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert "pip install 'skipwise[train]'" in result.stderr


def test_standard_input_takes_one_image(artifact: Path, photos: Path) -> None:
    path = next(photos.rglob("*.jpg"))
    command = [sys.executable, "-m", "skipwise", "predict", artifact, "-", "--format", "jsonl"]
    result = subprocess.run(command, input=path.read_bytes(), capture_output=True, timeout=60)
    expected = next(skipwise.predict(artifact, path))
    found = json.loads(result.stdout)
    assert (found["path"], found["class"]) == ("-", expected.classes[0])
    assert found["probability"] == pytest.approx(expected.probabilities[0], abs=1e-6)
    assert result.stderr == b""
    result = subprocess.run(command, input=b"", capture_output=True, timeout=60)
    assert result.returncode == 2
    assert result.stderr == b"skipwise: The image can't be answered: - (it is empty); is that what you meant?\n"


def test_on_the_terminal(capsys, monkeypatch: pytest.MonkeyPatch, artifact: Path, pile: Path, here: Path) -> None:
    (pile / "notes.txt").write_text("")
    monkeypatch.setattr(sys, "argv", ["skipwise", "predict", str(artifact), "pile", "--top", "2", "-b", "8"])
    with pytest.raises(SystemExit) as stopped:
        skipwise.cli.app.main()
    assert not stopped.value.code
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) == 23
    assert lines[0].split() == ["image", "class", "probability", "class", "probability"]
    assert sum("can't be answered: it is not an image" in line for line in lines) == 3
    assert all(line.count("%") == 2 for line in lines[1:] if "can't" not in line)
    assert "1 file is left out: it is not named like an image." in said.err
    assert "3 of 22 images can't be answered: pile/a-b/09" in said.err
    again = f"skipwise predict {artifact} pile --top 2 --batch-size 8 --output predictions.csv"
    assert f"Next:   {again}" in said.err
    monkeypatch.setattr(sys, "argv", ["skipwise", "predict", str(artifact), "pile", "-o", "out/y.csv"])
    with pytest.raises(SystemExit):
        skipwise.cli.app.main()
    assert f"Next:    skipwise serve {artifact}\n" in capsys.readouterr().out
    status, error = call(capsys, monkeypatch, "predict", artifact, "pile", "-o", "out/x.csv")
    assert status == 0
    assert "3 of 22" in error
    assert (here / "out" / "x.csv").read_text().startswith("path,class,probability,error\n")


def test_a_reader_that_has_enough_is_no_error(artifact: Path, many: Path) -> None:
    command = [sys.executable, "-m", "skipwise", "predict", artifact, many, "--format", "csv", "-b", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"path,class,probability,error\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "There is no file or folder nowhere"),
        (["pile", "nowhere"], "There is no file or folder nowhere"),
        ([""], "path of the images is empty"),
        (["x" * 300], "not a path to images"),
        (["empty"], "empty holds no images"),
        (["texts"], "texts holds no images"),
        (["pile", "empty"], "empty holds no images"),
        (["broken.zip"], "broken.zip is cut off, or not an archive"),
        (["hostile.zip"], "points outside the archive"),
        (["links.tar"], "holds a link"),
        (["-", "-"], "can be named only once"),
        (["texts/notes.txt"], "The image can't be answered: texts/notes.txt"),
        (["pile", "--top", "0"], "--top must be at least 1"),
        (["pile", "--top", "4"], "knows 3 classes"),
        (["pile", "-b", "0"], "--batch-size must be at least 1"),
        (["pile", "-j", "0"], "--workers must be at least 1"),
        (["pile", "--threads", "0"], "--threads must be at least 1"),
        (["pile", "--format", "cvs"], "did you mean 'csv'"),
        (["pile", "--probabilities"], "--probabilities is for files"),
        (["pile", "-o", "answers"], "let it end in .csv or .jsonl"),
        (["pile", "-o", "x.csv", "--format", "table"], "A table is for the terminal"),
        (["pile", "-o", "x.csv", "--format", "xml"], "no format called 'xml'"),
        (["pile", "-o", "folder.csv"], "folder.csv is not a file"),
        (["pile", "-o", "thesis.csv"], "thesis.csv exists already"),
        (["pile", "-o", "thesis.csv/x.csv"], "Can't write"),
        (["pile", "-o", "/proc/nowhere/x.csv"], "Can't write /proc/nowhere"),
        (["pile", "-o", "x" * 300 + ".csv"], "ile name too long"),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing_behind(
    capsys, monkeypatch: pytest.MonkeyPatch, artifact: Path, here: Path, arguments: list[str], sentence: str
) -> None:
    (here / "empty").mkdir()
    (here / "folder.csv").mkdir()
    (here / "texts").mkdir()
    (here / "texts" / "notes.txt").write_text("no image")
    (here / "broken.zip").write_bytes(b"PK\3\4 nothing")
    (here / "thesis.csv").write_text("precious")
    with zipfile.ZipFile(here / "hostile.zip", "w") as archive:
        archive.writestr("../x.png", b"")
    with tarfile.open(here / "links.tar", "w") as archive:
        member = tarfile.TarInfo("x.png")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    before = sorted(here.rglob("*"))
    status, error = call(capsys, monkeypatch, "predict", artifact, *arguments)
    assert status == 2
    assert sentence in error
    assert [line for line in error.splitlines() if line.startswith("skipwise: ")] == error.splitlines()
    assert sorted(here.rglob("*")) == before
    assert (here / "thesis.csv").read_text() == "precious"


def test_no_network_there(capsys, monkeypatch: pytest.MonkeyPatch, photos: Path, here: Path) -> None:
    for model in ("nowhere", photos):
        status, error = call(capsys, monkeypatch, "predict", model, photos)
        assert status == 2
        assert error.startswith("skipwise: ")
        assert error.count("\n") == 1
    assert not list(here.iterdir())


def test_progress_is_told(pile: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    prediction(pile, batch_size=8).into(tmp_path / "x.csv", "csv", lambda *what: told.append(what))
    assert told == [("Predicting", 8, 22), ("Predicting", 16, 22), ("Predicting", 22, 22)]

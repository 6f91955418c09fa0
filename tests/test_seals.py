"""Damage to what Skipwise wrote is noticed: one bit anywhere is refused, mended, or makes no difference."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import UnsealedWarning, check_files, check_record, read_sealed, write_sealed
from skipwise.core.files.json_records import write_json
from tests.conftest import Run

SETTINGS = {"width": 0.125, "epochs": 1, "img_size": 16, "precision": "fp32", "compile": False}
FLIPS = 12
"""Of each file."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A record."""

    name: str
    number: float
    kept: tuple[int, ...] = ()


def test_a_record_whose_field_would_be_lost_is_refused(tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Listing:
        files: tuple[str, ...]

    with pytest.raises(TypeError, match="none of its fields can be called 'files'"):
        write_sealed(tmp_path / "listing.json", Listing(files=("a",)))
    assert not list(tmp_path.iterdir())


def test_a_sealed_record_is_read_back_and_says_so_where_anything_changed(tmp_path: Path) -> None:
    thing = Thing(name="é\u2603", number=3, kept=(1, 2))
    (tmp_path / "beside.bin").write_bytes(b"some bytes")
    path = tmp_path / "thing.json"
    write_sealed(path, thing, ["beside.bin"])
    assert read_sealed(path, Thing) == thing
    check_files(path, "beside.bin", "unknown", mend="copy it again")
    path.write_text(json.dumps(json.loads(path.read_text())))  # other white space is the same record
    assert read_sealed(path, Thing) == thing
    whole = path.read_text()
    for old, new in (("3.0", "4.0"), ('"name"', '"nome"'), ("[1, 2]", "[1, 3]"), ('"beside.bin"', '"besidf.bin"')):
        path.write_text(whole.replace(old, new) if old in whole else whole.replace(old.replace(".0", ""), new))
        with pytest.raises(SkipwiseError, match=r"thing\.json (was|is) damaged"):
            read_sealed(path, Thing)
        with pytest.raises(SkipwiseError, match="copy it again"):
            check_record(path, mend="copy it again")
    path.write_text(whole)
    (tmp_path / "beside.bin").write_bytes(b"some bytez")
    with pytest.raises(SkipwiseError, match=r"beside\.bin was damaged or changed after it was written; copy it again"):
        check_files(path, "beside.bin", mend="copy it again")
    (tmp_path / "beside.bin").unlink()
    with pytest.raises(SkipwiseError, match="No such file"):
        check_files(path, "beside.bin", mend="copy it again")


def test_a_record_of_an_earlier_version_is_read_with_one_line(tmp_path: Path) -> None:
    write_json(tmp_path / "thing.json", Thing(name="old", number=1.5))
    with pytest.warns(UnsealedWarning, match="an earlier Skipwise"):
        assert read_sealed(tmp_path / "thing.json", Thing).name == "old"
    check_files(tmp_path / "thing.json", "anything", mend="copy it again")


@pytest.fixture(scope="module")
def home(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run and a finished comparison; not to be changed."""
    folder = tmp_path_factory.mktemp("sealed")
    skipwise.train(photos, model="resnet18", output=folder / "run", **SETTINGS)
    own = {"executor": skipwise.InProcess(), "output": folder / "comparison"}
    skipwise.compare(photos, models="resnet18,plain18", seeds=2, **own, **SETTINGS)
    skipwise.audit(photos, output=folder / "audit")
    return folder


def _answers(home: Path, photos: Path) -> list[object]:
    return list(skipwise.predict(home / "run", photos))


def _report(home: Path, _: Path) -> object:
    pages = [skipwise.report(home / "comparison", format=format) for format in ("md", "json")]
    skipwise.report(home / "comparison")
    return pages[0], json.loads(pages[1]) | {"folder": ""}, (home / "comparison" / "report.html").read_bytes()


def _recommendation(home: Path, _: Path) -> object:
    return skipwise.recommend(home / "comparison").recommendation


def _exported(home: Path, _: Path) -> object:
    shutil.rmtree(home / "artifact", ignore_errors=True)
    made = skipwise.export(home / "run", output=home / "artifact").artifact
    return made.files["model.onnx"], made.golden, made.classes


def _excluded(home: Path, photos: Path) -> object:
    from skipwise.data.prepare import Request, prepare

    return prepare(Request(data=str(photos), exclude=str(home / "audit" / "audit.json")), seed=0).split.tolist()


def _verified(home: Path, photos: Path) -> object:
    found = skipwise.verify(home / "artifact", photos, run=home / "run", timing=False).certificate
    return found.results, found.split, found.images


READERS: dict[str, Callable[[Path, Path], object]] = {
    "run/run.json": _answers,
    "run/weights.safetensors": _answers,
    "run/source.json": _exported,
    "run/split.csv": _verified,
    "comparison/plan.json": _report,
    "comparison/comparison.json": _recommendation,
    "comparison/costs.json": _report,
    "comparison/pictures.json": _report,
    "comparison/runs/resnet18-s1/metrics.jsonl": _report,
    "audit/audit.json": _excluded,
}
"""A verb that reads each file."""


@pytest.mark.parametrize("name", READERS)
def test_a_bit_that_turned_over_is_refused_or_makes_no_difference(
    home: Path, photos: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(home, tmp_path / "home")
    read = READERS[name]
    if read is _verified:
        _exported(tmp_path / "home", photos)
    before = read(tmp_path / "home", photos)
    path = tmp_path / "home" / name
    whole = path.read_bytes()
    rng = np.random.default_rng(int.from_bytes(name.encode(), "big") % 2**32)
    refused = 0
    # Exports and certificates take seconds each.
    flips = FLIPS // 4 if read in (_exported, _verified) else FLIPS
    for place in rng.integers(0, 8 * len(whole), size=flips).tolist():
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnsealedWarning)  # the bit may be in the word 'files'
            found, named = _read_or_refused(read, tmp_path / "home", photos)
        if named:
            refused += 1
            assert path.name in named or "run.json" in named, named
        else:
            assert found == before, f"bit {place} of {name} changed the answer in silence"
    assert refused  # most places mean something


def _read_or_refused(read: Callable[[Path, Path], object], home: Path, photos: Path) -> tuple[object, str]:
    """What was read, or the sentence with which that was refused."""
    try:
        return read(home, photos), ""
    except SkipwiseError as error:
        return None, str(error)


def test_predict_and_export_refuse_damaged_weights(cli: Run, home: Path, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "run", tmp_path / "run")
    weights = tmp_path / "run" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 0x40
    weights.write_bytes(content)
    for words in (("predict", "run", photos), ("export", "run"), ("train", photos, "--init", "run")):
        done = cli(*words)
        assert done.returncode == 2, done.stderr
        assert "weights.safetensors was damaged or changed after it was written" in done.stderr
        assert not done.stdout


def test_a_run_of_an_earlier_version_answers_with_one_line_on_it(
    cli: Run, home: Path, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "run", tmp_path / "run")
    for name in ("run.json", "terms.json", "source.json"):
        record = json.loads((tmp_path / "run" / name).read_text())
        del record["files"]
        (tmp_path / "run" / name).write_text(json.dumps(record))
    done = cli("predict", "run", photos, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("an earlier Skipwise") == 1
    assert done.stdout == cli("predict", home / "run", photos, "--format", "csv").stdout


@pytest.mark.parametrize("change", [{"interpolation": ".."}, {"size": 0}, {"mean": [0.5]}, {"crop": -1}])
def test_a_run_that_prepares_images_as_none_does_is_damaged(
    home: Path, photos: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    run = shutil.copytree(home / "run", tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    files = [name for name in record.pop("files") if name]
    record["spec"]["preprocessing"] |= change
    write_sealed(run / "run.json", record, files)
    with pytest.raises(SkipwiseError, match=r"run\.json is damaged"):
        skipwise.predict(run, photos)

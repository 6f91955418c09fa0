"""The examples of CONTRIBUTING.md run as they stand there, and what they add is where a user would look for it."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import skipwise
from skipwise import InProcess
from skipwise.cli.declared import command
from skipwise.cli.options import PrintOptions
from skipwise.comparison.options import CompareOptions
from skipwise.comparison.question.question import FurtherOutcome, Question
from skipwise.core.files.json_records import write_json
from skipwise.core.options import build, option, options
from skipwise.core.signatures import takes
from skipwise.cost.make_catalogue import catalogue_entry
from skipwise.cost.options import ProfileOptions
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.sources import opening
from skipwise.deploy.export.export import Exported
from skipwise.deploy.formats import FORMATS
from skipwise.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from skipwise.evaluation.outcomes import OUTCOMES, outcome_of
from skipwise.evaluation.variants import VARIANTS, Originals
from skipwise.nets import catalogue, zoo
from skipwise.studies.designs import SCALES, Scale
from skipwise.training.callbacks import Start
from tests.conftest import make_photos
from tests.contributing import PAGE, examples, run_example

ROOT = PAGE.parent
SMALL = {"epochs": 1, "img_size": 16, "precision": "fp32"}
LINEAR = "tests.external_networks:Linear"


def test_every_example_is_run_here() -> None:
    """Or in test_outcomes.py, which holds an outcome to the contract of all outcomes."""
    here = set(re.findall(r'(?:run_example\(|examples\(\)\[)"([a-z ]+)"', Path(__file__).read_text()))
    assert here | {"outcome"} == set(examples())
    assert PAGE.read_text().count("```python") == len(examples())


def test_every_file_and_folder_that_is_named_exists() -> None:
    named = re.findall(r"`((?:src|tests|benchmarks|[a-z]+(?=/))[\w./]*/[\w.]*)`", PAGE.read_text())
    known = [ROOT, ROOT / "src", ROOT / "src" / "skipwise"]
    assert len(named) > 60
    found = {name for name in named for folder in known if (folder / name).exists() or (folder / f"{name}.py").exists()}
    assert not set(named) - found


def test_every_folder_of_the_source_is_in_the_layout() -> None:
    source = ROOT / "src" / "skipwise"
    folders = {str(init.parent.relative_to(source)) + "/" for init in source.rglob("*/__init__.py")}
    listed = set(re.findall(r"^\| `([\w/]+/)` \|", PAGE.read_text(), flags=re.MULTILINE))
    assert listed <= folders
    parts_of = ("data/sources/layouts", "data/sources/")
    assert {folder for folder in folders - listed if not (folder.startswith(parts_of) or folder == "deploy/")} == set()


def test_the_network_is_counted_and_learns(monkeypatch: pytest.MonkeyPatch, photos: Path, here: Path) -> None:
    name, architecture = run_example("network").ROW
    monkeypatch.setitem(zoo.NETWORKS, name, architecture)
    entry = catalogue_entry(name)
    assert entry.parameters == pytest.approx(catalogue.catalogue()["resnet18"].parameters, rel=0.01)
    monkeypatch.setattr(catalogue, "FILE", here / "catalogue.json")
    write_json(catalogue.FILE, {name: entry})
    run = skipwise.train(photos, model=name, width=0.125, compile=False, **SMALL)
    assert run.record.status == "finished"


def test_a_network_of_ones_own_takes_part(photos: Path, here: Path) -> None:
    (here / "mine.py").write_text(examples()["own network"])
    run = skipwise.train(photos, model="mine:net", **SMALL)
    assert run.record.status == "finished"


def test_the_layout_is_recognised(monkeypatch: pytest.MonkeyPatch, photos: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        shutil.copy(path, tmp_path / f"{path.parent.name}@{number:04}.png")
    shutil.copy(path, tmp_path / "readme.png")
    with pytest.raises(skipwise.SkipwiseError):
        skipwise.open_images(tmp_path)
    monkeypatch.setattr(opening, "LAYOUTS", (run_example("layout").ROW, *opening.LAYOUTS))
    source = skipwise.open_images(tmp_path)
    assert source.classes == ("stripes0", "stripes1", "stripes2")
    assert repr(source) == "Read as 18 images called class@number. Left out: 1 picture (in the top folder)."
    assert "class folders" in repr(skipwise.open_images(photos))


def test_the_callback_hears_of_all_epochs(photos: Path, here: Path) -> None:
    table = run_example("callback").EpochTable("epochs.csv")
    skipwise.train(photos, model=LINEAR, callbacks=[table], **SMALL | {"epochs": 3})
    head, *lines = (here / "epochs.csv").read_text().splitlines()
    assert head == "model,seed,epoch,loss,accuracy,images per second"
    cells = [line.split(",") for line in lines]
    assert [row[:3] for row in cells] == [[LINEAR, "0", "1"], [LINEAR, "0", "2"], [LINEAR, "0", "3"]]
    assert all(0 <= float(accuracy) <= 1 and float(rate) > 0 for *_, accuracy, rate in cells)


def test_the_tracker_writes_lines(photos: Path, tmp_path: Path) -> None:
    tracker = run_example("tracker").JsonLines()
    run = skipwise.train(photos, model=LINEAR, output=tmp_path / "run", callbacks=[tracker], **SMALL | {"epochs": 2})
    begun, *epochs, end = map(json.loads, (run.folder / "lines" / "run.jsonl").read_text().splitlines())
    assert begun["model"] == LINEAR
    assert [line["epoch"] for line in epochs] == [1, 2]
    assert end["status"] == "finished"


class Begun(skipwise.Callback):
    """Stops a comparison before its first run."""

    def on_start(self, start: Start) -> None:
        self.plan = start.plan
        raise KeyboardInterrupt


def test_the_executor_does_the_same_runs_as_any_other(photos: Path, tmp_path: Path) -> None:
    begun, models = Begun(), [LINEAR, "tests.external_networks:Raises"]
    with pytest.raises(KeyboardInterrupt):
        skipwise.compare(photos, models=models, seeds=2, output=tmp_path / "pool", callbacks=[begun], **SMALL)
    shutil.copytree(tmp_path / "pool", tmp_path / "here")
    jobs = [job for model in models for seed in range(2) for job in begun.plan.jobs(model, seed)]
    told = {}
    with ThreadPoolExecutor(1) as pool:
        chosen: dict[str, skipwise.Executor] = {"pool": run_example("executor").InPool(pool), "here": InProcess()}
        for name, executor in chosen.items():
            executor.open(tmp_path / name, processes=1, threads=1)
            for job in jobs:
                executor.submit(job)
            first = next(iter(executor.events()))
            rest = list(executor.events())  # the iterator may be abandoned
            assert not list(executor.events())
            executor.close()
            told[name] = [(event.run, type(event)) for event in (first, *rest)]
    assert told["pool"] == told["here"]
    assert len(told["here"]) == 2 * 2 + 2  # the other network fails in its first epoch
    for job in jobs[:2]:
        files = [tmp_path / name / job.folder / "predictions.npz" for name in told]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_format_is_exported_verified_and_run(
    monkeypatch: pytest.MonkeyPatch, trained: Path, tmp_path: Path
) -> None:
    row = run_example("format").ROW
    monkeypatch.setitem(FORMATS, row.name, row)
    made = skipwise.export(trained, format="packed", output=tmp_path / "packed")
    image = next((trained.parent / "stripes").rglob("*.png"))
    answer = skipwise.Predictor(made.folder, backend="unpacking").predict(image)
    assert answer.probability == pytest.approx(skipwise.Predictor(trained).predict(image).probability, abs=1e-4)
    certificate = skipwise.verify(made.folder, timing=False).certificate
    assert certificate.passed
    assert list(certificate.golden) == ["ONNX Runtime, unpacking"]


def test_the_application_sorts_photographs(exported: Exported, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"not a picture")
    for path in photos.rglob("*.jpg"):
        shutil.copy(path, tmp_path / f"{path.parent.name}-{path.name}")
    sort_photos = run_example("application").sort_photos
    assert sort_photos(str(exported.folder), tmp_path, tmp_path / "sorted", sure=0.0) == 18
    found = {path.parent.name for path in (tmp_path / "sorted").rglob("*.jpg")}
    assert found <= {"stripes0", "stripes1", "stripes2"}
    assert sort_photos(str(exported.folder), tmp_path, tmp_path / "none", sure=1.01) == 0


def test_the_option_is_in_the_help_the_signature_and_the_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    line = examples()["option"]
    body = {"__annotations__": {}, "__module__": __name__, "__doc__": ProfileOptions.__doc__}
    exec(line, {"option": option}, body)
    kind: Any = options("Measurement")(type("ProfileOptions", (ProfileOptions,), body))
    profile = takes(kind)(skipwise.profile.__wrapped__)
    assert inspect.signature(profile).parameters["channels"].default == 3
    assert "channels (int, default 3): The channels of the images: 3 for colour, 1 for grey." in (profile.__doc__ or "")

    seen: list[Any] = []
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    def verb(line: Any, models: str, shown: PrintOptions) -> None:  # noqa: ARG001
        """Measures."""
        seen.append(line.options.channels)

    from skipwise.cli.declared import Line

    verb.__annotations__ |= {"line": Line[kind], "models": str, "shown": PrintOptions}
    command(app, verb, example="skipwise profile resnet18")
    app(["--help"], standalone_mode=False)
    assert "--channels N The channels of the images: 3 for colour, 1 for grey. [default: 3]" in " ".join(
        capsys.readouterr().out.split()
    )
    app(["resnet18", "--channels", "1"], standalone_mode=False)
    assert seen == [1]


def test_the_verb_writes_its_folder_once(photos: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = run_example("verb")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    command(app, module.command_line, example="skipwise tally path/to/images")
    counts = {f"stripes{number}": 12 for number in range(3)}
    for again, folder in (([], "stripes"), ([], "stripes"), (["--again"], "stripes-2")):
        app([str(photos), *again], standalone_mode=False)
        assert json.loads(capsys.readouterr().out) == counts
        assert {path.name for path in (here / "runs" / "tally").iterdir()} >= {folder}
    make_photos(here / "more", classes=2)
    with pytest.raises(skipwise.SkipwiseError, match="a tally of another plan"):
        module.tally(here / "more", output=here / "runs" / "tally" / "stripes")
    assert inspect.signature(module.tally).parameters["again"].default is False


def test_the_corruption_gets_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    row = run_example("corruption").ROW
    monkeypatch.setitem(CORRUPTIONS, row.name, row)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    errors = [np.abs(corrupt(images, row.name, each, seed=0).astype(int) - images).mean() for each in SEVERITIES]
    assert errors == sorted(errors)
    assert errors[0] > 0


def test_the_variant_is_answered_and_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    module = run_example("variant")
    monkeypatch.setitem(VARIANTS, "turned", module.VARIANT)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    originals = Originals(pixels=pixels, preprocessing=Preprocessing(size=8, channels=3, mean=(0,) * 3, std=(1,) * 3))
    made = [module.VARIANT.make(originals, version, np.array([4, 1])) for version in module.VARIANT.versions]
    assert [each.shape for each in made] == [(2, 8, 8, 3)] * 3
    assert (made[1][0] == pixels[4, ::-1, ::-1]).all()
    scores = module.OUTCOME.scores(np.array([[0, 1], [0, 0], [1, 1]]), np.array([0, 1]))
    assert scores.tolist() == pytest.approx([2 / 3, 2 / 3])
    assert module.OUTCOME.baseline((3, 1), ("a", "b")) == 0.75
    monkeypatch.setitem(OUTCOMES, "turned", module.OUTCOME)
    further = (FurtherOutcome(outcome="turned", margin=0.5),)
    asked = Question(candidates=("a", "b"), looks=(5,), margin=0.5, alpha=0.05, further_outcomes=further)
    assert asked.variants == ("turned",)
    outcome_of.cache_clear()


@pytest.mark.parametrize("scale", SCALES)
def test_the_study_resolves(scale: Scale) -> None:
    row = run_example("study").ROW
    (design,), (part,) = row.at(scale).designs, row.at(scale).parts
    assert row.settle(row.at(scale)) == row.at(scale)
    assert {part.a, part.b} == set(design.models)
    options = build(CompareOptions, design.arguments(seed=3))
    assert (options.study.seed, options.recipe.epochs) == (3, design.epochs)
    options.recipe.check()

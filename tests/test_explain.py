"""The verb `explain`: from a run and images to pictures, numbers and a page."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.data.batches.batches import to_input
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.deploy.export import heat_maps
from skipwise.deploy.trained.images import fit
from skipwise.deploy.trained.trained_network import network_of_run
from skipwise.explaining.overlay import LEAST_SIDE, centre_share, enlarged, overlay
from skipwise.explaining.record import ExplanationReport, read_explanation
from skipwise.nets.explanation.activation_maps import class_activation_maps
from skipwise.nets.explanation.grid import Grid
from tests.browsing import CONTRASTS, page_of
from tests.conftest import Run

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported


@pytest.fixture(scope="module")
def explained(trained: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> ExplanationReport:
    """Images of three classes, checked; one of them can't be read, and one folder has no class's name."""
    root = tmp_path_factory.mktemp("explain")
    for label in range(3):
        shutil.copytree(photos / f"stripes{label}", root / "images" / f"stripes{label}")
    (root / "images" / "other").mkdir()
    shutil.copy(photos / "stripes0" / "000.png", root / "images" / "other" / "a.png")
    (root / "images" / "other" / "cut.png").write_bytes(b"no image")
    return skipwise.explain(trained, root / "images", class_name="stripes1", check=True, output=root / "made")


def test_the_answers_are_those_of_predict_and_the_maps_those_of_the_network(
    explained: ExplanationReport, trained: Path
) -> None:
    record = explained.record
    answers = {each.path: each for each in skipwise.predict(trained, Path(record.images[0].image).parents[1])}
    assert len(answers) == len(record.images) + len(record.unreadable) == 38
    assert list(record.unreadable.values()) == ["it is not an image of a known format"]
    trained_network = network_of_run(trained)
    network, preprocessing = trained_network.module(), trained_network.preprocessing
    for image in record.images:
        answer = answers[image.image]
        assert image.answer == answer.classes[0]
        assert image.probability == pytest.approx(answer.probabilities[0], abs=1e-5)
        assert image.label == (None if "other" in image.image else Path(image.image).parent.name)
        shown = [each.name for each in image.maps]
        assert shown == list(dict.fromkeys(filter(None, [image.answer, image.label, "stripes1"])))
    for image in record.images[::12]:
        square = fit(Path(image.image).read_bytes(), preprocessing)
        x = to_input(torch.tensor(square[None]), preprocessing.mean, preprocessing.std)
        logits, maps = class_activation_maps(network, x)
        assert image.logits == pytest.approx(logits[0].tolist(), abs=1e-4)
        for each in image.maps:
            cells = maps[0, trained_network.classes.index(each.name)].numpy()
            assert (each.minimum, each.maximum) == pytest.approx((cells.min(), cells.max()), abs=1e-4)
            assert each.logit == pytest.approx(cells.mean(), abs=1e-4)
            drawn = np.asarray(Image.open(explained.folder / each.file))
            assert drawn.shape == (168, 168, 3)  # 24 pixels, seven times


def test_what_is_found_is_kept_checked_and_shown_again(explained: ExplanationReport, trained: Path, here: Path) -> None:
    record = explained.record
    assert read_explanation(explained.folder).record == record
    assert record.method == "class activation maps"
    assert record.checks is not None
    assert record.checks.images == 16
    assert record.checks.randomisation[-1].correlation < 0.9
    assert record.gates is not None
    assert record.gates.images == 36
    assert [block.block for block in record.gates.blocks] == ["1.1", "1.2", "2.1", "2.2", "3.1", "3.2", "4.1", "4.2"]
    images = Path(record.images[0].image).parents[1]
    first = skipwise.explain(trained, images, limit=6)
    assert first.folder == Path("runs/explain/run")
    assert first.record.left_out == 32
    assert len({each.label for each in first.record.images}) == 4  # from all folders
    assert first.record.checks is None
    assert skipwise.explain(trained, images, limit=6).repeated
    assert skipwise.explain(trained, images, limit=7).folder == Path("runs/explain/run-2")
    assert not skipwise.explain(trained, images, limit=6, again=True).repeated
    picture = first.folder / first.record.images[0].maps[0].file
    picture.write_bytes(b"")
    with pytest.raises(SkipwiseError, match=r"png was damaged or changed after it was written; .*--again"):
        read_explanation(first.folder)
    with pytest.raises(SkipwiseError, match="holds no explanation"):
        read_explanation(here)


def test_the_page_is_whole_and_light(explained: ExplanationReport) -> None:
    page = explained.page.read_text()
    text = re.sub(r'src="data:[^"]+"', "", page)
    assert len(text) < 100_000
    assert len(page) < 1_500_000
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("<figure>") == sum(1 + len(image.maps) for image in explained.record.images)
    for part in ("Checks of the maps", "Squeeze-excite gates", "not an image of a known format", "stripes1"):
        assert part in page


def test_a_map_lies_over_what_it_is_of() -> None:
    """The brightest place of the picture is where the cell looks, also where pixels are enlarged."""
    square = np.full((32, 32, 3), 90, np.uint8)
    cells = np.zeros((4, 4))
    cells[1, 2] = 5
    for grid, (row, column) in ((Grid(first=0, step=8), (8, 16)), (Grid.even(32, 4), (11.5, 19.5))):
        drawn = overlay(square, cells, grid, highest=5).astype(int)
        assert drawn.shape == (LEAST_SIDE, LEAST_SIDE, 3)
        heat = drawn[..., 0] - drawn[..., 2]
        rows, columns = np.nonzero(heat == heat.max())
        assert rows.mean() / 5 == pytest.approx(row, abs=1)
        assert columns.mean() / 5 == pytest.approx(column, abs=1)
        assert (drawn[0, 0] == 90).all()  # nothing speaks for the class there
    assert (overlay(square, -cells, grid, highest=0) == enlarged(square)).all()
    assert centre_share(-cells, grid, 32) is None
    assert centre_share(np.eye(4)[::-1] * 0 + np.pad(np.ones((2, 2)), 1), Grid.even(32, 4), 32) > 0.6
    grey = enlarged(np.zeros((200, 200, 1), np.uint8))
    assert grey.shape == (200, 200, 3)


def test_bad_input_is_said_in_a_sentence(trained: Path, exported: Exported, photos: Path, here: Path) -> None:
    image = photos / "stripes0" / "000.png"
    (here / "bad.png").write_bytes(b"no image")
    damaged = here / "damaged"
    shutil.copytree(trained, damaged)
    content = bytearray((damaged / "weights.safetensors").read_bytes())
    content[-9] ^= 1
    (damaged / "weights.safetensors").write_bytes(content)
    cases = [
        ((trained, image), {"class_name": "stripe1"}, "no class of this network called 'stripe1'; did you mean"),
        ((trained, image), {"limit": 0}, "--limit must lie between 1 and 1,000, not 0"),
        ((trained, here / "bad.png"), {}, "The image can't be read: .*bad.png .* is that what you meant"),
        ((trained, here / "gone.png"), {}, "no file or folder"),
        ((trained, []), {}, "No images were named"),
        (
            (exported.folder, image),
            {},
            "gives no heat maps; export its run again, with them: skipwise export .* --explain",
        ),
        ((damaged, image), {}, "was damaged or changed"),
        ((photos, image), {}, "is not a run"),
    ]
    for arguments, options, sentence in cases:
        with pytest.raises(SkipwiseError, match=sentence):
            skipwise.explain(*arguments, **options)
    assert not (here / "runs").exists()


@pytest.mark.slow
def test_external_networks_get_gradients_at_a_layer_that_is_named(photos: Path, here: Path) -> None:
    pytest.importorskip("captum")
    model = "tests.external_networks:ManyParts"
    run = skipwise.train(photos, model=model, epochs=1, img_size=16, precision="fp32", compile=False).folder
    image = photos / "stripes1" / "000.png"
    with pytest.raises(SkipwiseError, match=r"no layer for the heat maps is found; name one .*--layer NAME"):
        skipwise.explain(run, image, trust=model)  # it computes its convolution without a layer for it
    found = skipwise.explain(run, image, trust=model, layer="norms").record
    assert (found.method, found.layer, found.cells, found.gates) == ("Grad-CAM", "norms", 7, None)
    named = skipwise.explain(run, image, trust=model, layer="rest.0", check=True)
    assert (named.record.layer, named.folder.name) == ("rest.0", f"{run.name}-2")
    assert "Grad-CAM at the layer rest.0" in named.page.read_text()
    for layer, sentence in (
        ("filter", "no layer 'filter'; did you mean 'filters'"),
        ("head", r"'head' gives \[1, 3\]"),
    ):
        with pytest.raises(SkipwiseError, match=sentence):
            skipwise.explain(run, image, trust=model, layer=layer)
    with pytest.raises(SkipwiseError, match="uses the network"):
        skipwise.explain(run, image)
    with pytest.raises(SkipwiseError, match="has no class activation maps, which --explain writes"):
        skipwise.export(run, explain=True, trust=model)
    assert len(list((here / "runs" / "explain").iterdir())) == 2


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import skipwise
print(skipwise.explain(*sys.argv[1:], output="made").folder)
"""


def test_an_exported_network_gives_the_map_of_its_answer_without_torch(
    explaining: Path, explained: ExplanationReport, here: Path
) -> None:
    images = Path(explained.record.images[0].image).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, explaining, images], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "made", done.stderr
    record = read_explanation(here / "made").record
    assert record.method == "class activation maps"
    assert (record.first, record.step) == (explained.record.first, explained.record.step)
    for image, of_run in zip(record.images, explained.record.images, strict=True):
        assert (image.answer, image.label, image.logits) == (of_run.answer, of_run.label, ())
        (only,), own = image.maps, of_run.maps[0]
        assert (only.minimum, only.maximum) == pytest.approx((own.minimum, own.maximum), abs=1e-4)
        assert only.logit == pytest.approx(own.logit, abs=1e-4)
    with skipwise.Predictor(explaining) as predictor:
        shown = predictor.explain(record.images[3].image)
        assert shown.prediction == predictor.predict(record.images[3].image)
        assert shown.square.shape == (24, 24, 3)
        assert shown.map.shape == (24, 24)
        assert shown.map.max() == pytest.approx(record.images[3].maps[0].maximum, abs=1e-4)
        with pytest.raises(SkipwiseError, match=r"cut.png can't be answered: it is not an image"):
            predictor.explain(images / "other" / "cut.png")
    for option in ({"class_name": "stripes1"}, {"layer": "stages"}, {"check": True}):
        with pytest.raises(SkipwiseError, match=r"only the heat map of its answer, so --(class|layer|check) is for a"):
            skipwise.explain(explaining, images, **option)


@pytest.mark.slow
def test_heat_maps_change_no_answer_and_stay_with_the_artifact(
    explaining: Path, exported: Exported, trained: Path, photos: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_maps, plain = (
        list(skipwise.predict(each, photos, probabilities=True)) for each in (explaining, exported.folder)
    )
    assert with_maps == plain
    maps = read_artifact(explaining).heat_maps
    assert maps is not None
    assert (maps.cells, maps.first, maps.step) == (3, 0, 8)
    assert read_artifact(exported.folder).heat_maps is None
    shutil.copytree(explaining, here / "runs" / "export" / "run-onnx-fp32-explain")
    again = skipwise.export(trained, explain=True)
    assert (again.folder, again.repeated) == (Path("runs/export/run-onnx-fp32-explain"), True)
    with pytest.raises(SkipwiseError, match="only one of them gives heat maps"):
        skipwise.export(trained, output=explaining)
    assert skipwise.verify(explaining, timing=False).certificate.passed
    for options in ({"format": "openvino"}, {"format": "torch"}, {"precision": "int8"}):
        with pytest.raises(SkipwiseError, match="--explain is for ONNX files of fp32 or fp16"):
            skipwise.export(trained, explain=True, **options)
    monkeypatch.setitem(heat_maps.TOLERANCES, "fp32", 0.0)
    with pytest.raises(SkipwiseError, match="does not give the heat maps that PyTorch does"):
        skipwise.export(trained, explain=True, output=here / "other")
    assert not (here / "other").exists()


def test_its_example_runs(trained: Path, photos: Path, here: Path) -> None:
    shutil.copytree(trained, here / "runs" / "train" / "images")
    shutil.copy(photos / "stripes0" / "001.jpg", here / "photo.jpg")
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(skipwise.explain, "explain"):
        runner.run(test)
    assert (runner.tries, runner.failures) == (4, 0)


def test_on_the_command_line(trained: Path, photos: Path, cli: Run) -> None:
    done = cli("explain", trained, photos / "stripes2", "--limit", 3, "--check")
    assert done.returncode == 0, done.stderr
    assert "se_resnet18: 3 images explained" in done.stdout
    assert "Made by class activation maps at the layer stages." in done.stdout
    assert "Page:   runs/explain/run/explain.html" in done.stdout
    assert re.search(r"Next: .* export .* --explain$", done.stdout, re.MULTILINE)
    assert "Only 3 images of 12 are explained" in done.stderr
    again = cli("explain", trained, photos / "stripes2", "--limit", 3, "--check", "--json")
    assert "is finished already" in again.stderr
    assert len(json.loads(again.stdout)["explanation"]["images"]) == 3


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_the_page_fits_a_phone_and_can_be_read(
    browser: Any, explained: ExplanationReport, width: int, scheme: str
) -> None:
    with page_of(browser, explained.page, width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert min(page.evaluate(CONTRASTS))[0] >= 4.5
        assert page.locator("section.image img").count() == sum(1 + len(i.maps) for i in explained.record.images)
        wide = page.locator(".scroll.wide")
        assert wide.evaluate_all("places => places.every(p => p.tabIndex === 0)")

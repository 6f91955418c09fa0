"""`skipwise evaluate --corruptions`: accuracy under noise, blur and weather, with its intervals, record and page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skipwise.cli.summaries.evaluation import print_evaluation
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import write_sealed
from skipwise.deploy.export.export import Exported
from skipwise.deploy.runtime.session import open_session
from skipwise.deploy.trained.images import own_images
from skipwise.evaluating import corrupting
from skipwise.evaluating.corrupting import asked_corruptions
from skipwise.evaluating.evaluate import evaluate, read_evaluation
from skipwise.evaluating.options import CorruptionOptions
from skipwise.evaluating.report import corruption_wording as wording
from skipwise.evaluation.corruptions import CORRUPTIONS, corrupt
from skipwise.evaluation.robustness import Robustness, robustness
from skipwise.statistics.groups import Groups
from skipwise.statistics.means import bounded_mean_interval
from skipwise.training.folder.record import read_run
from tests.browsing import page_of
from tests.conftest import make_photos

SOME = {"corruptions": ["fog", "gaussian_noise"], "severities": [1, 5]}


def by_hand(folder: Path, run: Path, kinds: list[str], severities: list[int], drawn: int) -> np.ndarray:
    """Whether each answer is right [1 + kinds x severities, N], the first row as the images are, one by one."""
    spec = read_run(run).spec
    found = own_images(run, spec.classes, None)
    assert found is not None
    images, session = found.of("test"), open_session(folder)
    chosen = set(images.drawn(drawn).rows.tolist())
    rows: list[list[bool]] = [[] for _ in range(1 + len(kinds) * len(severities))]
    for number, pixels in enumerate(images.resized(session.preprocessing)):
        if int(images.rows[number]) not in chosen:
            continue
        one = pixels[None]
        cells = [one, *(corrupt(one, k, s, seed=0, numbers=[number]) for k in kinds for s in severities)]
        for row, each in zip(rows, cells, strict=True):
            row.append(int(session.predict_resized(each).argmax()) == int(images.labels[number]))
    return np.array(rows)


def accuracies(found: Robustness) -> list[float]:
    return [cell.accuracy.value for kind in found.kinds for cell in kind.cells]


@pytest.mark.usefixtures("here")
def test_numbers_are_those_of_a_plain_loop(trained: Path, exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrupting, "BATCH", 4)
    told: list[tuple[str, int, int]] = []
    report = evaluate(exported.folder, **SOME, images=7, progress=lambda *each: told.append(each))
    found = report.robustness
    assert found is not None
    right = by_hand(exported.folder, trained, ["gaussian_noise", "fog"], [1, 5], 7)
    assert found.clean.value == right[0].mean()
    assert accuracies(found) == right[1:].mean(axis=1).tolist()
    assert found.accuracy.value == pytest.approx(right[1:].mean())
    assert found.lost.value == pytest.approx(right[0].mean() - right[1:].mean())
    assert [kind.name for kind in found.kinds] == ["gaussian_noise", "fog"]
    assert [kind.group for kind in found.kinds] == ["noise", "weather"]
    assert (found.images, found.of, found.size) == (7, report.evaluation.images, 24)
    assert any("7 of the" in note and "are corrupted" in note for note in report.record.notes)
    steps = [done for what, done, _ in told if what == "Answering corrupted images"]
    assert steps == sorted(steps)
    assert told[-1][1] < told[-1][2] == 7 * 5


@pytest.mark.usefixtures("here")
def test_batches_and_draws_change_no_answer(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate(exported.folder, **SOME)
    monkeypatch.setattr(corrupting, "BATCH", 5)
    assert evaluate(exported.folder, **SOME, again=True).robustness == first.robustness


@pytest.mark.usefixtures("here")
def test_a_killed_pass_goes_on_and_gives_the_same_bytes(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrupting, "BATCH", 2)
    monkeypatch.setattr(corrupting, "KEEP_SECONDS", 0.0)
    whole = evaluate(exported.folder, **SOME, images=7, output="whole")
    answer, calls = corrupting._is_right, 0

    def counting(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt
        return answer(*arguments)

    monkeypatch.setattr(corrupting, "_is_right", counting)
    cells = 1 + 2 * 2
    stop = 2 * cells + 3
    with pytest.raises(KeyboardInterrupt):
        evaluate(exported.folder, **SOME, images=7, output="killed")
    assert not Path("killed/evaluation.html").exists()
    calls, stop = 0, -1
    again = evaluate(exported.folder, **SOME, images=7, output="killed")
    assert calls == 2 * cells  # of four batches two were kept
    for name in ("evaluation.html", "evaluation.json", "predictions.csv"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert not (again.folder / ".corrupted.json").exists()


def test_answers_that_were_kept_and_damaged_are_given_again(tmp_path: Path) -> None:
    kept = tmp_path / ".corrupted.json"
    right = np.random.default_rng(0).random((3, corrupting.BATCH)) < 0.5
    write_sealed(kept, corrupting.Kept(images=corrupting.BATCH, right=corrupting._packed(right)))
    found, done = corrupting._kept_before(kept, 2, 40)
    assert done == corrupting.BATCH
    assert np.array_equal(found[:, :done], right)
    kept.write_text(kept.read_text().replace('"images":32', '"images":64').replace('"images": 32', '"images": 64'))
    assert corrupting._kept_before(kept, 2, 100)[1] == 0


@pytest.mark.usefixtures("here")
def test_a_run_is_corrupted_as_its_export_is(trained: Path, exported: Exported) -> None:
    run, artifact = (evaluate(folder, **SOME).robustness for folder in (trained, exported.folder))
    assert run is not None
    assert artifact is not None
    assert accuracies(run) == accuracies(artifact)


def test_groups_of_other_images_are_taken_along(exported: Exported, here: Path) -> None:
    images = make_photos(here / "more", per_class=6)
    found = evaluate(exported.folder, images, group_regex="([0-9]+)[.]", **SOME, images=12).robustness
    assert found is not None
    # Images 000 to 005 of each class; of the 12 that are drawn, none is without a group.
    assert found.groups is not None
    assert 4 <= found.groups <= 6
    assert (found.images, found.of) == (12, 18)


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import skipwise.cli.app
sys.argv = ["skipwise", "evaluate", *sys.argv[1:], "--corruptions", "fog", "--severities", "2", "--json"]
skipwise.cli.app.main()
"""


@pytest.mark.slow
def test_an_artifact_is_corrupted_without_torch(trained: Path, exported: Exported, here: Path) -> None:
    def called(folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_TORCH, folder]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    found = called(exported.folder)
    assert (found.returncode, found.stderr) == (0, "")
    (kind,) = json.loads(found.stdout)["evaluation"]["robustness"]["kinds"]
    assert kind["name"] == "fog"
    refused = called(trained)
    assert refused.returncode == 2
    assert "pip install 'skipwise[train]'" in refused.stderr
    assert [folder.name for folder in (here / "runs" / "evaluate").iterdir()] == [exported.folder.name]


@pytest.mark.usefixtures("here")
def test_evaluations_with_and_without_are_told_apart(trained: Path) -> None:
    plain = evaluate(trained)
    assert plain.robustness is None
    assert "Under noise" not in plain.page.read_text()
    fog = evaluate(trained, corruptions="fog", severities=[3])
    assert fog.folder != plain.folder
    assert fog.evaluation == plain.evaluation
    again = evaluate(trained, corruptions=["fog"], severities=[3, 3], images=5_000)
    assert (again.folder, again.repeated, again.record) == (fog.folder, True, fog.record)
    assert evaluate(trained).folder == plain.folder
    assert evaluate(trained, corruptions="fog", severities=[3], images=5).folder not in (plain.folder, fog.folder)
    kept = {path.name: path.read_bytes() for path in fog.folder.iterdir() if not path.name.startswith(".")}
    (fog.folder / "evaluation.json").unlink()
    mended = evaluate(trained, corruptions="fog", severities=[3])
    assert (mended.folder, mended.repeated) == (fog.folder, False)
    assert {name: (fog.folder / name).read_bytes() for name in kept} == kept
    with pytest.raises(SkipwiseError, match="the corruptions differ"):
        evaluate(trained, corruptions="blur", output=fog.folder)


@pytest.mark.usefixtures("here")
def test_records_without_corruptions_are_read(trained: Path) -> None:
    report = evaluate(trained)
    for name in ("plan.json", "evaluation.json"):
        plain = json.loads((report.folder / name).read_text())
        plain.pop("files", None)
        plain.pop("robustness", None)
        plain.get("plan", plain).pop("corruptions", None)
        (report.folder / name).write_text(json.dumps(plain))
    with pytest.warns(match="no checksums"):
        assert read_evaluation(report.folder).robustness is None
    with pytest.warns(match="no checksums"):
        assert evaluate(trained).repeated


def test_kinds_and_groups_are_named(trained: Path) -> None:
    preprocessing = read_run(trained).spec.preprocessing

    def kinds(*names: str) -> list[str]:
        found = asked_corruptions(CorruptionOptions(corruptions=names), preprocessing)
        assert found is not None
        return list(found.kinds)

    assert kinds("all") == kinds("noise,blur", "weather", "digital") == list(CORRUPTIONS)
    assert kinds("JPEG-compression", "fog", "fog") == ["fog", "jpeg_compression"]
    assert kinds("noise") == ["gaussian_noise", "shot_noise", "impulse_noise"]
    assert asked_corruptions(CorruptionOptions(), preprocessing) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"corruptions": "fgo"}, "no corruption called 'fgo'; did you mean 'fog'"),
        ({"corruptions": ["noise", "gausian_noise"]}, "did you mean 'gaussian_noise'"),
        ({"corruptions": " , "}, "--corruptions names none; give all"),
        ({"corruptions": "fog", "severities": [0]}, "--severities are whole numbers from 1 to 5, and not 0"),
        ({"corruptions": "fog", "severities": [1, 6]}, "--severities are whole numbers from 1 to 5, and not 6"),
        ({"corruptions": "fog", "severities": []}, "--severities names none"),
        ({"corruptions": "fog", "images": 0}, "--images must be at least 1, not 0"),
        ({"severities": [1]}, "--severities is about corrupted images; add --corruptions all"),
        ({"images": 10}, "--images is about corrupted images; add --corruptions all"),
    ],
)
def test_what_can_not_be_meant_is_refused(trained: Path, here: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SkipwiseError, match=re.escape(said)):
        evaluate(trained, **options)
    assert not (here / "runs").exists()


def test_networks_of_tiny_images_are_refused(trained: Path) -> None:
    small = replace(read_run(trained).spec.preprocessing, size=7)
    with pytest.raises(SkipwiseError, match="7 x 7 pixels, which are too small to corrupt; leave --corruptions out"):
        asked_corruptions(CorruptionOptions(corruptions="all"), small)


def test_images_that_are_gone_are_named(trained: Path, here: Path) -> None:
    elsewhere = here / "run"
    shutil.copytree(trained, elsewhere)
    place = json.loads((elsewhere / "source.json").read_text())
    place.pop("files", None)
    (elsewhere / "source.json").write_text(json.dumps({**place, "data": str(here / "gone")}))
    with (
        pytest.warns(match="no checksums"),
        pytest.raises(SkipwiseError, match="are not found, so they can't be corrupted; name labelled images"),
    ):
        evaluate(elsewhere, **SOME)
    assert not (here / "runs").exists()


def made_up(images: int, *, groups: int | None = None, kinds: int = 3, seed: int = 0) -> tuple[Robustness, np.ndarray]:
    """Answers to images, some of which are harder than others, in groups that are alike."""
    rng = np.random.default_rng(seed)
    ids = np.arange(images) if groups is None else np.arange(images) % groups
    ease = rng.beta(2, 1, size=images)[ids]
    corrupted = rng.random((kinds, 5, images)) < ease
    found = robustness(
        rng.random(images) < ease,
        corrupted,
        kinds=[(name, "noise") for name in list(CORRUPTIONS)[:kinds]],
        severities=[1, 2, 3, 4, 5],
        groups=None if groups is None else ids,
        of=images,
        size=32,
        seed=0,
    )
    return found, corrupted


def test_intervals_of_means_take_images_as_drawn() -> None:
    covered = wide = 0
    for seed in range(300):
        found, _ = made_up(150, seed=seed)
        covered += found.accuracy.low <= 2 / 3 <= found.accuracy.high
        # As if every answer were an image of its own.
        wide += abs(found.accuracy.value - 2 / 3) > 1.96 * np.sqrt(2 / 9 / (150 * 15))
    assert 0.92 <= covered / 300 <= 0.98
    assert wide / 300 > 0.3


def test_intervals_of_means_take_groups_as_drawn() -> None:
    covered = 0
    for seed in range(300):
        found, _ = made_up(400, groups=40, seed=seed)
        assert found.groups == 40
        covered += found.accuracy.low <= 2 / 3 <= found.accuracy.high
    assert 0.91 <= covered / 300 <= 0.98


def test_no_interval_is_of_zero_width() -> None:
    right = np.ones(50, dtype=np.bool_)
    half = np.zeros((1, 2, 50), dtype=np.bool_)
    half[:, 0] = True
    for corrupted in (np.ones((1, 2, 50), dtype=np.bool_), half):
        found = robustness(
            right, corrupted, kinds=[("fog", "weather")], severities=[1, 2], groups=None, of=50, size=32, seed=0
        )
        for each in (found.clean, found.accuracy, found.lost, found.kinds[0].accuracy, found.kinds[0].lost):
            assert each.low < each.high
            assert each.low <= each.value <= each.high
    low, high = bounded_mean_interval(np.full(50, 0.5), Groups(50), least=0.0, most=1.0)
    assert (low, high) == pytest.approx((0.5 - 0.0711 / 2, 0.5 + 0.0711 / 2), abs=1e-4)


def test_one_cell_has_the_interval_of_an_accuracy() -> None:
    found, corrupted = made_up(80, kinds=1)
    one = robustness(
        corrupted[0, 1],
        corrupted[:, :1],
        kinds=[("fog", "weather")],
        severities=[1],
        groups=None,
        of=80,
        size=32,
        seed=0,
    )
    assert one.accuracy == one.kinds[0].accuracy == one.kinds[0].cells[0].accuracy == found.kinds[0].cells[0].accuracy


def test_what_is_said_goes_by_the_intervals() -> None:
    def of(clean: float, corrupted: list[float]) -> Robustness:
        rng = np.random.default_rng(0)
        before = rng.permutation(500) < 500 * clean
        after = np.array([[rng.permutation(500) < 500 * share for _ in range(2)] for share in corrupted])
        kinds = [("shot_noise", "noise"), ("jpeg_compression", "digital")][: len(corrupted)]
        return robustness(before, after, kinds=kinds, severities=[2, 4], groups=None, of=900, size=32, seed=0)

    lossy = of(0.95, [0.3, 0.9])
    assert re.search(
        r"over 2 kinds of corruption at 2 severities, .*: it loses 35\.0 points \(", wording.mean_accuracy(lossy)
    )
    said = wording.most_harmful(lossy)
    assert said is not None
    assert re.match(r"Shot noise hurts it most: it loses \d+\.\d points \(.*\) on average, and \d+\.\d at sev", said)
    assert "JPEG compression hurts it least" in said
    assert "500 images, drawn from 900 class by class" in wording.applied_to(lossy)
    assert "may be chance" in wording.mean_accuracy(of(0.5, [0.5, 0.5]))
    assert wording.most_harmful(of(0.3, [0.5, 0.5])) == (
        "No kind of corruption is shown to cost accuracy on these images."
    )
    assert "it gains" in wording.mean_accuracy(of(0.3, [0.5, 0.5]))
    assert wording.most_harmful(of(0.9, [0.5])) is None


@pytest.mark.usefixtures("here")
def test_the_screen_has_a_short_table(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = evaluate(trained, **SOME)
    print_evaluation(report, network=str(trained))
    said = capsys.readouterr().out
    assert re.search(r"right, in %, under +mean +sev. 1 +sev. 5", said)
    assert report.robustness is not None
    names = [wording.kind_name(kind) for kind in report.robustness.worst_first]
    assert said.index(names[0]) < said.index(names[1])
    assert wording.mean_accuracy(report.robustness) in said.replace("\n", " ")


def test_the_page_is_light_and_fits_a_phone(trained: Path, here: Path, browser: Any) -> None:
    report = evaluate(trained, corruptions="all", images=6)
    text = report.page.read_text()
    sheets = re.findall(r'<img class="sheet" src="(data:image/webp;base64,[^"]+)"', text)
    assert len(sheets) == 1
    assert 20_000 < len(sheets[0]) < 150_000
    plain = evaluate(trained)
    assert len(text) - len(plain.page.read_text()) < 170_000
    with page_of(browser, report.page, width=360) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        table = page.query_selector("table.corruptions")
        box = table.bounding_box()
        assert box["x"] + box["width"] <= 360
        assert len(page.query_selector_all("table.corruptions tbody tr")) == 16
    assert here.exists()

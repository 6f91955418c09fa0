"""The pages of the networks of a comparison, and the images on which two of them disagree."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import skipwise
from skipwise.comparison.report import networks
from skipwise.comparison.report.examples import shown_images
from skipwise.comparison.report.networks import write_network_pages
from skipwise.comparison.results.division import MOST_IMAGES, divide
from skipwise.comparison.results.finished import Comparison, read_comparison
from skipwise.training.depth.norms import DepthRecord, DepthSnapshot, write_depth_norms
from skipwise.training.folder.predictions import read_predictions
from tests.browsing import CONTRASTS, page_of
from tests.conftest import QUICK


@pytest.fixture
def finished(finished: Comparison, tmp_path: Path) -> Comparison:
    """A copy of the comparison that all tests share, to be changed."""
    return read_comparison(Path(shutil.copytree(finished.folder, tmp_path / "c")))


def files(folder: Path) -> dict[str, bytes]:
    pages = folder / "evaluation"
    return {str(path.relative_to(pages)): path.read_bytes() for path in sorted(pages.glob("*/*")) if path.is_file()}


def test_each_network_has_a_page_of_its_first_run_which_the_report_links(finished: Comparison) -> None:
    report = finished.report.read_text()
    for name in QUICK["models"]:
        page = finished.folder / "evaluation" / name / "evaluation.html"
        assert f'href="evaluation/{name}/evaluation.html"' in report
        text = page.read_text()
        assert 'href="../../report.html"' in text
        assert "seed 0: the first of 2 that finished; no accuracy had a part in the choice" in text
        found = json.loads((page.parent / "evaluation.json").read_text())
        given = read_predictions(finished.folder / "runs" / f"{name}-s0", "test")
        right = int((given.logits.argmax(axis=1) == given.labels).sum())
        matrix = np.array(found["evaluation"]["matrix"])
        assert (int(np.trace(matrix)), int(matrix.sum())) == (right, len(given.labels))
        assert "data:image/" in text
    assert sum(path.stat().st_size for path in finished.folder.glob("evaluation/*/*")) < 500_000
    assert finished.report.stat().st_size < 1_000_000


def test_norms_by_depth_are_on_the_pages_of_networks_that_recorded_them(finished: Comparison) -> None:
    folder = finished.folder / "runs" / "plain18-s0"
    assert 'id="depth"' not in (finished.folder / "evaluation" / "plain18" / "evaluation.html").read_text()
    norms = (1.0, 2.0, 4.0)
    snapshot = DepthSnapshot(epoch=0, activations=norms, gradients=norms)
    record = DepthRecord(epochs=(0,), model="plain18", seed=0, images=8, blocks=("a", "b", "c"), snapshots=(snapshot,))
    write_depth_norms(folder, record)
    shutil.rmtree(finished.folder / "evaluation")
    skipwise.report(finished.folder)
    pages = {name: (finished.folder / "evaluation" / name / "evaluation.html").read_text() for name in QUICK["models"]}
    assert {name for name, text in pages.items() if 'id="depth"' in text} == {"plain18"}


def test_a_page_says_what_evaluate_says_of_the_same_run(finished: Comparison, tmp_path: Path) -> None:
    other = skipwise.evaluate(finished.folder / "runs" / "plain18-s0", output=tmp_path / "e").record
    own = networks.read_evaluation(finished.folder / "evaluation" / "plain18").record
    assert own.evaluation.outcomes == other.evaluation.outcomes
    assert own.evaluation.scores == other.evaluation.scores
    assert sorted(map(sorted, own.evaluation.matrix)) == sorted(map(sorted, other.evaluation.matrix))


def test_pages_that_are_missing_or_damaged_are_written_and_others_are_left_alone(finished: Comparison) -> None:
    before, place = files(finished.folder), finished.folder / "evaluation"
    kept = (place / "resnet18" / "evaluation.html").stat().st_mtime_ns
    shutil.rmtree(place / "plain18")
    skipwise.report(finished.folder)
    assert (place / "resnet18" / "evaluation.html").stat().st_mtime_ns == kept
    after = files(finished.folder)
    assert after.keys() == before.keys()
    assert after["plain18/evaluation.json"].count(b'"confidence"') == before["plain18/evaluation.json"].count(
        b'"confidence"'
    )
    assert b"data:image/" in after["plain18/evaluation.html"]  # the images are where they were
    (place / "plain18" / "evaluation.html").write_text("damaged")
    skipwise.report(finished.folder)
    assert files(finished.folder) == after


def test_a_kill_leaves_each_page_whole_or_absent(finished: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, results, folder = finished.plan, finished.results, finished.folder
    shutil.rmtree(folder / "evaluation")

    def write() -> None:
        write_network_pages(plan, folder, results, lambda _: {}, few_pixels=True)

    write()
    whole = files(folder)
    shutil.rmtree(folder / "evaluation")
    written = networks.write_text
    for stopped_at in (1, 2):  # before a page, and after it and before its record
        calls: list[Path] = []

        def stopping(path: Path, text: str, calls: list[Path] = calls, stopped_at: int = stopped_at) -> None:
            calls.append(path)
            if stopped_at == 2:
                written(path, text)
            raise KeyboardInterrupt

        monkeypatch.setattr(networks, "write_text", stopping)
        with pytest.raises(KeyboardInterrupt):
            write()
        assert not list(folder.glob("evaluation/*/evaluation.json"))
    monkeypatch.setattr(networks, "write_text", written)
    write()
    assert files(folder) == whole


def test_other_answers_make_another_page(finished: Comparison) -> None:
    """As where a comparison is extended, and its first run is another one."""
    plan, folder = finished.plan, finished.folder
    before = files(folder)
    for name in ("run.json", "predictions.npz"):
        shutil.copy(folder / "runs" / "resnet18-s1" / name, folder / "runs" / "resnet18-s0" / name)
    write_network_pages(plan, folder, finished.results, lambda _: {}, few_pixels=True)
    after = files(folder)
    assert {name for name in before if before[name] != after[name]} == {
        f"resnet18/{name}" for name in ("plan.json", "evaluation.html", "evaluation.json")
    }


def test_a_network_whose_runs_were_removed_keeps_its_page(finished: Comparison) -> None:
    before = files(finished.folder)
    shutil.rmtree(finished.folder / "runs")
    (finished.folder / "runs").mkdir()
    for name in QUICK["models"]:
        for seed in range(2):
            (finished.folder / "runs" / f"{name}-s{seed}").mkdir()
    pages = write_network_pages(finished.plan, finished.folder, finished.results, lambda _: {}, few_pixels=True)
    assert list(pages) == QUICK["models"]
    assert files(finished.folder) == before


def test_the_first_run_is_that_of_the_first_seed_that_finished(finished: Comparison) -> None:
    first, *others = finished.results.candidates
    runs = (replace(first.runs[0], status="failed", test=None, val=None), *first.runs[1:])
    results = replace(finished.results, candidates=(replace(first, runs=runs), *others))
    pages = write_network_pages(finished.plan, finished.folder, results, lambda _: {}, few_pixels=True)
    assert [page.seed for page in pages.values()] == [1, 0]


def test_networks_are_divided_by_the_images_that_most_runs_get_right() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    a, b = (np.where(rng.random((5, 60)) < 0.5, labels, (labels + 1) % 3) for _ in range(2))
    found = divide(("a", a), ("b", b), ids=[str(n) for n in range(60)], labels=labels, classes=["x", "y", "z"])
    right = [(answers == labels).sum(axis=0) >= 3 for answers in (a, b)]
    assert (found.only_a, found.only_b) == ((right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum())
    assert min(found.only_a, found.only_b) > MOST_IMAGES
    assert len(found.images) == 2 * MOST_IMAGES
    for image in found.images:
        assert image.label == "xyz"[labels[int(image.id)]]
        assert (image.right_a > 0.5) != (image.right_b > 0.5)
        for share, answer, answers in ((image.right_a, image.answer_a, a), (image.right_b, image.answer_b, b)):
            assert share == pytest.approx((answers[:, int(image.id)] == labels[int(image.id)]).mean())
            assert (answer == image.label) == (share > 0.5)
    gaps = [image.right_a - image.right_b for image in found.images[:MOST_IMAGES]]
    assert gaps == sorted(gaps, reverse=True)
    turned = found.turned()
    assert (turned.a, turned.only_a) == ("b", found.only_b)
    assert [image.id for image in turned.images[:MOST_IMAGES]] == [i.id for i in found.images[MOST_IMAGES:]]
    assert set(turned.turned().images) == set(found.images)


def test_an_even_number_of_runs_that_are_half_right_divides_nobody() -> None:
    half, whole = np.array([[0], [1]]), np.array([[0], [0]])
    found = divide(("a", half), ("b", whole), ids=["i"], labels=np.array([0]), classes=["x", "y"])
    assert (found.only_a, found.only_b, found.images) == (0, 0, ())


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_report_and_pages_fit_and_are_reached_by_keyboard(
    browser: Any, finished: Comparison, width: int, scheme: str
) -> None:
    pages = write_network_pages(finished.plan, finished.folder, finished.results, lambda _: {}, few_pixels=True)
    shown = json.loads((finished.folder / "pictures.json").read_text())
    assert set(shown_images(finished.results, finished.costs.recommendation, pages)) == shown.keys()
    with page_of(browser, finished.report, width=width, scheme=scheme) as page:
        order = [page.locator(f"#{name}").bounding_box()["y"] for name in ("h-examples", "h-confusion", "h-statistics")]
        assert order == sorted(order)
        assert page.locator("p.answer").bounding_box()["y"] < 300
        assert page.locator("img").count() >= 4
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert min(page.evaluate(CONTRASTS))[0] >= 4.5
        wide = page.locator(".scroll.wide")
        hinted = wide.evaluate_all("places => places.map(p => getComputedStyle(p, '::before').content)")
        assert (len(hinted) > 0) == (width == 360)
        assert all("Scrolls sideways" in hint for hint in hinted)
        assert wide.evaluate_all("places => places.every(p => p.tabIndex === 0)")
        if width == 360:
            wide.first.focus()
            page.keyboard.press("ArrowRight")
            # Not by a function in the page, whose policy forbids what waits for it.
            begun = time.monotonic()
            while not wide.first.evaluate("place => place.scrollLeft") and time.monotonic() < begun + 30:
                page.wait_for_timeout(50)
            assert wide.first.evaluate("place => place.scrollLeft") > 0
    address = re.search(r'href="(evaluation/[^"]+)"', finished.report.read_text())
    assert address is not None
    with page_of(browser, finished.folder / address[1], width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert min(page.evaluate(CONTRASTS))[0] >= 4.5

"""Records as a notebook shows them: small, escaped, without anything from elsewhere, readable in both themes."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import skipwise
from skipwise.cleaning.record import Cleaning, Kept, Removable
from skipwise.comparison.recommend import Recommended
from skipwise.comparison.restore import Restored
from skipwise.comparison.results.choice import HERE, Limits
from skipwise.comparison.results.finished import Comparison
from skipwise.core.files.checksums import read_sealed
from skipwise.core.shown import Shown
from skipwise.deploy.hub.push import Pushed
from skipwise.deploy.predict.predict import Predicted
from skipwise.deploy.predict.predictor import HeatMap, Prediction
from skipwise.notebook import table
from skipwise.notebook.progress import Cell
from skipwise.pages import card
from skipwise.studies.records import StudyRecord
from tests.browsing import CONTRASTS, page_of
from tests.fabricated import NASTY, fabricate, write_comparison
from tests.predicted import made, write

LIGHT_ENOUGH = 60_000
"""Characters of a record, at most."""
PLAIN = {"End", "Epoch", "NetworkSpec", "Phase", "ReadingOptions", "RunEnd", "SlurmRequest", "Source", "Start"}
"""Public records that are settings, or are read by callbacks."""
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e"


def comparison(**changes: Any) -> Comparison:
    """A comparison that nobody ran, with hostile names in it."""
    made = fabricate()
    where = {"folder": Path("runs/compare") / NASTY, "repeated": True} | changes
    return Comparison(plan=made.plan, results=made.results, costs=made.costs, **where)


def judged() -> Any:
    """A judgement on made-up predictions."""
    labels = np.arange(400) % 4
    wrong = [np.where((np.arange(400) + seed) % 100 < 20, (labels + 1) % 4, labels) for seed in range(2)]
    return skipwise.judge_predictions(labels, {f"old{NASTY}": wrong, "new": [labels, labels]})


def recommended() -> Recommended:
    """A recommendation within limits."""
    found = comparison()
    return Recommended(
        comparison=found,
        limits=Limits(),
        latencies=found.costs.medians,
        where=HERE,
        recommendation=found.costs.recommendation,
    )


def prediction(side: int = 12) -> Prediction:
    """An answer with hostile classes and its picture."""
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 1), dtype=np.uint8)
    return Prediction(label=EVIL, probability=0.9, probabilities={EVIL: 0.9, "b": 0.1}, thumbnail=pixels)


def heat_map() -> HeatMap:
    """A heat map of noise, in colour."""
    rng = np.random.default_rng(0)
    square = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
    return HeatMap(prediction=prediction(), square=square, map=rng.normal(size=(16, 16)))


def predicted() -> Predicted:
    """A file of answers, some of which are errors."""
    broken = (("a.png", EVIL), (EVIL, "damaged"))
    return Predicted(file=Path("x") / NASTY, images=5, unreadable=2, first=broken, left_out=1, repeated=False)


MADE_UP: dict[str, Callable[[], Any]] = {
    "Comparison": comparison,
    "Judged": judged,
    "Recommended": recommended,
    "Prediction": prediction,
    "no answer": lambda: Prediction(error=EVIL),
    "HeatMap": heat_map,
    "Predicted": predicted,
}


class Tags(HTMLParser):
    """The tags and attributes of some HTML, which has to be well nested."""

    VOID = frozenset({"img", "br", "path", "circle", "rect"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(record: Any) -> str:
    """Holds what every record's HTML promises, and returns it."""
    html: str = record._repr_html_()
    assert len(html) < LIGHT_ENOUGH
    assert "\u202e" not in html
    found = Tags(html).tags
    assert not {tag for tag, _ in found} & {"script", "link", "iframe", "object", "base", "meta", "form"}
    for tag, attributes in found:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert (attributes.get("href") or "./").startswith("./")
        assert tag != "img" or attributes["alt"]
    style = re.search(r"<style>(.*?)</style>", html)
    assert style is not None
    assert "url(" not in style[1]
    assert all(rule.strip().startswith(".skipwise") for rule in re.findall(r"(?:^|})([^{}]+){", style[1]))
    return html


@pytest.mark.parametrize("name", MADE_UP)
def test_a_record_is_small_escaped_and_loads_nothing(name: str) -> None:
    check(MADE_UP[name]())


def test_the_sentences_and_tables_are_those_of_the_other_reports() -> None:
    found = comparison(folder=Path("runs/compare/images"))
    html = found._repr_html_()
    assert str(card.text(found.verdict[0])) in html
    assert html.count('class="interval"') == len(found.results.pairs)
    assert 'href="./runs/compare/images/report.html"' in html
    assert "href" not in replace(found, folder=Path("/elsewhere").absolute())._repr_html_()


def test_a_picture_is_what_the_network_saw() -> None:
    html = check(prediction())
    assert html.count("<img ") == 1
    assert check(Prediction(label="a", probability=1.0, probabilities={"a": 1.0})).count("<img ") == 0
    assert check(heat_map()).count("<img ") == 2


def test_every_public_record_and_every_result_of_a_verb_is_shown() -> None:
    public = [getattr(skipwise, name) for name in skipwise.__all__]
    records = {each.__name__ for each in public if dataclasses.is_dataclass(each) and isinstance(each, type)} - PLAIN
    returned = {
        name
        for each in public
        if hasattr(each, "takes") or each is skipwise.judge_predictions
        for name in re.findall(r"[A-Z]\w+", str(inspect.signature(each).return_annotation))
    }
    assert records | (returned - {"Path", "Iterator", "Answer", "Source", "None"}) <= table.DRAWN.keys()
    assert "Comparison" in returned
    for name in records:
        assert issubclass(getattr(skipwise, name), Shown)


@pytest.mark.parametrize("name", table.DRAWN)
def test_each_row_of_the_table_draws_what_its_record_is(name: str) -> None:
    module, _, function = table.DRAWN[name].rpartition(".")
    drawing = getattr(__import__(f"skipwise.notebook.{module}", fromlist=["_"]), function)
    kind = inspect.get_annotations(drawing, eval_str=True).popitem()[1]
    assert kind is str
    (first, *_) = inspect.get_annotations(drawing, eval_str=True).values()
    assert first.__name__ == name
    assert first._repr_html_ is Shown._repr_html_


@pytest.mark.slow
def test_records_of_real_work(small: Path, here: Path) -> None:
    """A run, an audit, an evaluation, an export, an explanation, advice and a plan."""
    audit = skipwise.audit(small / "pics", output=here / "audit")
    assert "30 images" in check(audit)
    assert "images" in check(skipwise.advise(small / "pics"))
    run = skipwise.train(small / "pics", output=small / "run", **SMALL)
    assert "was finished before" in check(run)
    assert "validation images" in check(run)
    evaluation = skipwise.evaluate(small / "run", output=here / "evaluation")
    assert evaluation.record.plan.model in check(evaluation)
    picture = next((small / "pics" / "stripes1").iterdir())
    explained = skipwise.explain(small / "run", picture, check=False, output=here / "explained")
    assert check(explained).count("<img ") == len(explained.record.images[0].maps)
    (here / "explained" / explained.record.images[0].maps[0].file).unlink()
    assert check(explained).count("<img ") == len(explained.record.images[0].maps) - 1
    with skipwise.Predictor(small / "artifact") as predictor:
        answer = predictor.predict(picture)
        many = next(predictor.predict_many([picture]))
    assert answer.thumbnail is not None
    assert answer.thumbnail.shape == (16, 16, 3)
    assert many.thumbnail is None
    assert (many.label, many.error) == (answer.label, None)
    check(answer)
    made = skipwise.export(small / "run", output=small / "artifact")
    assert "skipwise verify" in check(made)
    assert "golden images" in check(skipwise.verify(small / "artifact", timing=False))
    planned = skipwise.compare(small / "pics", models=["resnet20", "plain20"], seeds=2, epochs=1, dry_run=True)
    assert "Nothing was trained" in check(planned)


def test_a_gate_and_a_judgement_of_files(here: Path) -> None:
    for name, accuracy in (("old", 0.8), ("new", 0.9)):
        for seed in range(2):
            write(here / f"{name}-s{seed}.csv", made(accuracy, seed))
    found = check(skipwise.judge([*here.glob("old-*.csv"), *here.glob("new-*.csv")]))
    assert "runs/judge" in found
    gate = skipwise.gate("old-s0.csv", "new-s0.csv", margin=5)
    assert str(card.text(gate.verdict[0])) in check(gate)


def test_work_and_what_is_left_of_it(here: Path) -> None:
    (here / "runs" / "compare").mkdir(parents=True)
    write_comparison(here / "runs" / "compare" / "made")
    assert "finished" in check(skipwise.status(here / "runs" / "compare" / "made"))
    assert "made" in check(skipwise.status(here / "runs"))
    assert "Nothing may go" in check(skipwise.clean([here / "runs"], cache=False))
    removable = Removable(
        kind="weights", path=Path(EVIL), size=5, why="nobody needs it", again="skipwise restore", home=here
    )
    assert "in 1 file may go" in check(Cleaning(found=(removable,), left=(Kept(path=Path(EVIL), why=EVIL),)))
    assert "the same bytes" in check(Restored(folder=Path(EVIL), repeated=False))
    assert EVIL not in check(Pushed(folder=Path("x"), name=f"me/{EVIL}", url="https://huggingface.co/me/x"))


def test_a_study_and_a_profile() -> None:
    page = Path(__file__).parents[1] / "docs" / "studies" / "depth.md"
    record = read_sealed(page.with_suffix(".json"), StudyRecord)
    report = skipwise.StudyReport(folder=Path("runs/study/depth"), record=record, page=page, repeated=True)
    assert check(report).count("<tr>") == 1 + len(record.findings)
    costs = skipwise.profile(["resnet20"], img_size=32, batch_size=2, num_classes=10, seconds=0.01)
    assert f"{costs.networks[0].counts.parameters:,}" in check(costs)


SMALL = {"model": "plain20", "width": 0.25, "epochs": 1, "img_size": 16, "precision": "fp32", "compile": False}


def test_progress_of_a_cell_is_replaced_and_its_lines_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    handle = SimpleNamespace(update=drawn.append)
    display = SimpleNamespace(HTML=lambda html: html, display=lambda html, **_: drawn.append(html) or handle)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    cell = Cell()
    cell.stop()
    assert drawn == []  # nothing took long enough to be shown
    cell.start()
    cell.line(EVIL)
    cell.show("Training", 1, 4, "about 3 s left")
    assert "width: 25.0%" in drawn[-1]
    assert "about 3 s left" in drawn[-1]
    cell.show("Training", 2, 4, "")
    assert len(drawn) == 2  # sooner than anybody can read
    cell.stop()
    assert "about 3 s left" not in drawn[-1]
    assert "<script" not in "".join(drawn)
    assert str(card.text(EVIL)) in drawn[-1]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("ground", "ink"), [("#ffffff", "#212121"), ("#111111", "#dddddd"), ("#1e1e1e", "#cccccc")])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_readable_in_the_themes_of_notebooks(
    ground: str, ink: str, width: int, browser: Any, tmp_path: Path
) -> None:
    """White, JupyterLab's dark theme, VS Code's: every text has contrast, and nothing is wider than its cell."""
    cells = "".join(make()._repr_html_() for make in MADE_UP.values())
    page = tmp_path / "notebook.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>cells</title>'
        f'<body style="background: {ground}; color: {ink}; margin: 8px">{cells}</body>'
    )
    with page_of(browser, page, width=width) as shown:
        shown.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        contrasts = shown.evaluate(CONTRASTS)
        assert len(contrasts) > 50
        assert [text for contrast, text in contrasts if contrast < 4.5] == []
        assert shown.evaluate("document.documentElement.scrollWidth") <= width

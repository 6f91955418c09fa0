"""The report, made of fabricated records and opened in a real browser."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.report import evidence
from skipwise.comparison.report.page import write_report
from skipwise.comparison.results.records import Costs, Results
from skipwise.comparison.wording.answer import answer
from skipwise.pages.figures import Point, pareto_front
from skipwise.pages.pictures import is_data_url
from skipwise.statistics import share
from tests import browsing
from tests.fabricated import NASTY, NETWORKS, Fabricated, fabricate

page_of = browsing.page_of

CASES: dict[str, dict[str, Any]] = {
    "usual": {},
    "thirty images, one epoch": {
        "names": tuple(NETWORKS)[:4],
        "looks": (5,),
        "epochs": 1,
        "test_images": 30,
        "side": 8,
        "exploratory": False,
        "tuned": False,
        "failed": None,
        "choice": "se_resnet18",
        "shown": False,
    },
    "many": {
        "names": tuple(NETWORKS),
        "outcome": "balanced-accuracy",
        "classes": tuple(f"class {n}" for n in range(40)),
    },
    "a loss": {"outcome": "log-loss", "exploratory": False},
    "cross-validation": {"folds": 4, "looks": (3,), "tuned": False, "exploratory": False, "choice": None},
}


def written(folder: Path, made: Fabricated) -> Path:
    path = folder / "report.html"
    write_report(path, *made.arguments())
    return path


@pytest.mark.browser
@pytest.mark.parametrize(
    ("case", "width", "scheme"),
    [
        # Every case is seen once, and the first one in both ways.
        pytest.param(case, *view, marks=[pytest.mark.slow] * (number > 0 and (number + turn) % 2 == 1))
        for number, case in enumerate(CASES)
        for turn, view in enumerate([(1280, "light"), (390, "dark")])
    ],
)
def test_the_report_opens_offline_without_a_complaint(
    browser: Any, tmp_path: Path, case: str, width: int, scheme: str
) -> None:
    made = fabricate(**CASES[case])
    with page_of(browser, written(tmp_path, made), width=width, scheme=scheme) as page:
        candidates = len(made.results.candidates)
        counted = sum(candidate.counts is not None for candidate in made.results.candidates)
        assert page.locator("#trade-off svg").count() == 3
        assert page.locator("#trade-off .point").count() == candidates + 2 * counted
        assert page.locator("#curves svg").count() == (1 if made.plan.folds else 2)
        assert page.locator("#curves svg >> nth=-1").locator(".line").count() == candidates
        assert page.locator("#networks tr").count() == 1 + candidates
        assert page.locator("#matrix tbody tr").count() == candidates
        assert page.locator("#pairs tr").count() == 1 + candidates * (candidates - 1) // 2
        assert page.locator("#runs tr").count() == 1 + sum(len(c.runs) for c in made.results.candidates)
        # The text of the figures is as dark or light as the page's, and all text stands out from its ground.
        ink = page.evaluate("getComputedStyle(document.body).color")
        assert page.evaluate("getComputedStyle(document.querySelector('#curves text')).fill") == ink
        contrasts = page.evaluate(browsing.CONTRASTS)
        assert len(contrasts) > 100
        assert min(contrasts)[0] >= 4.5, min(contrasts)
        # Wide tables scroll inside themselves; the page as a whole does not.
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_the_report_fits_a_small_phone_with_all_that_it_may_say(browser: Any, tmp_path: Path) -> None:
    made = fabricate(exploratory=False)
    candidates = [replace(each, not_learned=share(turn % 2, 5)) for turn, each in enumerate(made.results.candidates)]
    made = replace(made, results=replace(made.results, candidates=tuple(candidates)))
    with page_of(browser, written(tmp_path, made), width=360) as page:
        assert "0 of 5 learned nothing; up to 52% may" in page.inner_text("#networks")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.browser
def test_the_answer_is_what_one_sees_first(browser: Any, tmp_path: Path) -> None:
    made = fabricate(exploratory=False)
    with page_of(browser, written(tmp_path, made), width=390) as page:
        box = page.locator("p.answer").bounding_box()
        assert box["y"] + box["height"] < 500
        assert answer(made.results, made.costs.recommendation).use in re.sub(r"\s+", " ", page.inner_text("p.answer"))
        assert page.inner_text("p.answer strong") == "mobilenet_v2"
        assert "mobilenet_v2" in page.inner_text("#networks tr.chosen")


@pytest.mark.browser
def test_it_prints_black_on_white_with_everything_open(browser: Any, tmp_path: Path) -> None:
    with page_of(browser, written(tmp_path, fabricate(**CASES["many"])), scheme="dark") as page:
        assert page.locator("details:not([open])").count() > 3
        paper = page.pdf(format="A4")
        assert paper.count(b"/Type /Page\n") >= 6
        assert page.locator("details:not([open])").count() == 0
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert page.evaluate("getComputedStyle(document.querySelector('#trade-off text')).fill") == "rgb(0, 0, 0)"
        assert page.locator("nav").is_hidden()


def without_results(made: Fabricated) -> Fabricated:
    """The same where every run failed in its first epoch."""
    candidates = tuple(
        replace(
            candidate,
            counts=None,
            outcome=None,
            accuracy=None,
            without_near_duplicates=None,
            per_class=(),
            runs=tuple(replace(run, status="failed", reason="boom", val=None, test=None) for run in candidate.runs),
        )
        for candidate in made.results.candidates
    )
    nothing = replace(
        made.results, candidates=candidates, pairs=(), bootstraps=(), disagreements=(), divided=(), looks=(), tried=()
    )
    return replace(made, results=nothing, costs=replace(made.costs, latencies={}), histories={}, pictures={}, pages={})


def test_where_everything_failed_the_report_says_so(tmp_path: Path) -> None:
    text = written(tmp_path, without_results(fabricate(choice=None))).read_text()
    body = text[text.index("<body") :]
    assert "<figure" not in body
    assert body.count("not judged") >= 20
    assert "12 of 12 runs of resnet18 failed" in body
    assert "No network can be recommended" in body


def with_nasty_names(made: Fabricated) -> Fabricated:
    """The same with markup for names of a network, a class, an image, a data set, a processor and in reasons."""

    def spoil(record: Any) -> Any:
        text = msgspec.json.encode(record).decode()
        for name in ("plain18", "dog", "holiday-photos", "An Ordinary Processor 3000", "the loss became nan in epoch 2",
                     "9.80 ms is more than 8 ms", "cat/0002.png"):  # fmt: skip
            text = text.replace(json.dumps(name)[1:-1], json.dumps(NASTY)[1:-1])
        return msgspec.json.decode(text, type=type(record))

    plan, results, costs = spoil(made.plan), spoil(made.results), spoil(made.costs)
    assert isinstance(plan, Plan)
    assert isinstance(results, Results)
    assert isinstance(costs, Costs)
    histories = {NASTY if name == "plain18" else name: runs for name, runs in made.histories.items()}
    pages = {NASTY if name == "plain18" else name: page for name, page in made.pages.items()}
    return Fabricated(plan, results, costs, histories, made.pictures, pages)


def test_names_are_escaped(tmp_path: Path) -> None:
    made = with_nasty_names(fabricate())
    assert sum(NASTY in str(part) for part in (made.plan, made.results, made.costs)) == 3
    text = written(tmp_path, made).read_text()
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert") > 20


@pytest.mark.browser
def test_names_that_are_markup_do_nothing_in_a_browser(browser: Any, tmp_path: Path) -> None:
    with page_of(browser, written(tmp_path, with_nasty_names(fabricate()))) as page:
        assert NASTY in page.inner_text("#networks")
        assert any(title.startswith(NASTY) for title in page.locator("#trade-off title").all_text_contents())


def test_an_answer_from_seeds_that_made_no_difference_is_not_called_sure(tmp_path: Path) -> None:
    made = fabricate(exploratory=False)
    assert any(candidate.repeated for candidate in made.results.candidates)
    assert "Not to be trusted" in written(tmp_path, made).read_text()
    sound = tuple(replace(candidate, repeated=()) for candidate in made.results.candidates)
    text = written(tmp_path, replace(made, results=replace(made.results, candidates=sound))).read_text()
    assert "Not to be trusted" not in text
    assert "Shown, 95% sure" in text


def test_the_report_starts_with_the_answer_and_says_how_to_repeat_it(tmp_path: Path) -> None:
    made = fabricate()
    text = written(tmp_path, made).read_text()
    body = text[text.index("<body") :]
    assert body.index('class="answer"') < body.index("Exploratory: ") < body.index("<h2")
    for heading in ("What was equal", "What was not", "Learning curves", "Every pair", "Every run"):
        assert heading in body
    assert made.plan.fingerprint in body
    shown = re.search(r"<pre>(.*?)</pre>", body)
    assert shown is not None
    assert re.sub(r"<[^>]+>", "", shown[1]) == command(made.plan)
    assert len(text) < 300_000


@pytest.mark.parametrize("case", CASES)
def test_the_command_is_one_that_compare_takes(case: str) -> None:
    from typer.main import get_command

    from skipwise.cli.app import app

    made = fabricate(**CASES[case])
    plan = replace(made.plan, image_options=("--exclude", "an audit.json"))
    words = shlex.split(command(plan))
    assert words[:2] == ["skipwise", "compare"]
    taken = get_command(app).commands["compare"].make_context("compare", words[2:]).params  # type: ignore[attr-defined]
    looks = made.plan.question.looks
    assert (taken["seeds"], taken["looks"]) == ((looks[0], None) if len(looks) == 1 else (None, "5,8,12"))
    assert taken["folds"] == made.plan.folds
    assert taken["exclude"] == "an audit.json"
    assert (taken["tune"], taken["lr"]) == (("lr=0.1,0.4", None) if made.plan.tuning else (None, 0.4))
    assert taken["outcome"] == made.plan.question.outcome


def test_the_command_names_a_file_by_its_name_even_where_a_data_set_has_it_too() -> None:
    plan = replace(fabricate().plan, data="digits", found_in=None)
    assert shlex.split(command(plan))[2] == "digits"
    assert shlex.split(command(replace(plan, found_in="digits.zip")))[2] == "path/to/digits.zip"


def test_no_time_limit_in_the_command_but_what_it_chose() -> None:
    plan = replace(fabricate().plan, time_limit=3600.0)
    assert "--time-limit" not in command(plan)
    assert "--epochs 30" in command(plan)


def test_the_matrix_is_the_same_from_both_sides() -> None:
    results = fabricate().results
    drawn = evidence.matrix(results)
    names = [row["name"] for row in drawn["rows"]]
    assert (
        names == [column["name"] for column in drawn["columns"]] == sorted(names, key=lambda name: -NETWORKS[name][0])
    )
    opposite = {"better": "worse", "worse": "better", "equivalent": "equivalent", "unresolved": "unresolved"}
    kinds = set()
    for i, row in enumerate(drawn["rows"]):
        for j, cell in enumerate(row["cells"]):
            assert cell["self"] == (i == j)
            if i != j:
                there = drawn["rows"][j]["cells"][i]["judged"]
                assert cell["judged"]["kind"] == opposite[there["kind"]]
                assert float(cell["judged"]["difference"]) == -float(there["difference"])
                kinds.add(cell["judged"]["kind"])
    assert kinds == set(opposite)


def test_of_many_classes_those_that_differ_most() -> None:
    results = fabricate(classes=tuple(f"class {n}" for n in range(40))).results
    shown = evidence.classes(results)
    assert shown is not None
    assert len(shown["rows"]) == evidence.MOST_CLASSES
    assert shown["left_out"] == 40 - evidence.MOST_CLASSES
    spreads = [max(values) - min(values) for values in zip(*(c.per_class for c in results.candidates), strict=True)]
    assert shown["rows"][0]["name"] == f"class {spreads.index(max(spreads))}"
    without = replace(results, class_images=(0, *results.class_images[1:]))
    assert len(evidence.classes(without)["rows"]) + evidence.classes(without)["left_out"] == 39  # type: ignore[index]


def test_curves_leave_out_runs_that_stopped_short() -> None:
    made = fabricate()
    histories = {
        "resnet18": [history[:4] for history in made.histories["resnet18"][:2]] + [made.histories["resnet18"][2][:1]]
    }
    drawn = evidence.curves(made.results, histories)
    assert len(drawn) == 2
    mean = sum(history[3].train_loss for history in made.histories["resnet18"][:2]) / 2
    assert f"resnet18: {mean:.4g} after epoch 4" in drawn[1]
    line = re.findall(r'<path d="M([^"z]*)" fill="none" stroke="#0072B2"', drawn[1])
    assert [part.count("L") for part in line] == [3]
    alone = evidence.curves(made.results, {"resnet18": [history[:1] for history in made.histories["resnet18"]]})
    assert "<circle" in alone[0]
    assert "opacity" not in alone[0]
    assert evidence.curves(made.results, {"resnet18": [()]}) == []


def test_pareto_front_has_what_nothing_cheaper_matches() -> None:
    def point(name: str, x: float, y: float) -> Point:
        return Point(0, name, x, x, x, y, y, y)

    points = [point("a", 1, 90), point("b", 2, 89), point("c", 2, 95), point("d", 3, 95), point("e", 4, 99)]
    assert [p.name for p in pareto_front(points)] == ["a", "c", "e"]
    losses = [replace(point, y=-point.y) for point in points]
    assert [p.name for p in pareto_front(losses, higher_is_better=False)] == ["a", "c", "e"]


@pytest.mark.browser
def test_a_page_may_ask_nobody_for_anything(browser: Any, tmp_path: Path) -> None:
    """Were there a picture's address in it, or a link to a style, no browser would follow it."""
    path = written(tmp_path, fabricate())
    path.write_text(path.read_text().replace("<h1>", '<img src="http://127.0.0.1:9/seen.png"><h1>', 1))
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text))
    page.goto(path.as_uri())
    page.close()
    assert [said for said in complaints if "seen.png" in said and "Content Security Policy" in said]


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", True),
        ("data:image/webp;base64,UklGRg==", True),
        ("http://example.org/a.png", False),
        ("//example.org/a.png", False),
        ("data:image/svg+xml;base64,PHN2Zz4=", False),
        ("data:text/html;base64,PHN2Zz4=", False),
        ('data:image/png;base64,AA" onerror="alert(1)', False),
        ("data:image/png;base64,AA==\n", False),
        ("", False),
    ],
)
def test_only_pictures_themselves_are_shown(url: str, is_one: bool) -> None:
    assert is_data_url(url) is is_one

"""The report, opened in a real browser."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise.pages.figures import Point, pareto_front


@pytest.fixture(scope="module")
def comparison(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> skipwise.Comparison:
    output = tmp_path_factory.mktemp("report") / "out"
    return skipwise.compare(photos, models=["resnet18", "mobilenet_v2"], seeds=2, epochs=3, width=0.125, output=output)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium, and in CI there must be")
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_report_opens_offline_without_a_complaint(
    browser: Any, comparison: skipwise.Comparison, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(comparison.report.resolve().as_uri())
    page.wait_for_selector("#training .main-svg")
    assert not complaints
    assert requests == [comparison.report.resolve().as_uri()]
    for figure in ("trade-off", "differences", "validation", "training"):
        assert page.locator(f"#{figure} .main-svg").count() > 0, figure
    assert page.locator("#networks tr").count() == 1 + 2
    assert page.locator("#pairs tr").count() == 1 + 1
    assert page.locator("#runs tr").count() == 1 + 4
    # The text of the figures is as dark or light as the page's.
    ink = page.evaluate("getComputedStyle(document.body).color")
    title = page.evaluate("getComputedStyle(document.querySelector('#training .xtitle')).fill")
    assert title == ink
    # Wide tables scroll inside themselves; the page as a whole does not.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_report_starts_with_the_answer_and_says_how_to_repeat_it(comparison: skipwise.Comparison) -> None:
    text = comparison.report.read_text()
    body = text[text.index("<body>") :]
    assert comparison.costs.recommendation.sentence in body
    assert body.index('class="answer"') < body.index("<h2>")
    command = re.search(r"<pre>(skipwise compare .*?)</pre>", body)
    assert command is not None
    assert "--models resnet18,mobilenet_v2 --seeds 2" in command[1]
    for heading in ("What was equal", "What was not", "Learning curves", "Every pair", "Every run"):
        assert heading in body
    assert comparison.plan.fingerprint in body


def test_names_are_escaped(tmp_path: Path, comparison: skipwise.Comparison) -> None:
    from dataclasses import replace

    from skipwise.comparison.report import write_report

    plan = replace(comparison.plan, data="<script>alert(1)</script>")
    write_report(tmp_path / "report.html", plan, comparison.results, comparison.costs, {})
    assert "<script>alert(1)" not in (tmp_path / "report.html").read_text()


def test_pareto_front_has_what_nothing_cheaper_matches() -> None:
    def point(name: str, x: float, y: float) -> Point:
        return Point(name, x, x, x, y, y, y)

    points = [point("a", 1, 90), point("b", 2, 89), point("c", 2, 95), point("d", 3, 95), point("e", 4, 99)]
    assert [p.name for p in pareto_front(points)] == ["a", "c", "e"]

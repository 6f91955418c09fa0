"""The site: it has every page, each leads somewhere, and it works without a server and without the web."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from website.build import HERE, ROOT, documents, notebooks, place_of
from website.check import faults
from website.gallery import EXHIBITS, KEPT
from website.picture import FILE, MOST, REPORT, photograph
from website.reference import plain
from website.sections import HOME, SECTIONS, arranged


def test_every_page_of_the_documents_is_in_the_navigation_once() -> None:
    pages = [place_of(path) for path in (*documents(), *notebooks())]
    there = [page for names in arranged(pages).values() for page in names]
    assert sorted([HOME, *there]) == sorted(pages)
    assert all(place_of(path) in there for path in (ROOT / "docs").rglob("*.md") if path.name != "report.md")


def test_every_page_that_a_section_names_exists() -> None:
    pages = {place_of(path) for path in (*documents(), *notebooks())} | {"gallery", "reference/compare"}
    named = {name for section in SECTIONS for name in section.pages if "*" not in name} - {"docs/notebooks"}
    assert named <= pages


def test_a_new_page_is_a_how_to_and_a_notebook_a_tutorial() -> None:
    found = arranged([HOME, "docs/cluster", "docs/tutorial", "docs/notebooks/first", "docs/studies/new"])
    assert found == {
        "Tutorial": ["docs/tutorial", "docs/notebooks/first"],
        "How to": ["docs/cluster"],
        "Results": ["docs/studies/new"],
    }


def test_every_page_is_in_the_list_of_all_pages() -> None:
    text = (ROOT / "docs" / "README.md").read_text()
    listed = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in listed if text.count(f"\n| [{name}](") != 1} == set()


def test_the_gallery_says_how_its_kept_reports_were_made() -> None:
    kept = [each for each in EXHIBITS if each.folder is not None]
    assert len(kept) == len(KEPT)
    for each in kept:
        plan = json.loads((ROOT / str(each.folder) / "plan.json").read_text())
        named = re.search(r"--models (\S+)", each.command)
        assert named is not None
        assert set(named[1].split(",")) <= set(re.findall(r"\w+", json.dumps(plan)))


def test_a_help_text_means_nothing_in_markdown() -> None:
    assert plain("Take *all* of --img-size, or <none>") == r"Take \*all\* of `--img-size`, or \<none\>"


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="b.html">', "leads to b.html, which does not exist"),
        ('<a href="#there">', "and that page has no such place"),
        ('<script src="https://example.org/x.js">', "loads https://example.org/x.js"),
        ('<img src="x.png">', "leads to x.png, which does not exist"),
    ],
)
def test_a_fault_would_be_seen(page: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="here"><a href="#here">A</a></h1>')
    (tmp_path / "a.css").write_text("p { color: red }")
    assert list(faults(tmp_path)) == []
    (tmp_path / "a.html").write_text(page)
    assert [sentence for sentence in faults(tmp_path) if sentence.endswith(fault)]
    (tmp_path / "a.css").write_text("@font-face { src: url(https://example.org/font) }")
    assert "a.css loads https://example.org/font" in list(faults(tmp_path))


def test_the_picture_of_the_readme_is_small() -> None:
    assert 20_000 < FILE.stat().st_size < MOST


@pytest.mark.slow
@pytest.mark.browser
def test_the_picture_is_of_a_report(browser: Any) -> None:
    assert 20_000 < len(photograph(REPORT, browser)) < MOST


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does, in a process of its own: Sphinx has warnings of its own."""

    output = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "website.build", "--output", str(output)]
    ended = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return output


@pytest.mark.slow
class TestBuilt:
    def test_it_has_a_page_for_everything(self, site: Path) -> None:
        pages = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
        assert {place_of(path) for path in (*documents(), *notebooks())} <= pages
        assert {"reference/compare", "reference/python", "gallery", "search"} <= pages
        assert "--time-limit" in (site / "reference" / "compare.html").read_text()
        assert "<svg" in (site / "docs" / "intervals.html").read_text()

    @pytest.mark.browser
    def test_search_works_from_a_plain_file(self, site: Path, browser: Any) -> None:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{(site / 'search.html').as_uri()}?q=margin")
        page.wait_for_selector("#search-results li a", timeout=60_000)
        assert "intervals.html" in " ".join(
            link.get_attribute("href") for link in page.query_selector_all("#search-results li a")
        )
        assert all(url.startswith(("file:", "data:")) for url in asked)
        page.close()

    @pytest.mark.browser
    @pytest.mark.parametrize("name", ["index", "docs/intervals", "docs/tutorial", "reference/compare", "gallery"])
    def test_a_page_fits_a_phone(self, site: Path, browser: Any, name: str) -> None:
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.close()

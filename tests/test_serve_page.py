"""The page of `skipwise serve`: a real server, and a real browser on it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.core.escaping import csv_cell
from skipwise.core.files.checksums import seal_of
from skipwise.deploy.artifact.reference import spread
from skipwise.serving.page.routes import FILES
from tests.browsing import CONTRASTS

pytestmark = pytest.mark.browser

FOLDER = Path(sys.modules["skipwise.serving.page.routes"].__file__ or "").parent
TOKEN = "a token of this test"
SENTENCE = "Use se_resnet18 <b>because</b> it was shown to be as good."
Open = Callable[..., Any]


@dataclass(frozen=True)
class Site:
    """A server: its address, and its token if it asks for one."""

    address: str
    token: str | None = None


@contextmanager
def serving(*words: object, token: str | None = None) -> Iterator[Site]:
    """A server process, until the block ends."""
    command = [sys.executable, "-m", "skipwise", "serve", *map(str, words), "--port", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"SKIPWISE_TOKEN": token} if token else {})
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            page = next(line for line in process.stdout if line.startswith("Page: "))
            yield Site(page.removeprefix("Page: ").strip(), token)
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def artifact(trained: Path, shared: Path) -> Path:
    """The network with heat maps, a threshold that some images miss, and what chose it."""
    made = skipwise.export(trained, explain=True, output=trained.parent / "explained").folder
    folder = shared / f"served-{os.getpid()}"
    shutil.copytree(made, folder)
    record = json.loads((folder / "artifact.json").read_text())
    record["threshold"] = {"asked": 0.95, "confidence": 0.6}
    some = {"edges": spread(range(100)).edges, "counts": spread(range(100)).counts}
    inputs = dict.fromkeys(("brightness", "contrast", "shorter side"), some)
    record["reference"] = {"images": 300, "answers": [100, 100, 100], "unsure": 15, "inputs": inputs}
    record["chosen"] = {"data": "stripes", "date": "2026-11-29", "sentences": [SENTENCE]}
    record["files"][""] = seal_of(record)
    (folder / "artifact.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def site(artifact: Path) -> Iterator[Site]:
    with serving(f"stripes={artifact}", f"second={artifact}") as found:
        yield found


@pytest.fixture
def images(photos: Path, tmp_path: Path) -> list[Path]:
    """Two that the network knows, one with a name that a spreadsheet would run, and one that is none."""
    names = ["one.png", "two.png", '=HYPERLINK("http:x")";,.png', "none.png"]
    made = [tmp_path / name.replace("/", "_") for name in names]
    for place, path in enumerate(made[:3]):
        shutil.copy(photos / f"stripes{place}" / "000.png", path)
    made[3].write_text("no image")
    return made


@pytest.fixture
def opened(browser: Any) -> Iterator[Open]:
    """Opens the page of a site; afterwards it must have asked nobody else, and complained of nothing."""
    pages = []

    def open_page(site: Site, *, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.told, page.asked = [], []
        page.on("console", lambda told: page.told.append(told.text) if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.told.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(site.address)
        pages.append((page, site))
        return page

    yield open_page
    for page, site in pages:
        strangers = [url for url in page.asked if not url.startswith((site.address, "data:", "blob:"))]
        assert not strangers
        # A refusal is an answer of the server, which Chromium calls an error, too.
        assert not [told for told in page.told if "Failed to load resource" not in told]
        page.context.close()


def drop(page: Any, *paths: Path) -> None:
    """Drops files on the page."""
    held = page.evaluate_handle("() => new DataTransfer()")
    for path in paths:
        held.evaluate(
            "(held, [name, bytes]) => held.items.add(new File([Uint8Array.from(bytes)], name))",
            [path.name, list(path.read_bytes())],
        )
    page.dispatch_event("#drop", "drop", {"dataTransfer": held})


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_an_image_that_is_dropped_is_answered(
    site: Site, artifact: Path, opened: Open, images: list[Path], width: int, scheme: str
) -> None:
    page = opened(site, width=width, scheme=scheme)
    page.locator("#ask").wait_for()
    drop(page, images[0])
    page.locator("#result").wait_for()
    with skipwise.Predictor(artifact) as predictor:
        expected = predictor.predict(images[0])
    sure = expected.probability >= 0.6
    assert page.inner_text("#answer") == (expected.label if sure else f"Not sure: perhaps {expected.label}")
    rows = [row.split("\t") for row in page.inner_text("#bars tbody").splitlines() if row.strip()]
    assert page.locator("#bars tbody tr").count() == 3
    assert f"{100 * expected.probability:.1f}%" in str(rows)
    assert page.locator("#map").get_attribute("src").startswith("data:image/png;base64,")
    assert page.evaluate("document.getElementById('picture').naturalWidth") > 0
    assert page.inner_text("#status").startswith("one.png: ")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    low = [found for found in page.evaluate(CONTRASTS) if found[0] < 4.5]
    assert not low
    from axe_playwright_python.sync_playwright import Axe

    page.click("#about summary")
    page.click("#drift summary")
    page.get_by_text(SENTENCE).wait_for()  # as text: the mark-up in it is not one
    page.locator("#drift svg").first.wait_for()
    found = Axe().run(page)
    grave = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert not grave, found.generate_report()


def test_several_images_become_a_table_and_a_csv_file(
    site: Site, opened: Open, images: list[Path], tmp_path: Path
) -> None:
    page = opened(site, width=360)
    page.locator("#ask").wait_for()
    page.set_input_files("#files", images)
    page.locator("#status", has_text="All 4 images are answered").wait_for()
    assert page.locator("#rows tr").count() == 4
    assert "No answer: The image can't be read" in page.inner_text("#rows tr:last-child")
    with page.expect_download() as waiting:
        page.click("#download")
    waiting.value.save_as(tmp_path / "answers.csv")
    with (tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [csv_cell(path.name) for path in images]
    assert rows[2]["image"].startswith("'=")
    assert rows[3]["error"].startswith("The image can't be read")
    assert rows[3]["label"] == ""
    assert all(sum(float(row[f"p_stripes{k}"]) for k in range(3)) == pytest.approx(1, abs=1e-5) for row in rows[:3])
    page.locator("#rows button").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#file") == "two.png"
    assert page.evaluate("document.activeElement.id") == "answer"
    page.click("#clear")
    assert page.locator("#several").is_hidden()


def test_cells_are_made_safe_as_everywhere_in_skipwise(site: Site, opened: Open) -> None:
    page = opened(site)
    texts = [
        "=1+1",
        "-3.5",
        "-3+2",
        "+1e9",
        "@x",
        "a;=b",
        "'=x",
        "\t=x",
        "a\nb",
        "plain",
        "\uff1dx",
        'é, "q"',
        "\x07",
        "😀",
    ]
    assert page.evaluate("texts => texts.map(csvCell)", texts) == [csv_cell(each) for each in texts]


def test_the_second_network_can_be_chosen_and_images_pasted(site: Site, opened: Open, images: list[Path]) -> None:
    page = opened(site)
    page.locator("#which").wait_for()
    page.select_option("#model", "second")
    assert page.inner_text("#title") == "Try second"
    page.evaluate(
        """bytes => {
          const held = new DataTransfer();
          held.items.add(new File([Uint8Array.from(bytes)], "pasted.png", {type: "image/png"}));
          document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: held}));
        }""",
        list(images[1].read_bytes()),
    )
    page.locator("#result").wait_for()
    assert page.inner_text("#file") == "pasted.png"
    assert any("model=second" in url for url in page.asked)


def test_the_token_is_asked_for_and_kept_for_the_tab_only(artifact: Path, opened: Open, images: list[Path]) -> None:
    with serving(artifact, token=TOKEN.replace(" ", "-")) as site:
        page = opened(site)
        page.locator("#token-form").wait_for()
        assert page.evaluate("document.activeElement.id") == "token"
        page.keyboard.type("not the token, surely")
        page.keyboard.press("Enter")
        page.locator("#problem", has_text="That is not the token").wait_for()
        page.keyboard.type(site.token)
        page.keyboard.press("Enter")
        page.locator("#ask").wait_for()
        page.set_input_files("#files", images[0])
        page.locator("#result").wait_for()
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 1, ""]


def test_an_unlike_set_of_images_is_noticed_on_the_page(site: Site, opened: Open, tmp_path: Path) -> None:
    dark = Image.fromarray(np.random.default_rng(0).integers(0, 9, (31, 31, 3), dtype=np.uint8))
    dark.save(tmp_path / "dark.png")
    body = (tmp_path / "dark.png").read_bytes()
    for _ in range(60):
        urllib.request.urlopen(urllib.request.Request(f"{site.address}v1/predict?model=stripes", data=body)).close()
    page = opened(site)
    page.locator("#ask").wait_for()
    page.click("#drift summary")
    page.locator("#drift", has_text="are not like the 300 validation images").wait_for()
    assert "The answers" in page.inner_text("#drift")
    assert page.locator("#drift svg .other").count() > 0


def test_the_page_holds_no_script_no_style_and_no_address_of_others() -> None:
    text = {name: (FOLDER / name).read_text() for name, _ in FILES.values()}
    assert "<style" not in text["page.html"]
    assert "style=" not in text["page.html"]
    assert text["page.html"].count("<script") == 1
    assert '<script src="page/page.js" defer></script>' in text["page.html"]
    assert not [name for name, content in text.items() if "http" in content.replace("http://www.w3.org/2000/svg", "")]
    assert not [word for word in ("innerHTML", "eval(", "localStorage", "document.write") if word in text["page.js"]]


def test_every_answer_has_a_policy_that_allows_only_this_server(site: Site) -> None:
    with urllib.request.urlopen(site.address) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;")
    assert "unsafe" not in policy

"""The page of `skipwise serve`: a real server, and a real browser on it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.core.escaping import csv_cell
from skipwise.core.files.checksums import seal_of
from skipwise.deploy.artifact.reference import spread
from skipwise.deploy.export.export import Exported
from skipwise.deploy.verify.certificate import write_certificate
from skipwise.serving.page.routes import FILES
from tests.browsing import CONTRASTS
from tests.served import Server, served

pytestmark = pytest.mark.browser

FOLDER = Path(sys.modules["skipwise.serving.page.routes"].__file__ or "").parent
TOKEN = "a-token-of-this-test"
SENTENCE = "Use se_resnet18 <b>because</b> it was shown to be as good."
Open = Callable[..., Any]


def address_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}/"


@pytest.fixture(scope="module")
def artifact(trained: Path, shared: Path) -> Path:
    """The network with heat maps, a threshold that some images miss, and what chose it."""
    made = skipwise.export(trained, explain=True, output=trained.parent / "explaining").folder
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
def site(artifact: Path) -> Iterator[Server]:
    """A server in which PyTorch can't be imported."""
    with served(f"stripes={artifact}", f"second={artifact}") as running:
        yield running
        assert running.end() == 0
        assert "Traceback" not in running.noticed


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

    def open_page(site: Server, *, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.told, page.asked = [], []
        page.on("console", lambda told: page.told.append(told.text) if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.told.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address_of(site))
        pages.append((page, site))
        return page

    yield open_page
    for page, site in pages:
        strangers = [url for url in page.asked if not url.startswith((address_of(site), "data:", "blob:"))]
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
    site: Server, artifact: Path, opened: Open, images: list[Path], width: int, scheme: str
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

    page.click("#drift summary")
    page.locator("#drift svg").first.wait_for()
    with page.expect_popup() as opening:
        page.click("#about")
    certificate = opening.value
    certificate.get_by_text(SENTENCE).wait_for()  # as text: the mark-up in it is not one
    assert certificate.title() == "Certificate of stripes"
    assert certificate.inner_text("#known h2 >> nth=1") == "How it was checked"
    assert certificate.evaluate("document.documentElement.scrollWidth") <= width
    for each in (page, certificate):
        found = Axe().run(each)
        grave = [fault for fault in found.response["violations"] if fault["impact"] in ("serious", "critical")]
        assert not grave, found.generate_report()
    assert page.inner_text("#file") == "one.png"  # what was asked is still there


def test_several_images_become_a_table_and_a_csv_file(
    site: Server, opened: Open, images: list[Path], tmp_path: Path
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


def test_an_image_that_is_too_large_is_refused_in_the_words_of_the_server(
    site: Server, opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "large.bmp").write_bytes(bytes(12_000_000))
    page = opened(site)
    page.locator("#ask").wait_for()
    page.set_input_files("#files", tmp_path / "large.bmp")
    page.locator("#result").wait_for()
    assert page.inner_text("#sure").startswith("The request has more than 10 MB; send a smaller image")


def test_cells_are_made_safe_as_everywhere_in_skipwise(site: Server, opened: Open) -> None:
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


def test_the_second_network_can_be_chosen_and_images_pasted(site: Server, opened: Open, images: list[Path]) -> None:
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
    with served(artifact, env={"SKIPWISE_TOKEN": TOKEN}) as site:
        page = opened(site)
        page.locator("#token-form").wait_for()
        assert page.evaluate("document.activeElement.id") == "token"
        page.keyboard.type("not the token, surely")
        page.keyboard.press("Enter")
        page.locator("#problem", has_text="That is not the token").wait_for()
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        page.locator("#ask").wait_for()
        page.set_input_files("#files", images[0])
        page.locator("#result").wait_for()
        with page.expect_popup() as opening:
            page.click("#about")
        opening.value.get_by_text(SENTENCE).wait_for()  # the token goes with it
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 1, ""]


def test_an_unlike_set_of_images_is_noticed_on_the_page(site: Server, opened: Open, tmp_path: Path) -> None:
    dark = Image.fromarray(np.random.default_rng(0).integers(0, 9, (31, 31, 3), dtype=np.uint8))
    dark.save(tmp_path / "dark.png")
    body = (tmp_path / "dark.png").read_bytes()
    for _ in range(60):
        assert site.ask("/v1/predict?model=stripes", body).status == 200
    page = opened(site)
    page.locator("#ask").wait_for()
    page.click("#drift summary")
    page.locator("#drift", has_text="are not like the 300 validation images").wait_for()
    assert "The answers" in page.inner_text("#drift")
    assert page.locator("#drift svg .other").count() > 0
    metrics = site.ask("/metrics").body.decode()
    assert 'skipwise_drift{measure="answers",model="stripes",version="1"} 1.0' in metrics
    assert 'skipwise_last_images{model="second",version="1"}' in metrics
    assert 'skipwise_drift{measure="answers",model="second"' not in metrics  # the same file, but asked about others


def test_what_is_said_of_a_network_names_no_folder(site: Server, artifact: Path) -> None:
    for path in ("about", "drift"):
        reply = site.ask(f"/v1/models/stripes/{path}?version=1")
        assert reply.status == 200
        assert str(artifact.parent) not in reply.body.decode()
        assert site.ask(f"/v1/models/stripes/{path}?version=7").status == 404
    assert [each["title"] for each in site.ask("/v1/models/second/about").json["sections"]] == [
        "Why this network",
        "How it was checked",
        "When it is not sure",
    ]


def test_a_certificate_is_shown_and_one_that_is_forged_breaks_nothing(exported: Exported, tmp_path: Path) -> None:
    folder = tmp_path / "certified"
    shutil.copytree(exported.folder, folder)
    write_certificate(skipwise.verify(folder, timing=False))
    with served(folder) as site:

        def checked() -> dict[str, Any]:
            (section,) = [
                each
                for each in site.ask("/v1/models/certified/about").json["sections"]
                if each["title"] == "How it was checked"
            ]
            return section

        assert "answers its 8 golden images here as it did where it was exported" in checked()["sentences"][0]
        record = json.loads((folder / "certificate.json").read_text())
        for forged in ({"images": 3}, {"golden": {}}, {"artifact": "another"}, {"images": "many"}):
            (folder / "certificate.json").write_text(json.dumps(record | forged))
            assert "certificate" in checked()["sentences"][0]


def test_the_page_holds_no_script_no_style_and_no_address_of_others() -> None:
    text = {name: (FOLDER / name).read_text() for name, _ in FILES.values()}
    for page in ("page.html", "certificate.html"):
        assert "<style" not in text[page]
        assert "style=" not in text[page]
        assert text[page].count("<script") == text[page].count(" defer></script>") == 2
    assert not [name for name, content in text.items() if "http" in content.replace("http://www.w3.org/2000/svg", "")]
    assert not [word for word in ("innerHTML", "eval(", "localStorage", "document.write") if word in str(text)]


def test_every_answer_has_a_policy_that_allows_only_this_server(site: Server) -> None:
    policy = site.ask("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;")
    assert "unsafe" not in policy

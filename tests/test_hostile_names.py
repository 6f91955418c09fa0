"""Names made to harm whoever reads them, of classes and files, through every verb: nothing raw comes out anywhere."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from rich.text import Text

import skipwise
from skipwise.core import escaping as audience
from skipwise.core.progress import Console
from skipwise.core.text import command, printable
from skipwise.data.sources import open_source
from skipwise.data.splits import read_split, save_split
from skipwise.deploy.artifact.artifact import read_artifact, sealed
from skipwise.deploy.predict.answers import Answer, Csv, JsonLines
from skipwise.deploy.predict.inputs import Inputs
from skipwise.deploy.predict.predict import PredictionJob
from skipwise.deploy.predict.predictor import Predictor
from tests.conftest import Run
from tests.processes import Command, time_briefly
from tests.test_predict import Made

NAMES = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b31mc1",
    "bell\x07",
    "back\b\b\bspace",
    "return\rover",
    "line\nbreak",
    "tab\tbed",
    "separator\u2028line",
    "next\x85line",
    "right\u202eto left",
    "isolate\u2066d",
    "zero\u200bwidth",
    "joined\u200d\ufefftoo",
    os.fsdecode(b"no utf-8 \xff\xfe"),
    "delete\x7f",
    "=1+1",
    '=HYPERLINK("http:x","y")',
    "+1+cmd|' '!A0",
    "-2+3",
    "@SUM(A1)",
    "'=quoted",
    "''@twice",
    "[red]markup[bold]",
    ":smile: [link=x]",
    "<script>alert(1)<!script>",
    "<!script><script>alert(2)",
    "<img src=x onerror=alert(3)>",
    '" onmouseover="alert(4)',
    "{{ 7 * 7 }}{% raw %}",
    "a | b || c",
    "[x](javascript:alert(5))",
    "`code` **bold** _it_ ~s~",
    "www.example.com and @someone",
    "-starts like an option",
    'quote\'d "twice" $(touch x) `touch y`',
    "back\\slash\\x1b",
    "long" * 50,
)
"""What can be the name of a folder and, most of it, of a class; "!" stands where "/" would be wanted."""
PLAIN = ["--epochs", "1", "--width", "0.125", "--img-size", "16", "--precision", "fp32", "--no-compile"]


def test_a_text_is_printable_for_people_and_comes_back_for_programs() -> None:
    for name in NAMES:
        shown = printable(name)
        assert shown.isprintable()
        assert printable(shown) == shown
        assert audience.lines(f"a\n{name.replace(chr(10), '')}").replace("\n", "").isprintable()
        cell = audience.csv_cell(name)
        assert cell.isprintable()
        assert cell[:1] not in ("=", "+", "-", "@")
        assert audience.from_csv_cell(cell) == shown
        encoded = audience.json_text(msgspec.json.encode(name.encode("utf-8", "replace").decode()).decode())
        assert encoded.isprintable()
        assert json.loads(encoded) == name.encode("utf-8", "replace").decode()
    assert [audience.csv_cell(number) for number in ("-1", "+2.5", "-1e-7")] == ["-1", "+2.5", "-1e-7"]
    assert json.loads(audience.json_text('"\U000e0001\\n"')) == "\U000e0001\n"


def test_a_command_line_can_be_pasted_and_holds_nothing_raw(tmp_path: Path) -> None:
    for name in NAMES:
        line = command("printf", "%s", name)
        assert line.isprintable()
        said = subprocess.run(["bash", "-c", line], capture_output=True, check=True, cwd=tmp_path).stdout
        assert said == os.fsencode(name)
        if name.isprintable():
            assert shlex.split(line)[2] == name
    assert list(tmp_path.iterdir()) == []


def test_markdown_holds_no_markup_of_a_name() -> None:
    for name in NAMES:
        text = audience.markdown(name)
        assert text.isprintable()
        assert "](" not in text.replace("\\]", "")
        for mark in "|<`*@":
            assert mark not in text.replace(f"\\{mark}", "")
    assert audience.markdown("see https://x.org, www.x.org") == "see https:&#47;&#47;x.org, www&#46;x.org"


def test_the_console_prints_no_control_characters_and_takes_nothing_for_markup() -> None:
    from rich.table import Table

    for name in NAMES:
        stream = io.StringIO()
        console = Console(stream)
        table = Table()
        table.add_column(name)
        table.add_row(name)
        for each in (name, Text(name), table):
            console.print(each)
        said = stream.getvalue()
        assert said.replace("\n", "").isprintable(), name
        if "[" in name:
            assert printable(name) in said


@pytest.mark.parametrize("kind", [Csv, JsonLines])
def test_rows_are_lines_that_say_which_image_they_are_of(kind: type[Csv] | type[JsonLines]) -> None:
    names = tuple(name.encode("utf-8", "replace").decode() for name in NAMES)
    rows = kind(classes=names, top=3, probabilities=True)
    values = tuple(1 / len(names) for _ in names)
    for name in names:
        path = printable(name)
        for answer in (Answer(path=path, classes=names, probabilities=values), Answer(path=path, error=name)):
            line = rows.row(answer)
            assert line.endswith("\n")
            assert line[:-1].isprintable()
            assert rows.read(line)[0] == path
    for line in csv.reader(io.StringIO(rows.header)) if kind is Csv else ():
        assert line[-len(names) :] == [f"p_{printable(name)}" for name in names]


def test_a_split_is_read_as_it_was_written_and_as_older_versions_wrote_it(tmp_path: Path) -> None:
    ids = [printable(name) for name in NAMES]
    split = ["test" if number % 2 else "train" for number in range(len(ids))]
    labels = [ids[number % 4 + 16] for number in range(len(ids))]
    save_split(tmp_path / "split.csv", ids, labels, split, ids)
    assert read_split(tmp_path / "split.csv", ids).tolist() == split
    with (tmp_path / "split.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    with (tmp_path / "older.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *zip(ids, labels, split, strict=True)])
    assert read_split(tmp_path / "older.csv", ids).tolist() == split


def pictures(root: Path, names: Sequence[str], each: int) -> Path:
    """Folders with such names, with pictures of such names, all different."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(names):
        folder = root / name
        folder.mkdir(parents=True)
        for index in range(each):
            coarse = rng.integers(0, 200, (4, 4, 3), dtype=np.uint8)
            coarse[..., number % 3] = 220
            file = folder / f"{names[index * 7 % len(names)][:100]}{index}.png"
            Image.fromarray(coarse).resize((16, 16), Image.Resampling.BILINEAR).save(file)
    return root


class Tags(html.parser.HTMLParser):
    """The tags of a page with their attributes, and what is in its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            kind, before = self.scripts[-1]
            self.scripts[-1] = kind, before + data


def check_page(page: str) -> None:
    """No name is anything but text on it."""
    tags = Tags(page)
    for tag, attributes in tags.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert not (attributes.get("href") or "").startswith(("javascript", "http:x"))
        assert not (tag == "img" and attributes.get("src") == "x")
    for kind, script in tags.scripts:
        if kind == "application/json":
            json.loads(script)
            assert "<" not in script
        else:
            assert "alert(" not in script.replace("window.alert(", "")
    # Plotly's own script has such characters.
    words = "".join(part for part in page.split("<script") if not part.startswith(">"))
    assert words.replace("\n", "").isprintable()


def check_said(done: subprocess.CompletedProcess[str], status: int = 0) -> str:
    """Nothing raw was said; what was said on standard output."""
    assert done.returncode == status, done.stderr
    for text in (done.stdout, done.stderr):
        assert text.replace("\n", "").isprintable(), ascii([c for c in text if not c.isprintable() and c != "\n"])
        assert "Traceback" not in text
    return done.stdout


def reseal(folder: Path, names: Sequence[str]) -> None:
    """Gives an artifact other names of classes, as anybody can."""
    changed = replace(read_artifact(folder), classes=tuple(names))
    (folder / "artifact.json").write_bytes(msgspec.json.encode(sealed(changed)))


@pytest.mark.slow
def test_hostile_names_go_through_every_verb(tmp_path: Path, cli: Run) -> None:
    root = pictures(tmp_path / "p\x1b[31m", NAMES, 8)
    check_said(cli("audit", root, "-o", "audit"))
    check_page((tmp_path / "audit" / "audit.html").read_text(encoding="utf-8"))
    said = check_said(cli("audit", root, "-o", "audit", "--json"))
    assert json.loads(said)["audit"]["counts"]["images"] == 8 * len(NAMES)

    check_said(cli("train", root, "-o", "run", "--model", "resnet18", *PLAIN))
    check_said(cli("export", "run", "-o", "artifact"))
    check_said(cli("verify", "artifact", root, "-o", "certificate"))
    check_page((tmp_path / "certificate" / "certificate.html").read_text(encoding="utf-8"))
    raw = [f"{name}{number}".encode("utf-8", "replace").decode() for number, name in enumerate(NAMES)]
    reseal(tmp_path / "artifact", raw)
    check_said(cli("verify", "artifact"))
    check_said(cli("predict", "artifact", root, "--top", "3"))
    check_said(cli("predict", "artifact", root, "--top", "3", "--format", "csv", "--probabilities"))
    rows = check_said(cli("predict", "artifact", root, "--format", "jsonl")).splitlines()
    assert {json.loads(row)["class"] for row in rows} <= set(raw)

    source = open_source(root)
    found = {image.name.removeprefix(f"{printable(str(root))}/") for image in Inputs([root]).images()}
    assert found == set(source.ids)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_answers_with_hostile_names_go_on_after_a_kill(kind: str, tmp_path: Path) -> None:
    class Hostile(Made):
        classes = tuple(name.encode("utf-8", "replace").decode() for name in NAMES[:3])

    root = pictures(tmp_path / "p", NAMES, 2)
    predictor = Predictor(Hostile(), batch_size=4, workers=1)
    work = PredictionJob(predictor=predictor, inputs=Inputs([root]), top=2, probabilities=True)
    whole = work.into(tmp_path / f"whole.{kind}", kind)  # type: ignore[arg-type]
    assert (whole.images, whole.unreadable) == (2 * len(NAMES), 0)
    data = whole.file.read_bytes()
    assert data.count(b"\n") == whole.images + (kind == "csv")
    for end in range(0, len(data), len(data) // 23):
        cut = tmp_path / f"cut{end}.{kind}"
        work.into(cut, kind)  # type: ignore[arg-type]
        with cut.open("rb+") as file:
            file.truncate(end)
        work.into(cut, kind)  # type: ignore[arg-type]
        assert cut.read_bytes() == data


@pytest.mark.slow
def test_a_killed_command_goes_on_with_hostile_names(tmp_path: Path, cli: Run) -> None:
    root = pictures(tmp_path / "p", NAMES, 8)
    check_said(cli("train", root, "-o", "run", *PLAIN))
    check_said(cli("export", "run", "-o", "artifact"))
    reseal(tmp_path / "artifact", [f"{name}{n}".encode("utf-8", "replace").decode() for n, name in enumerate(NAMES)])
    check_said(cli("predict", "artifact", root, "-o", "whole.csv", "-b", "2"))
    process = Command("predict", "artifact", root, "-o", "killed.csv", "-b", "2", cwd=tmp_path)
    killed = tmp_path / "killed.csv"
    while process.poll() is None and (not killed.exists() or killed.stat().st_size < 3000):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    check_said(cli("predict", "artifact", root, "-o", "killed.csv", "-b", "2"))
    assert killed.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.slow
def test_a_report_of_hostile_names_is_text_and_nothing_else(tmp_path: Path, cli: Run) -> None:
    root = pictures(tmp_path / "p<script>alert(9)", NAMES, 8)
    small = ["--seeds", "2", "--models", "resnet18,mobilenet_v2", *PLAIN]
    check_said(cli("compare", root, "-o", "c", *small, prepare=time_briefly))
    check_page((tmp_path / "c" / "report.html").read_text(encoding="utf-8"))
    text = check_said(cli("report", "c", "--format", "md"))
    assert "<script>" not in text.partition("```")[0].replace("\\<", "")
    json.loads(check_said(cli("report", "c", "--format", "json")))


@pytest.mark.slow
def test_pages_of_hostile_names_do_nothing_in_a_browser(tmp_path: Path, browser: object) -> None:
    from tests.browsing import page_of

    root = pictures(tmp_path / "p", NAMES, 4)
    skipwise.audit(root, output=tmp_path / "audit")
    with page_of(browser, tmp_path / "audit" / "audit.html") as page:
        assert "alert(1)" in page.content()

"""The page of an audit shows each class, so that images that were read wrongly are seen."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import skipwise.auditing.audit
from skipwise.auditing.audit import audit
from skipwise.auditing.contact_sheets import MOST_CLASSES, PICTURES, contact_sheets, pictures_each
from skipwise.auditing.page import SHOWN_PICTURES
from skipwise.data.containers import CompressedTar
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.sources import Source, open_source
from skipwise.data.sources.arrays.array_sets import ArraySet
from skipwise.data.sources.named.in_memory import NAMED
from skipwise.pages.pictures import bounded_url
from tests.browsing import CONTRASTS, page_of
from tests.conftest import make_photos

SHEET = re.compile(r'<section class="sheet">\n<h3>(.*?) <span class="count">(.*?)</span></h3>(.*?)</section>', re.S)


def sheets_of(page: Path) -> dict[str, tuple[str, list[str]]]:
    """Of each class on a page: how many images it is said to have, and the names of those that are shown."""
    found = SHEET.findall(page.read_text())
    return {name.replace("<wbr>", ""): (count, re.findall(r'title="(.*?)"', rest)) for name, count, rest in found}


def packed(root: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(root, root.name)
    return path


def test_each_class_has_its_count_and_pictures_that_are_not_just_the_first(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", classes=2, per_class=30)
    (root / "stripes1" / "007.jpg").write_bytes(b"damaged")
    shown = sheets_of(audit(root, output=tmp_path / "out").page)
    assert {name: count for name, (count, _) in shown.items()} == {"stripes0": "30 images", "stripes1": "30 images"}
    for name, (_, names) in shown.items():
        assert len(set(names)) == 12
        assert all(one.startswith(f"{name}/") for one in names)
        first = sorted(f"{name}/{path.name}" for path in (root / name).iterdir())[:12]
        assert names != first
    # Which ones is a function of what the images are, and of nothing else: neither where they lie nor the weather.
    moved = shutil.copytree(root, tmp_path / "elsewhere" / "p")
    assert sheets_of(audit(moved, output=tmp_path / "moved").page) == shown
    assert sheets_of(audit(packed(root, tmp_path / "p.tar.gz"), output=tmp_path / "tar").page) == shown
    (root / "stripes0" / "000.png").unlink()
    assert sheets_of(audit(root, output=tmp_path / "fewer").page)["stripes1"] != shown["stripes1"]


def test_a_picture_shows_the_image_that_it_names(tmp_path: Path) -> None:
    root = tmp_path / "p"
    colours = {}
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for index in range(15):
            colours[f"{label}/{index:02d}.png"] = colour = (16 * index, 250 if label == "a" else 0, 128)
            pixels = np.full((60, 90, 3), colour, np.uint8)
            pixels[:, :10] = pixels[:, 80:] = 255 - pixels[:, :10]  # cut off in the middle square
            pixels[20:40, 30:50] += 4  # not blank
            Image.fromarray(pixels).save(root / label / f"{index:02d}.png")
    page = audit(packed(root, tmp_path / "p.tar.gz"), output=tmp_path / "out").page.read_text()
    found = re.findall(r'<img src="data:image/webp;base64,(.*?)" alt="" title="(.*?)">', page)
    assert len(found) == 24
    for data, name in found:
        image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
        assert image.size == (60, 60)
        assert np.abs(np.asarray(image)[2, [2, 57]].astype(int) - colours[name]).max() <= 6, name


def test_every_given_split_is_shown_and_counted(tmp_path: Path) -> None:
    make_photos(tmp_path / "p" / "train", classes=2, per_class=80)
    make_photos(tmp_path / "p" / "val", classes=2, per_class=8)
    make_photos(tmp_path / "p" / "test", classes=2, per_class=2)
    count, names = sheets_of(audit(tmp_path / "p", output=tmp_path / "out").page)["stripes0"]
    assert count == "90 images (80 train, 8 val, 2 test)"
    assert [name.split("/")[0] for name in names] == ["train"] * 7 + ["val"] * 3 + ["test"] * 2


@given(
    labels=st.lists(st.integers(0, 4), min_size=5, max_size=120),
    seed=st.integers(0, 2**32),
    split=st.booleans(),
)
def test_sheets_show_only_what_is_used_and_can_be_shown(labels: list[int], seed: int, split: bool) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.unique([*labels, *range(5)], return_inverse=True)[1][: len(labels)]
    splits = tuple(rng.choice(["train", "val", "test"], len(labels)).tolist()) if split else None
    source = Source(
        name="made up",
        reading="",
        classes=tuple("abcde"),
        ids=tuple(f"{index}.png" for index in range(len(labels))),
        labels=numbers.astype(np.int64),
        splits=splits,
    )
    used, readable = rng.random(len(labels)) < 0.8, rng.random(len(labels)) < 0.8
    sheets = contact_sheets(source, used, readable, "fingerprint")
    assert [sheet.name for sheet in sheets] == list("abcde")
    assert contact_sheets(source, used, readable, "fingerprint") == sheets
    for number, sheet in enumerate(sheets):
        mine = used & (numbers == number)
        can_be_shown = np.flatnonzero(mine & readable)
        assert sheet.images == mine.sum()
        assert not split or sum(sheet.splits.values()) == sheet.images
        assert set(sheet.shown) <= set(can_be_shown.tolist())
        assert len(set(sheet.shown)) == len(sheet.shown) <= 12
        if len(can_be_shown) <= 3:
            assert len(sheet.shown) == len(can_be_shown)
        if split:
            assert {splits[index] for index in sheet.shown} == {splits[index] for index in can_be_shown}
        else:
            assert len(sheet.shown) == min(12, len(can_be_shown))


def noise(monkeypatch: pytest.MonkeyPatch, classes: int, each: int, *, side: int) -> str:
    """The name of a data set of noise, which no picture format makes small; some images are there twice."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (classes * each, side, side, 3), dtype=np.uint8)
    pixels[1::2][:300] = pixels[::2][:300]
    arrays = ArraySet(
        name="noise",
        description="noise",
        classes=tuple(f"class number {number:05d}" for number in range(classes)),
        labels=np.repeat(np.arange(classes), each),
        splits=None,
        pixels=pixels,
        mirrors=True,
    )
    monkeypatch.setitem(NAMED, "noise", lambda: arrays)
    return "noise"


@pytest.mark.parametrize(
    ("classes", "each", "folded"), [(2, 200, 0), (100, 13, 5), pytest.param(1000, 3, 20, marks=pytest.mark.slow)]
)
def test_the_page_stays_small_however_many_classes_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, classes: int, each: int, folded: int
) -> None:
    report = audit(noise(monkeypatch, classes, each, side=48), output=tmp_path / "out")
    assert report.page.stat().st_size < 3_000_000
    shown = sheets_of(report.page)
    assert len(shown) == classes
    assert {len(names) for _, names in shown.values()} == {min(each, pictures_each(classes))}
    assert report.page.read_text().count("<details") == folded
    assert report.record.counts.classes == dict.fromkeys(shown, each)


def test_of_very_many_classes_some_are_shown_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert PICTURES[-1][0] == MOST_CLASSES
    report = audit(noise(monkeypatch, MOST_CLASSES + 500, 1, side=8), output=tmp_path / "out")
    assert len(sheets_of(report.page)) == MOST_CLASSES
    assert "500 more classes are not shown" in report.page.read_text()
    assert len(report.record.counts.classes) == MOST_CLASSES + 500


@pytest.mark.parametrize("side", [64, 8])
def test_a_picture_is_as_good_as_its_length_allows(side: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    lengths = [len(bounded_url(pixels.tobytes(), side, most)) for most in (200, 700, 2_000, 40_000)]
    assert all(length <= most for length, most in zip(lengths, (200, 700, 2_000, 40_000), strict=True))
    assert lengths == sorted(lengths)
    whole = bounded_url(pixels.tobytes(), side, 40_000)
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(whole.partition(",")[2]))))
    assert found.shape == pixels.shape
    if side == 8:
        assert (found == pixels).all()  # shown enlarged, so kept to the bit


def test_an_archive_without_an_index_is_read_once_for_all_pictures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = make_photos(tmp_path / "p", classes=3, per_class=30)
    shutil.copy(root / "stripes0" / "003.jpg", root / "stripes1" / "x.jpg")
    path = packed(root, tmp_path / "p.tar.gz")
    audit(path, output=tmp_path / "first")
    asked: list[set[str]] = []
    stream = CompressedTar.stream

    def watched(self: CompressedTar, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        asked.append(set(names))
        return stream(self, asked[-1])

    monkeypatch.setattr(CompressedTar, "stream", watched)
    report = audit(path, output=tmp_path / "second")  # what the images are like is known by now
    shown = {f"p/{name}" for _, names in sheets_of(report.page).values() for name in names}
    assert len(shown) == 36
    assert asked == [shown | {"p/stripes0/003.jpg", "p/stripes1/x.jpg"}]
    assert report.page.read_bytes() == (tmp_path / "first" / "audit.html").read_bytes()


def test_what_was_understood_of_the_input_is_on_the_page_and_in_the_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = make_photos(tmp_path / "p", classes=2)
    (root / "README.md").write_text("about these")
    line = "Read as folders of classes: stripes0/ and stripes1/."
    opened = lambda *args, **options: replace(open_source(*args, **options), reading=line)  # noqa: E731
    monkeypatch.setattr(skipwise.auditing.audit, "open_source", opened)
    told: list[str] = []
    report = audit(root, output=tmp_path / "out", notice=told.append)
    assert told[0] == line
    stored = json.loads(report.file.read_text())
    assert stored["reading"] == line
    assert stored["notes"] == told[1:]
    assert "README.md" in told[1]
    text = report.page.read_text()
    assert text.index(line) < text.index('id="classes"')


def test_findings_without_end_leave_the_page_short(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", classes=2, per_class=12)
    for label in ("stripes0", "stripes1"):
        for index in range(12):
            suffix = "jpg" if index % 2 else "png"
            for copy in range(9):
                shutil.copy(root / label / f"{index:03d}.{suffix}", root / label / f"{index:03d}-{copy}.{suffix}")
    report = audit(root, output=tmp_path / "out")
    text = report.page.read_text()
    assert report.record.counts.findings == {"exact_duplicates": 24}
    section = text[text.index('<h2 id="exact_duplicates"') :]
    assert section.count("<img") == SHOWN_PICTURES
    assert "and 4 more</p>" in section  # of ten files, six are shown
    assert "and 14 more like these" in section


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of images with something of everything: thirty classes, faults, long names."""
    folder = tmp_path_factory.mktemp("faulty")
    for split, each in (("train", 8), ("test", 3)):
        make_photos(folder / "p" / split, classes=30, per_class=each)
    train = folder / "p" / "train"
    shutil.copy(train / "stripes0" / "000.png", train / "stripes1" / f"{'a-long-name-' * 15}.png")
    shutil.copy(train / "stripes2" / "000.png", folder / "p" / "test" / "stripes2" / "same.png")
    (train / "stripes3" / "000.png").write_bytes(b"damaged")
    (train / ("a folder of no images with a long name " * 3)).mkdir()
    return audit(folder / "p", output=folder / "out").page


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_the_page_opens_offline_on_a_desk_and_on_a_phone(browser: Any, faulty: Path, width: int, scheme: str) -> None:
    with page_of(browser, faulty, width=width, scheme=scheme) as page:
        assert "has to be corrected" in page.inner_text(".answer").lower()
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        page.check("#names")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        images = page.evaluate("[...document.images].map(each => [each.naturalWidth, each.clientWidth])")
        assert len(images) > 300
        assert all(natural > 0 and 48 <= shown <= 100 for natural, shown in images)
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert min(contrasts)[0] >= 4.5, min(contrasts)


@pytest.mark.browser
def test_the_page_is_used_by_keyboard_and_printed_whole(browser: Any, faulty: Path) -> None:
    with page_of(browser, faulty) as page:
        folded = page.locator("details").nth(1)
        hidden = folded.locator("img").first
        assert not hidden.is_visible()
        reached = []
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
            if reached[-1] == "names":
                page.keyboard.press("Space")
            if reached.count("SUMMARY") == 2:
                page.keyboard.press("Enter")
                break
        assert "names" in reached
        assert page.locator(".sheet .name").first.is_visible()
        assert hidden.is_visible()
        page.keyboard.press("Enter")
        assert not hidden.is_visible()
        page.emulate_media(media="print")
        assert hidden.is_visible()

"""What is wrong with images is found and said; what is right is left alone."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.auditing.audit import audit
from skipwise.auditing.record import AuditReport
from skipwise.auditing.wording import TO_MEND
from skipwise.cli.summaries.audit import print_audit
from skipwise.core.errors import SkipwiseError
from skipwise.data.prepare import Request, prepare
from skipwise.data.sources import ReadingOptions
from skipwise.evaluation.mislabelled import doubts, probabilities
from tests.conftest import make_photos


def scene(seed: int, side: int = 96) -> Image.Image:
    """A smooth random picture with edges, unlike any other."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)).resize((side, side), Image.BICUBIC)
    pixels = np.asarray(coarse).astype(int)
    for _ in range(12):
        top, left = rng.integers(0, side - 20, 2)
        height, width = rng.integers(6, 40, 2)
        pixels[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return Image.fromarray((pixels + rng.integers(-6, 7, pixels.shape)).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes in train and test, each image another, with faults planted among them."""
    root = tmp_path_factory.mktemp("pile") / "pile"
    seed = 0
    for split, count in (("train", 24), ("test", 12)):
        for label in ("cats", "dogs"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(count):
                scene(seed).save(folder / f"{index:02d}.png")
                seed += 1
    train, test = root / "train", root / "test"
    shutil.copy(train / "cats" / "00.png", test / "cats" / "leak.png")
    Image.open(train / "cats" / "01.png").save(test / "cats" / "leak.jpg", quality=50)
    Image.open(train / "cats" / "02.png").resize((60, 60)).save(train / "cats" / "small.png")
    shutil.copy(train / "dogs" / "00.png", train / "dogs" / "again.png")
    shutil.copy(train / "dogs" / "01.png", train / "cats" / "two.png")
    Image.new("RGB", (90, 90), (250, 250, 250)).save(train / "dogs" / "blank.png")
    Image.open(train / "dogs" / "02.png").resize((5, 5)).save(train / "dogs" / "tiny.png")
    scene(999).resize((2000, 30)).save(train / "dogs" / "strip.png")
    whole = (train / "dogs" / "03.png").read_bytes()
    (train / "dogs" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (train / "dogs" / "notes.txt").write_text("not an image")
    return root


PLANTED = {
    "leakage": [{"train/cats/00.png", "test/cats/leak.png"}, {"train/cats/01.png", "test/cats/leak.jpg"}],
    "near_duplicates": [{"train/cats/02.png", "train/cats/small.png"}],
    "exact_duplicates": [{"train/dogs/00.png", "train/dogs/again.png"}],
    "two_labels": [{"train/dogs/01.png", "train/cats/two.png"}],
    "nearly_blank": [{"train/dogs/blank.png"}],
    "tiny": [{"train/dogs/tiny.png"}],
    "extreme_shape": [{"train/dogs/strip.png"}],
    "unreadable": [{"train/dogs/cut.png"}],
    "ignored": [{"train/dogs/notes.txt"}],
}


@pytest.mark.usefixtures("here")
def test_the_same_audit_is_shown_and_made_again_only_where_that_is_said(pile: Path) -> None:
    first = audit(pile)
    assert (first.folder, first.repeated) == (Path("runs/audit/pile"), False)
    written = first.page.stat().st_mtime_ns
    second = audit(pile)
    assert second == replace(first, repeated=True)
    assert first.page.stat().st_mtime_ns == written
    assert audit(pile, again=True) == replace(first, folder=Path("runs/audit/pile-2"))
    assert audit(pile).folder == Path("runs/audit/pile-2")
    with pytest.raises(skipwise.SkipwiseError, match="holds an audit that is finished; to make another with --again"):
        audit(pile, output=first.folder, again=True)
    changed = Path(shutil.copytree(pile, "pile"))
    (changed / "train" / "dogs" / "cut.png").unlink()
    assert audit(changed).folder == Path("runs/audit/pile-3")
    before = first.page.read_bytes()
    with pytest.raises(skipwise.SkipwiseError, match=r"holds an audit of another plan \(the images differ\)"):
        audit(changed, output=first.folder)
    assert first.page.read_bytes() == before
    first.file.write_text("{}")
    with pytest.raises(skipwise.SkipwiseError, match="is damaged"):
        audit(pile, output=first.folder)


def test_every_planted_fault_is_found_and_no_sound_image_accused(pile: Path, tmp_path: Path) -> None:
    report = audit(pile, output=tmp_path / "out")
    found: dict[str, list[set[str]]] = {}
    for finding in report.record.findings:
        found.setdefault(finding.kind, []).append(set(finding.files))
    assert {kind: sorted(map(sorted, files)) for kind, files in found.items()} == {
        kind: sorted(map(sorted, files)) for kind, files in PLANTED.items()
    }
    stored = json.loads(report.file.read_text())
    assert stored["counts"]["images"] == 2 * 36 + 9
    assert stored["counts"]["findings"] == {kind: len(files) for kind, files in sorted(PLANTED.items())}
    assert {name for finding in stored["findings"] for name in finding["exclude"]} == {
        "train/cats/00.png",  # the test image stays
        "train/cats/01.png",
        "train/cats/small.png",
        "train/dogs/again.png",  # the second by name
        "train/dogs/01.png",
        "train/cats/two.png",
        "train/dogs/blank.png",
        "train/dogs/tiny.png",
        "train/dogs/strip.png",
        "train/dogs/cut.png",
    }
    page = report.page.read_text()
    assert page.count("data:image/") >= 10
    assert "train/dogs/cut.png" in page


def test_excluding_what_an_audit_flags_leaves_a_clean_set(pile: Path, tmp_path: Path) -> None:
    report = audit(pile, output=tmp_path / "out")
    told: list[str] = []
    with pytest.raises(SkipwiseError, match=r"train/dogs/cut\.png"):
        prepare(Request(data=str(pile)), seed=0)
    ready = prepare(Request(data=str(pile), exclude=str(report.file), strict=True), seed=0, notice=told.append)
    assert "10 of 81 images are left out, as you asked." in told
    assert len(ready.members) == 71
    assert {finding.kind for finding in ready.audit.findings} == {"ignored"}
    with pytest.raises(SkipwiseError, match="is about other images"):
        prepare(Request(data="digits", exclude=str(report.file)), seed=0)
    with pytest.raises(SkipwiseError, match=r"is not an audit\.json"):
        prepare(Request(data=str(pile), exclude=str(report.page)), seed=0)
    with pytest.raises(SkipwiseError, match="Can't read"):
        prepare(Request(data=str(pile), exclude=str(tmp_path / "gone.json")), seed=0)


def test_leaks_are_said_and_strict_makes_them_an_error(pile: Path, tmp_path: Path) -> None:
    root = shutil.copytree(pile, tmp_path / "pile")
    (root / "train" / "dogs" / "cut.png").unlink()
    told: list[str] = []
    ready = prepare(Request(data=str(root)), seed=0, notice=told.append)
    assert any(sentence.startswith("2 images are in more than one split") for sentence in told)
    twins = {name: twin for name, twin in zip(ready.source.ids, ready.duplicated_in, strict=True) if twin}
    assert twins == {"test/cats/leak.png": "train", "test/cats/leak.jpg": "train"}
    with pytest.raises(SkipwiseError, match=r"more than one split.*--exclude"):
        prepare(Request(data=str(root), strict=True), seed=0)


def test_splits_made_here_keep_twins_on_one_side(tmp_path: Path) -> None:
    root = tmp_path / "p"
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for index in range(20):
            picture = scene(100 * (label == "b") + index)
            for copy, quality in enumerate((95, 60, 40)):
                picture.save(root / label / f"{index:02d}-{copy}.jpg", quality=quality)
    ready = prepare(Request(data=str(root)), seed=0)
    side: dict[str, set[str]] = {}
    for name, split in zip(ready.source.ids, ready.split, strict=True):
        side.setdefault(name.split("-")[0], set()).add(str(split))
    assert all(len(splits) == 1 for splits in side.values())
    assert ready.counts["test"] > 10
    # And so do groups, here one of two far apart.
    ready = prepare(Request(data=str(root), reading=ReadingOptions(group_regex=r"\d(\d)-")), seed=0)
    ends = {}
    for name, split in zip(ready.source.ids, ready.split, strict=True):
        ends.setdefault(name.split("-")[0][-1], set()).add(str(split))
    assert all(len(splits) == 1 for splits in ends.values())


def test_images_that_are_left_out_still_link_those_that_are_not(tmp_path: Path) -> None:
    root = tmp_path / "p"
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for index in range(4):
            scene(500 + 10 * (label == "b") + index).save(root / label / f"{index}.png")
    for name in ("x1", "x2", "x3", "x4"):
        shutil.copy(root / "a" / "0.png", root / "a" / f"{name}.png")
    rows = ["path,label,split", "a/x2.png,a,train", "a/x4.png,a,test"]
    rows += [f"{label}/{index}.png,{label},{'train' if index < 2 else 'test'}" for label in "ab" for index in (1, 2, 3)]
    (tmp_path / "split.csv").write_text("\n".join(rows))
    with pytest.raises(SkipwiseError, match=r"more than one split.*a/x2\.png and a/x4\.png"):
        prepare(Request(data=str(root), split=str(tmp_path / "split.csv"), strict=True), seed=0)


def test_groups_torn_by_a_given_split_are_said(tmp_path: Path) -> None:
    root = tmp_path / "p"
    rows = ["path,label,split,patient"]
    for index in range(24):
        (root).mkdir(exist_ok=True)
        scene(700 + index).save(root / f"{index}.png")
        rows.append(f"{index}.png,{'ab'[index % 2]},{'test' if index % 4 > 1 else 'train'},{'p' if index < 3 else ''}")
    (root / "t.csv").write_text("\n".join(rows))
    told: list[str] = []
    ready = prepare(
        Request(data=str(root / "t.csv"), reading=ReadingOptions(group="patient")), seed=0, notice=told.append
    )
    assert "1 group of t is in more than one split, such as 'p'." in told
    assert ready.counts["val"] == 2  # the empty cells are no group of their own
    with pytest.raises(SkipwiseError, match="in more than one split, such as 'p'"):
        prepare(Request(data=str(root / "t.csv"), reading=ReadingOptions(group="patient"), strict=True), seed=0)


def test_a_split_without_a_class_or_with_two_opinions_is_refused(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", classes=2, per_class=4)
    ids = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.*"))]
    rows = ["path,label,split", *(f"{name},x,{'test' if '000' in name or '1/' in name else 'train'}" for name in ids)]
    (tmp_path / "split.csv").write_text("\n".join(rows))
    request = Request(data=str(root), split=str(tmp_path / "split.csv"))
    with pytest.raises(SkipwiseError, match="'stripes1' has no images in the train split"):
        prepare(request, seed=0)
    (tmp_path / "split.csv").write_text("\n".join([*rows, f"{ids[0]},x,val"]))
    with pytest.raises(SkipwiseError, match=r"puts 'stripes0/000\.png' into val, an earlier line into test"):
        prepare(request, seed=0)


def test_few_images_and_imbalance_are_said(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", classes=2, per_class=60)
    for path in sorted((root / "stripes1").iterdir())[5:]:
        path.unlink()
    kinds = {finding.kind: finding for finding in audit(root, output=tmp_path / "out").record.findings}
    assert kinds["small_class"].detail == "The class 'stripes1' has only 5 images to train on."
    assert "'stripes0' has 60 images to train on and 'stripes1' has 5" in kinds["imbalance"].detail
    assert not kinds["imbalance"].files


def test_what_has_to_be_mended_is_a_finding_and_an_error_elsewhere(tmp_path: Path) -> None:
    make_photos(tmp_path / "p" / "train", classes=2)
    make_photos(tmp_path / "p" / "test", classes=3)
    report = audit(tmp_path / "p", output=tmp_path / "out")
    fault = report.record.faults[0]
    assert "'stripes2' has no images in the train split" in fault
    assert [finding.detail for finding in report.record.findings if finding.kind == "layout"] == [fault]
    assert json.loads(report.file.read_text())["faults"] == [fault]
    assert TO_MEND in report.page.read_text()
    with pytest.raises(SkipwiseError) as refused:
        prepare(Request(data=str(tmp_path / "p")), seed=0)
    assert str(refused.value) == fault


def test_images_that_can_not_be_split_have_to_be_mended_too(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", classes=2)
    for path in sorted((root / "stripes1").iterdir())[2:]:
        path.unlink()
    report = audit(root, output=tmp_path / "out")
    with pytest.raises(SkipwiseError, match="'stripes1' has 2 images, fewer than the 3 splits") as refused:
        prepare(Request(data=str(root)), seed=0)
    assert report.record.faults == (str(refused.value),)


def test_what_can_not_be_read_has_to_be_mended_or_left_out(pile: Path, tmp_path: Path) -> None:
    report = audit(pile, output=tmp_path / "out")
    with pytest.raises(SkipwiseError) as refused:
        prepare(Request(data=str(pile)), seed=0)
    assert report.record.faults == (str(refused.value),)
    assert report.trainable_without
    root = make_photos(tmp_path / "p", classes=2)
    for path in (root / "stripes1").iterdir():
        path.write_bytes(path.read_bytes()[:40])
    report = audit(root, output=tmp_path / "second")
    assert not report.trainable_without  # nothing would be left of the class
    with pytest.raises(SkipwiseError, match="No image of the class 'stripes1' is left"):
        prepare(Request(data=str(root), exclude=str(report.file)), seed=0)


def test_a_clean_folder_and_named_data_have_nothing_wrong(photos: Path, tmp_path: Path) -> None:
    assert audit(photos, output=tmp_path / "one").record.findings == ()
    report = audit("digits", output=tmp_path / "two")
    assert not [finding for finding in report.record.findings if finding.kind != "exact_duplicates"]
    assert not audit(photos, output=tmp_path / "one").leaks


@pytest.mark.usefixtures("here")
def test_an_audit_lands_in_the_next_folder(photos: Path) -> None:
    assert audit(photos).folder == Path("runs/audit/stripes")
    assert skipwise.audit(photos, again=True).folder == Path("runs/audit/stripes-2")


def test_doubted_labels_are_those_that_a_good_network_does_not_believe() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    logits = rng.normal(0, 0.6, (400, 4)).astype(np.float32)
    logits[np.arange(400), labels] += 4
    wrong = rng.choice(400, 12, replace=False)
    noisy = labels.copy()
    noisy[wrong] = (labels[wrong] + 1) % 4
    found = doubts(probabilities(logits), noisy)
    assert {doubt.index for doubt in found} <= set(wrong.tolist())
    assert len(found) >= 10
    assert all(doubt.believed == labels[doubt.index] for doubt in found)
    assert not doubts(probabilities(np.eye(4, dtype=np.float32) * 9), np.arange(4))


@pytest.mark.usefixtures("in_this_process")
def test_a_run_shows_which_labels_are_doubtful(tmp_path: Path, photos: Path) -> None:
    options = {"seeds": 2, "epochs": 1, "width": 0.25, "precision": "fp32"}
    found = skipwise.compare(photos, models=["resnet18", "plain18"], output=tmp_path / "c", **options)
    report = audit(photos, run=found.folder, output=tmp_path / "out")
    assert all(finding.kind == "looks_mislabelled" for finding in report.record.findings)
    with pytest.raises(SkipwiseError, match=r"holds no finished run's predictions"):
        audit(photos, run=tmp_path, output=tmp_path / "out")
    with pytest.raises(SkipwiseError, match="are of other images than digits"):
        audit("digits", run=found.folder, output=tmp_path / "out")


@pytest.mark.usefixtures("in_this_process")
def test_a_comparison_says_accuracies_without_near_duplicates(pile: Path, tmp_path: Path) -> None:
    root = shutil.copytree(pile, tmp_path / "pile")
    (root / "train" / "dogs" / "cut.png").unlink()
    options = {"seeds": 2, "epochs": 1, "width": 0.25, "img_size": 16, "precision": "fp32"}
    found = skipwise.compare(root, models=["resnet18", "plain18"], output=tmp_path / "c", **options)
    assert found.results.near_duplicates == 2
    with (tmp_path / "c" / "split.csv").open(encoding="utf-8", newline="") as table:
        tested = [row for row in csv.DictReader(table) if row["split"] == "test"]
    clean = [index for index, row in enumerate(tested) if row["twin"] != "train"]
    assert len(clean) == found.results.test_images - 2
    for candidate in found.results.candidates:
        right = []
        for run in candidate.runs:
            with np.load(tmp_path / "c" / "runs" / f"{candidate.name}-s{run.seed}" / "predictions.npz") as answers:
                right.append((answers["test_logits"].argmax(1) == answers["test_labels"])[clean].mean())
        # Of the runs that learned something.
        learned = [each for each, run in zip(right, candidate.runs, strict=True) if run.not_learned is None]
        assert candidate.without_near_duplicates == (pytest.approx(np.mean(learned)) if learned else None)
    assert "2 of the 26 test images have exact or near copies among the training" in found.report.read_text()


def test_ids_that_look_like_markup_stay_text(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=12)
    name = "<script>alert(1)<script>.png"
    shutil.copy(root / "stripes0" / "000.png", root / "stripes0" / name)
    page = audit(root, output=tmp_path / "out").page.read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_the_command_prints_what_was_found_and_where(cli, pile: Path) -> None:
    result = cli("audit", pile)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("skipwise: 1 image of pile can't be read: train/dogs/cut.png")
    for text in (
        "In more than one split",
        "Nearly identical images",
        "Can't be read",
        f"{TO_MEND}:\n  1 image of pile can't be read: train/dogs/cut.png",
        f"Page:   runs/audit/pile/audit.html\nRecord: runs/audit/pile/audit.json\nNext:   skipwise audit {pile}  #",
        f"Or:     skipwise compare {pile} --exclude runs/audit/pile/audit.json  #",
    ):
        assert text in re.sub(r"\S+ -m skipwise", "skipwise", result.stdout)
    assert "compare" not in result.stdout.partition("Next:")[2].partition("\n")[0]
    (pile / "train" / "dogs" / "cut.png").rename(pile.parent / "cut.png")
    try:
        strict = cli("audit", pile, "--strict", "--json")
    finally:
        (pile.parent / "cut.png").rename(pile / "train" / "dogs" / "cut.png")
    assert strict.returncode == 2
    assert "more than one split" in strict.stderr
    assert json.loads(strict.stdout)["audit"]["counts"]["images"] == 80
    split = cli("audit", "digits", "--split", "gone.csv")
    assert (split.returncode, split.stdout) == (2, "")


def printed(report: AuditReport, capsys: pytest.CaptureFixture[str], *typed: str) -> list[str]:
    """The last lines that the verb prints, from where its results are on."""
    print_audit(report, typed=["skipwise", "audit", *typed])
    lines = capsys.readouterr().out.splitlines()
    return lines[[line.startswith("Page:") for line in lines].index(True) :]


@pytest.mark.usefixtures("here")
def test_what_to_type_next_can_be_pasted(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(photos, "-my photos")
    shutil.copy("-my photos/stripes0/000.png", "-my photos/stripes0/again.png")
    report = audit("./-my photos", group_regex=r"(again)?")
    typed = ["--json", "--group-regex", r"(again)?", "--run=c", "-o", "x", "--", "-my photos"]
    assert printed(report, capsys, *typed)[2:] == [
        "Next:   skipwise compare --group-regex '(again)?' './-my photos' --exclude 'runs/audit/-my photos/audit.json'"
    ]
    clean = audit(photos)
    assert printed(clean, capsys, str(photos))[2:] == [f"Next:   skipwise compare {photos}"]
    Path("-my photos/empty").mkdir()
    faulty = audit("./-my photos")
    assert printed(faulty, capsys, "./-my photos")[2:] == [
        "Next:   skipwise audit './-my photos'  # once that is corrected"
    ]


def test_the_same_fault_is_the_same_sentence_in_every_verb(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", classes=2)
    ours = {"width": 0.25, "img_size": 16, "epochs": 1}
    trained = skipwise.train(root, output=tmp_path / "run", **ours)
    shipped = skipwise.export(trained.folder, format="torch", output=tmp_path / "shipped")
    (root / "empty").mkdir()
    fault = audit(root, output=tmp_path / "out").record.faults[0]
    for verb in (
        lambda: skipwise.train(root, output=tmp_path / "again", **ours),
        lambda: skipwise.compare(root, output=tmp_path / "compared", **ours),
        lambda: skipwise.export(trained.folder, root, output=tmp_path / "elsewhere"),
        lambda: skipwise.verify(shipped.folder, root),
    ):
        with pytest.raises(SkipwiseError) as refused:
            verb()
        assert str(refused.value) == fault
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "compared").exists()
    assert not (tmp_path / "elsewhere").exists()

"""Folders, archives, tables and names -> labelled images; and everything that is wrong with them."""

from __future__ import annotations

import copy
import gzip
import io
import json
import os
import shutil
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skipwise.core.errors import SkipwiseError
from skipwise.data.containers.tar_headers import CheckedHeader
from skipwise.data.sources import Source, open_images, open_source
from skipwise.data.sources.named import in_memory
from tests.conftest import make_photos

Make = Callable[[Path], Path]


def idx(values: np.ndarray) -> bytes:
    """An array of bytes in LeCun's format."""
    header = b"\0\0\x08" + bytes([values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    return header + values.tobytes()


def zipped(root: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, path.relative_to(root.parent))
    return to


def tarred(root: Path, to: Path) -> Path:
    with tarfile.open(to, "w:gz" if to.suffix in (".tgz", ".gz") else "w") as archive:
        archive.add(root, root.name)
    return to


def test_digits_are_the_1797_that_scikit_learn_ships() -> None:
    source = open_source("digits")
    assert len(source.ids) == 1797
    assert len(source.classes) == 10
    assert source.pixels is not None
    assert source.pixels.shape == (1797, 8, 8, 1)
    assert source.pixels.max() == 255
    assert not source.mirrors


def test_fashion_mnist_as_debian_ships_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_memory, "DEBIAN_FASHION_MNIST", tmp_path)
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    source = open_source("fashion_mnist")
    assert source.pixels is not None
    assert source.pixels.shape == (50, 28, 28, 1)
    np.testing.assert_array_equal(source.pixels[30:, :, :, 0], images)
    assert (source.splits or ()).count("test") == 20
    assert source.classes[0] == "t-shirt"
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(SkipwiseError, match="is damaged"):
        open_source("fashion_mnist")


def test_cifar10_is_found_where_torchvision_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where it is not, and can't be downloaded, a sentence says so."""
    from torchvision import datasets

    class Fake:
        def __init__(self, root: Path, train: bool, download: bool = False) -> None:
            if not (Path(root) / "here").exists():
                raise RuntimeError("<urlopen error no network>" if download else "not found")
            self.data = np.zeros((20 if train else 10, 32, 32, 3), np.uint8)
            self.classes = [f"c{index}" for index in range(10)]
            self.targets = list(range(10)) * (2 if train else 1)

    monkeypatch.setattr(datasets, "CIFAR10", Fake)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SkipwiseError, match=r"CIFAR-10 can't be downloaded \(<urlopen error no network>\)"):
        open_source("cifar10")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "here").touch()
    source = open_source("cifar10")
    assert (len(source.ids), (source.splits or ()).count("train")) == (30, 20)


def test_a_folder_is_read_with_its_classes_and_sub_folders(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    (root / "stripes0" / "deeper").mkdir()
    shutil.move(root / "stripes0" / "000.png", root / "stripes0" / "deeper" / "moved.PNG")
    (root / "stripes1" / "notes.txt").write_text("not an image")
    (root / "loose.png").write_bytes(b"")
    (root / ".hidden").mkdir()
    (root / "stripes1" / ".DS_Store").write_text("")
    (root / "stripes1" / "._hidden.png").write_text("")
    (root / "__MACOSX" / "stripes0").mkdir(parents=True)
    (root / "__MACOSX" / "stripes0" / "._000.png").write_text("")
    source = open_source(root)
    source.check()
    assert source.classes == ("stripes0", "stripes1", "stripes2")
    assert source.ids[0] == "stripes0/001.jpg"
    assert "stripes0/deeper/moved.PNG" in source.ids
    assert len(source.ids) == 6
    assert source.splits is None
    assert source.ignored == ("loose.png", "stripes1/._hidden.png", "stripes1/notes.txt")


def test_results_kept_among_the_images_are_no_images(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    before = open_source(root)
    for kind in ("compare", "audit"):
        results = root / "runs" / kind / "p"
        (results / "runs" / "resnet18-s0").mkdir(parents=True)
        record = {"fingerprint": "", "question": {}, "classes": [], "reading": "", "findings": []}
        (results / ("plan.json" if kind == "compare" else "audit.json")).write_text(json.dumps(record))
        (results / "runs" / "resnet18-s0" / "figure.png").write_text("")
        (results / "runs" / "resnet18-s0" / "split.csv").write_text("")
    after = open_source(root)
    after.check()
    pictures = tuple(f"runs/{kind}/p/runs/resnet18-s0/figure.png" for kind in ("audit", "compare"))
    assert (after.ids, after.ignored) == (before.ids, pictures)
    assert "Left out: 2 pictures" in after.reading


def test_a_class_folder_with_a_record_of_ours_beside_its_images_is_still_a_class(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    (root / "stripes0" / "run.json").write_text("{}")
    source = open_source(root)
    assert source.classes == ("stripes0", "stripes1", "stripes2")
    assert source.ignored == ("stripes0/run.json",)


def test_a_compressed_tar_is_one_whatever_its_name(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    archive = tarred(root, tmp_path / "p.tgz").rename(tmp_path / "q.tar")
    assert open_source(archive).ids == open_source(root).ids


def test_an_archive_behind_a_link_is_known_by_the_links_name(tmp_path: Path) -> None:
    archive = zipped(make_photos(tmp_path / "p", per_class=2), tmp_path / "p.zip")
    blob = archive.rename(tmp_path / "0f3a")
    (tmp_path / "p.zip").symlink_to(blob)
    assert len(open_source(tmp_path / "p.zip").ids) == 6


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    elsewhere = make_photos(tmp_path / "elsewhere", classes=1, per_class=4) / "stripes0"
    (root / "stripes0" / "linked").symlink_to(elsewhere)
    (root / "stripes1" / "loop").symlink_to(root / "stripes1")
    (root / "gone").symlink_to(tmp_path / "nowhere")
    source = open_source(root)
    assert len(source.ids) == 6 + 4
    assert "stripes0/linked/000.png" in source.ids
    assert source.ignored == ("gone",)


def test_split_folders_are_kept_as_they_came(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        make_photos(tmp_path / split, per_class=3)
    source = open_source(tmp_path)
    assert source.classes == ("stripes0", "stripes1", "stripes2")
    assert set(source.splits or ()) == {"train", "val", "test"}
    for name, split in zip(source.ids, source.splits or (), strict=True):
        assert name.startswith("valid/" if split == "val" else f"{split}/")


def _same(one: Source, other: Source) -> bool:
    return (one.ids, one.classes, one.splits, one.name) == (other.ids, other.classes, other.splits, other.name)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz", ".tar.gz"])
@pytest.mark.parametrize("split", [False, True], ids=["flat", "split"])
def test_an_archive_is_what_the_folder_in_it_is(tmp_path: Path, suffix: str, split: bool) -> None:
    root = tmp_path / "birds"
    for part in ("train", "test") if split else ("",):
        make_photos(root / part, per_class=2)
    archive = (zipped if suffix == ".zip" else tarred)(root, tmp_path / f"birds{suffix}")
    folder, packed = open_source(root), open_source(archive)
    assert _same(folder, packed)
    assert packed.container is not None
    assert folder.container is not None
    read = dict(packed.container.stream(packed.files))
    for ours, theirs in zip(folder.files, packed.files, strict=True):
        assert read[theirs] == (root / ours).read_bytes()


def table(root: Path, text: str) -> Path:
    (root / "images.csv").write_text(text, encoding="utf-8-sig")
    return root / "images.csv"


def test_a_table_lists_paths_and_labels(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=3)
    rows = [f"{path.relative_to(root)};{path.parent.name[-1]};{i}" for i, path in enumerate(sorted(root.rglob("*.*")))]
    source = open_images(table(root, "\n".join(["Filename;Label;Patient", *rows])), group="patient")
    assert source.classes == ("0", "1", "2")
    assert len(source.ids) == 9
    assert source.splits is None
    assert (source.groups or ())[:2] == ("0", "1")
    assert source.name == "images"


def test_a_file_listed_twice_is_two_images(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    text = "path,label,split\nstripes0/000.png,a,train\nstripes0/001.jpg,b,train\n"
    text += "stripes0/000.png,b,test\nstripes1/000.png,a,test\n"
    source = open_images(table(root, text))
    assert source.ids == ("stripes0/000.png", "stripes0/000.png (line 4)", "stripes0/001.jpg", "stripes1/000.png")
    assert source.splits == ("train", "test", "train", "test")


def test_groups_from_paths(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    assert set(open_images(root, group_regex=r"/(\d+)").groups or ()) == {"000", "001"}
    assert set(open_images(root, group_regex=r"stripes\d").groups or ()) == {"stripes0", "stripes1", "stripes2"}
    with pytest.raises(SkipwiseError, match=r"matches nothing in stripes0/000\.png and 5 other paths"):
        open_images(root, group_regex="patient")
    with pytest.raises(SkipwiseError, match="is not a regular expression"):
        open_images(root, group_regex="(")
    with pytest.raises(SkipwiseError, match="--group patient names a column of a table"):
        open_images(root, group="patient")


def test_names_that_are_not_utf8_or_have_line_breaks_are_taken(tmp_path: Path) -> None:
    root = make_photos(tmp_path / "p", per_class=2)
    (root / "stripes0").rename(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))
    (root / "stripes1" / "000.png").rename(root / "stripes1" / "a\rb.png")
    source = open_source(root)
    assert source.classes == ("caf\\xe9", "stripes1", "stripes2")
    assert "caf\\xe9/000.png" in source.ids
    assert "stripes1/a\\rb.png" in source.ids


def test_an_accent_in_one_code_point_or_two_is_one_class(tmp_path: Path) -> None:
    for split, form in (("train", "NFC"), ("test", "NFD")):
        make_photos(tmp_path / "p" / split, per_class=2)
        (tmp_path / "p" / split / "stripes0").rename(tmp_path / "p" / split / unicodedata.normalize(form, "café"))
    source = open_source(tmp_path / "p")
    source.check()
    assert source.classes == (unicodedata.normalize("NFC", "café"), "stripes1", "stripes2")


def _no_folder(root: Path) -> str:
    return str(root / "nowhere")


def _a_file(root: Path) -> str:
    (root / "file.txt").write_text("")
    return str(root / "file.txt")


def _two_vals(root: Path) -> str:
    for name in ("train", "test", "val", "valid"):
        make_photos(root / "p" / name)
    return str(root / "p")


def _one_class(root: Path) -> str:
    return str(make_photos(root / "one", classes=1))


def _empty_class(root: Path) -> str:
    (make_photos(root / "p") / "nothing").mkdir()
    return str(root / "p")


def _case(root: Path) -> str:
    make_photos(root / "p")
    make_photos(root / "q", classes=1)
    shutil.move(root / "q" / "stripes0", root / "p" / "Stripes0")
    return str(root / "p")


def _hostile_zip(name: str) -> Callable[[Path], str]:
    def make(root: Path) -> str:
        with zipfile.ZipFile(root / "bad.zip", "w") as archive:
            archive.writestr("a/1.png", b"")
            archive.writestr(name, b"")
        return str(root / "bad.zip")

    return make


def _zip_with_link(root: Path) -> str:
    info = zipfile.ZipInfo("a/link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(root / "bad.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return str(root / "bad.zip")


def _tar_with(**fields: object) -> Callable[[Path], str]:
    def make(root: Path) -> str:
        member = tarfile.TarInfo("a/1.png")
        for name, value in fields.items():
            setattr(member, name, value)
        with tarfile.open(root / "bad.tar", "w") as archive:
            archive.addfile(member, io.BytesIO())
        return str(root / "bad.tar")

    return make


def _cut(suffix: str, share: float) -> Callable[[Path], str]:
    def make(root: Path) -> str:
        photos = make_photos(root / "p", per_class=4)
        whole = (zipped if suffix == ".zip" else tarred)(photos, root / f"p{suffix}")
        content = whole.read_bytes()
        whole.write_bytes(content[: int(len(content) * share)])
        return str(whole)

    return make


def _zip_that_shares(tmp_path: Path) -> str:
    """Every entry of its directory is the one file that it holds."""
    path = tmp_path / "shares.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/000.png", os.urandom(4096))
        first = archive.infolist()[0]
        for number in range(1, 50):
            another = copy.copy(first)
            another.filename = f"{'ab'[number % 2]}/{number:03d}.png"
            archive.filelist.append(another)
    return str(path)


def _zip_twice(root: Path) -> str:
    with zipfile.ZipFile(root / "bad.zip", "w") as archive:
        archive.writestr("a/1.png", b"")
        archive.writestr("./a/1.png", b"other")
    return str(root / "bad.zip")


def _tar_in_capitals(root: Path) -> str:
    cut = Path(_cut(".tar", 0.6)(root))
    return str(cut.rename(root / "P.TAR"))


def _zip_of_odd_bytes(root: Path) -> str:
    archive = zipped(make_photos(root / "p", per_class=2), root / "p.zip")
    content = bytearray(archive.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 9] |= 8  # says that the name is UTF-8
    content[entry + 46] = 0xFF  # which it is not
    archive.write_bytes(content)
    return str(archive)


def _table(text: str) -> Callable[[Path], str]:
    return lambda root: str(table(make_photos(root / "p", per_class=2), text))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda _: "digit", "did you mean 'digits'"),
        (lambda _: "", "is empty"),
        (_no_folder, "There is no file or folder"),
        (_a_file, "lists no images"),
        (lambda root: str(root), "holds no files; give a folder"),
        (_one_class, "only one class with images, 'stripes0'"),
        (_empty_class, "nothing of .* holds no images"),
        (_two_vals, "two folders for one split"),
        (_case, "'Stripes0' .* and 'stripes0' .* differ only in capital letters"),
        (_hostile_zip("../../etc/passwd"), "points outside the archive"),
        (_hostile_zip("/etc/passwd"), "points outside the archive"),
        (_hostile_zip("a\\..\\..\\b.png"), "points outside the archive"),
        (_zip_with_link, "holds a link, 'a/link.png'"),
        (_tar_with(name="../x.png"), "points outside the archive"),
        (_tar_with(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "holds a link"),
        (_cut(".zip", 0.6), "cut off, or not an archive"),
        (_cut(".tar", 0.6), "is cut off"),
        (_cut(".tgz", 0.6), "cut off, or not an archive"),
        (_cut(".tar", 0.0), "is cut off"),
        (_tar_in_capitals, "is cut off"),
        (_zip_twice, "holds two files named 'a/1.png'"),
        (_zip_of_odd_bytes, "cut off, or not an archive"),
        (_zip_that_shares, ", so some share their bytes"),
        (
            _table("path,size\nstripes0/000.png,\nstripes0/001.jpg,\n"),
            "no column 'label' with the images' classes; its columns are 'path', 'size'",
        ),
        (
            _table("path,label\nstripes0/000.png,a\nstripes0/7.png,b\n"),
            r"1 image that is not there: stripes0/7.png \(l",
        ),
        (_table("path,label\nstripes0/000.png,a\n,b\nstripes0/001.jpg,b\n"), "Line 3 of .* lacks a path"),
        (_table("path,label\nstripes0/000.png,a,b\n"), "Line 2 of .* has 3 columns"),
        (_table("path,label\n"), "lists no images"),
        (_table("path,label\nstripes0/000.png,a\nstripes0/001.jpg,A\n"), "differ only in capital letters"),
        (
            _table("path,label,split\nstripes0/000.png,a,train\nstripes0/001.jpg,b,left\n"),
            "Line 3 of .* the split 'left'",
        ),
    ],
)
def test_what_is_no_data_set_is_refused_with_a_sentence(tmp_path: Path, make, sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        open_source(make(tmp_path)).check()


@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl"])
def test_a_networks_answers_among_the_images_are_no_labels(photos: Path, tmp_path: Path, name: str) -> None:
    root = shutil.copytree(photos, tmp_path / "set")
    before = open_source(str(root))
    files = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.*g"))]
    rows = {
        "answers.csv": ["path,class,probability,error", *(f"{file},other,0.9," for file in files)],
        "answers.jsonl": [
            json.dumps({"path": file, "class": "other", "probability": 0.9, "top": [["other", 0.9]]}) for file in files
        ],
    }
    (root / name).write_text("\n".join(rows[name]) + "\n")
    after = open_source(str(root))
    assert (after.classes, after.labels.tolist()) == (before.classes, before.labels.tolist())
    assert name in after.ignored


@pytest.mark.parametrize("newer", [False, True])
def test_headers_are_checked_by_whichever_method_tarfile_reads_them(
    newer: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if newer and not hasattr(tarfile.TarInfo, "_frombuf"):
        bare = tarfile.TarInfo.frombuf.__func__

        def fromtarfile(kind: Any, archive: Any) -> Any:  # as Python 3.14 reads a header
            header = kind._frombuf(archive.fileobj.read(512), archive.encoding, archive.errors, dircheck=True)
            header.offset = archive.fileobj.tell() - 512
            return header._proc_member(archive)

        by = classmethod(lambda kind, data, encoding, errors, *, dircheck: bare(kind, data, encoding, errors))  # noqa: ARG005
        monkeypatch.setattr(tarfile.TarInfo, "_frombuf", by, raising=False)
        monkeypatch.setattr(tarfile.TarInfo, "fromtarfile", classmethod(fromtarfile))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(3):
            archive.addfile(tarfile.TarInfo(f"cat/{number}.png"))
    data = bytearray((tmp_path / "a.tar").read_bytes())

    def names(content: bytes) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:", tarinfo=CheckedHeader) as read:
            return [member.name for member in read]

    assert names(bytes(data)) == ["cat/0.png", "cat/1.png", "cat/2.png"]
    broken = data.copy()
    broken[512 + 100] ^= 1
    with pytest.raises(tarfile.ReadError, match="a header is broken or missing"):
        names(bytes(broken))
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2**30
    with pytest.raises(tarfile.ReadError, match="a header of 1,073,741,824 bytes"):
        names(bytes(data[:512]) + long.tobuf() + bytes(data[512:]))

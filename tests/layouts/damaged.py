"""The smallest inputs at which a reader failed, found by `tests/fuzzing.py`: damage, odd names, no values."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import picture, put
from tests.layouts.trees import plant, tree

Build = Callable[[Path], Path]


def table(name: str, *lines: str, given: str = "") -> Build:
    """Lines of a table beside three images each of two classes; the folder is given, or the table itself."""

    def build(root: Path) -> Path:
        plant(root / "d", "images/{cat,dog}{1..3}.jpg")
        put(root / "d" / name, "\n".join(lines).encode("utf-8", "surrogatepass"))
        return root / "d" / given

    return build


def beside(name: str, data: bytes) -> Build:
    """A file beside class folders."""

    def build(root: Path) -> Path:
        plant(root / "d", "{cat,dog}/#.jpg 2")
        put(root / "d" / name, data)
        return root / "d"

    return build


def _labelled(*labels: str) -> tuple[str, ...]:
    """A table of the six images with one label or another for those of dogs."""
    return (
        "path,label",
        *(f"images/cat{n}.jpg,1.0" for n in (1, 2, 3)),
        *(f"images/dog{n}.jpg,{labels[n % len(labels)]}" for n in (1, 2, 3)),
    )


def coco(**annotation: Any) -> Build:
    """COCO's JSON of two images, an annotation of one of which is otherwise."""
    content = {
        "images": [{"id": 1, "file_name": "cat1.jpg"}, {"id": 2, "file_name": "dog1.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 1} | annotation, {"image_id": 2, "category_id": 2}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    return table("d.json", json.dumps(content))


def linked(target: str) -> Build:
    """A link among class folders."""

    def build(root: Path) -> Path:
        plant(root / "d", "{cat,dog}/#.jpg 2")
        (root / "d" / "cat" / "x.jpg").symlink_to(target)
        return root / "d"

    return build


def _listed_link(root: Path) -> Path:
    """A table of names, some of links to what is no longer there."""
    plant(root / "d", "images/{cat,dog}{1..3}.jpg")
    (root / "d" / "images" / "dog4.jpg").symlink_to("nowhere")
    return put(
        root / "d" / "set.csv",
        "\n".join(("id,label", *(f"{k}{n}.jpg,{k}" for k in ("cat", "dog") for n in (1, 2, 3)), "dog4.jpg,dog")),
    )


def _without_rows() -> bytes:
    buffer = io.BytesIO()
    none = pyarrow.array([], "string")
    pyarrow.parquet.write_table(pyarrow.table({"file": none, "label": none}), buffer)
    return buffer.getvalue()


def _deep(root: Path) -> Path:
    plant(root / "d", "{cat,dog}/#.jpg 2")
    deep = root / "d"
    for _ in range(101):
        deep = deep / "d"
        deep.mkdir()
    return root / "d"


class _Broken(tarfile.TarInfo):
    """A header whose checksum is wrong."""

    def tobuf(self, *given: Any) -> bytes:
        return super().tobuf(*given)[:-12] + b"x" * 12


def _tar(suffix: str) -> Build:
    """An archive with the second of three headers broken."""

    def build(root: Path) -> Path:
        with tarfile.open(root / f"d{suffix}", f"w:{suffix[5:]}") as archive:  # type: ignore[call-overload]
            for number, label in enumerate(("cat", "dog", "cow")):
                data = picture(label, "1.jpg")
                info = (_Broken if number == 1 else tarfile.TarInfo)(f"{label}/1.jpg")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return root / f"d{suffix}"

    return build


_FOLDERS = Reads(classes={"cat": 2, "dog": 2}, splits=None)
_SIX = Reads(classes={"cat": 3, "dog": 3}, splits=None)
_NOT_COCO = Refuses(says=(r"d\.json", "annotations"))
_LEVEL = Refuses(says=("--class-level",))

CASES = (
    # Numbers in text.
    Case(name="level-superscript", build=tree("{cat,dog}/#.jpg 2"), expected=_LEVEL, options={"class_level": "\u00b2"}),
    Case(
        name="level-of-5000-digits",
        build=tree("{cat,dog}/#.jpg 2"),
        expected=_LEVEL,
        options={"class_level": "9" * 5000},
    ),
    Case(
        name="number-of-400-digits",
        build=table("set.csv", *_labelled("1" + "0" * 200 + ".0")),
        expected=Reads(classes={"1": 3, "1" + "0" * 200: 3}, splits=None),
    ),
    Case(
        name="numbers-beyond-floats",
        build=table("set.csv", *_labelled("9007199254740992.0", "9007199254740993.0")),
        expected=Reads(classes={"1": 3, "9007199254740992": 1, "9007199254740993": 2}, splits=None),
    ),
    Case(
        name="counted-in-superscripts",
        build=table("set.csv", "path,n", *(f"images/{k}{n}.jpg,\u00b2" for k in ("cat", "dog") for n in (1, 2, 3))),
        expected=Refuses(says=("n",)),
    ),
    # Cells and names of any length, and such as can't be printed.
    Case(
        name="label-of-100000-blanks",
        build=table("set.csv", *_labelled("a" + " " * 100_000 + "b"), given="set.csv"),
        expected=Refuses(says=(r"100,002 characters", "--label-column")),
    ),
    Case(
        name="cell-of-10-mb",
        build=table("set.csv", *_labelled("x" * 10**7), given="set.csv"),
        expected=Refuses(says=(r"line 5", r"131,072 characters")),
    ),
    Case(
        name="label-half-a-character",
        build=table(
            "set.jsonl",
            *(
                json.dumps({"file": f"images/{k}{n}.jpg", "label": f"{k}\ud800"})
                for k in ("cat", "dog")
                for n in (1, 2, 3)
            ),
        ),
        expected=Reads(classes={"cat\\ud800": 3, "dog\\ud800": 3}, splits=None),
    ),
    Case(name="names-that-print-alike", build=tree("{cat,dog}/{\x01,\\x01}.jpg"), expected=_FOLDERS),
    Case(name="classes-that-print-alike", build=tree("{cat,\x01,\\x01}/#.jpg 2"), expected=Refuses(says=(r"x01",))),
    # Tables and JSON.
    Case(
        name="xml-attribute-and-element",
        build=table(
            "d.xml",
            "<x>",
            *(
                f'<i file="images/{k}{n}.jpg" label="{k}"><label>{k}</label></i>'
                for k in ("cat", "dog")
                for n in (1, 2, 3)
            ),
            "</x>",
        ),
        expected=_SIX,
    ),
    Case(
        name="xml-in-no-encoding",
        build=beside("d.xml", b'<?xml version="1.0" encoding="nothing"?><x/>'),
        expected=_FOLDERS,
    ),
    Case(name="parquet-without-rows", build=beside("labels.parquet", _without_rows()), expected=_FOLDERS),
    Case(
        name="table-lists-a-broken-link", build=_listed_link, expected=Reads(classes={"cat": 3, "dog": 4}, splits=None)
    ),
    Case(
        name="pixels-without-a-label",
        build=lambda root: put(root / "d.csv", "pixels,label\n1 2 3 4,0\n1 2 3 4\n"),
        expected=Refuses(says=(r"pixels",)),
    ),
    Case(name="coco-annotation-is-a-list", build=coco(category_id=[1]), expected=_NOT_COCO),
    Case(
        name="coco-box-nowhere",
        build=coco(bbox=[0, 0, float("nan"), 1]),
        expected=_NOT_COCO,
        options={"crop_boxes": True},
    ),
    Case(name="coco-box-of-a-large-number", build=coco(bbox=[10**400, 0, 1, 1]), expected=_NOT_COCO),
    # Folders and archives.
    Case(name="link-to-itself", build=linked("x.jpg"), expected=Reads(classes={"cat": 3, "dog": 2}, splits=None)),
    Case(name="folders-101-deep", build=_deep, expected=Refuses(says=("101 folders",))),
    Case(
        name="deep-test-beside-flat-train",
        build=tree("train/{cat,dog}.{1..3}.jpg", "test/{a,b}/#.jpg 2"),
        expected=Refuses(says=("--label-regex",)),
    ),
    Case(name="tar-broken-in-the-middle", build=_tar(".tar"), expected=Refuses(says=("header",))),
    Case(name="tgz-broken-in-the-middle", build=_tar(".tar.gz"), expected=Refuses(says=("header",))),
)

"""Archives that are read in place: zip, tar, compressed tar, WebDataset."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.layouts.cases import Case, Reads
from tests.layouts.folders import INSECTS, TEST, TRAIN
from tests.layouts.pictures import classes, images, picture, put, splits, total, zipped


def tarred(folder: Path, file: Path) -> Path:
    """A tar of a folder's files, compressed as the name says."""
    kind = file.suffix.lstrip(".").replace("tgz", "gz").replace("tar", "")
    with tarfile.open(file, f"w:{kind}") as archive:  # type: ignore[call-overload]
        archive.add(folder, folder.name)
    return file


def _packed(name: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        data = root / "work" / "birds"
        splits(data, {"train": TRAIN, "test": TEST})
        put(data / "README.md", "# Birds\n")
        return zipped(data.parent, root / name) if name.endswith(".zip") else tarred(data, root / name)

    return build


def _mac_zip(root: Path) -> Path:
    """As the Finder of macOS makes them."""
    classes(root / "work" / "photos", INSECTS)
    for label, count in INSECTS.items():
        for number in range(1, count + 1):
            put(root / "work" / "__MACOSX" / "photos" / label / f"._{number:03}.jpg", b"\0\5\26\7\0\2\0\0Mac OS X")
    put(root / "work" / "photos" / ".DS_Store", b"\0\0\0\1Bud1")
    return zipped(root / "work", root / "photos.zip")


def shard(file: Path, samples: Mapping[str, Mapping[str, bytes]]) -> Path:
    """A WebDataset shard: the files of a sample have its key as their stem and follow each other."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for key, parts in samples.items():
            for suffix, data in parts.items():
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return file


def samples(counts: Mapping[str, int], label: Callable[[int, str], dict[str, bytes]], first: int = 0) -> dict:
    """Images by key, with what `label(class number, class)` gives beside each."""
    made = {}
    for index, (name, count) in enumerate(counts.items()):
        for number in range(first, first + count):
            made[f"{number * len(counts) + index:06}"] = {"jpg": picture(name, f"{number}.jpg"), **label(index, name)}
    return dict(sorted(made.items()))


def _cls(index: int, _: str) -> dict[str, bytes]:
    return {"cls": str(index).encode()}


def _json(_: int, name: str) -> dict[str, bytes]:
    return {"json": json.dumps({"label": name, "width": 12, "caption": f"a photo of a {name}"}).encode()}


def _web_shards(root: Path) -> Path:
    data = root / "web"
    shard(data / "train-000000.tar", samples({"ant": 4, "bee": 3}, _cls))
    shard(data / "train-000001.tar", samples({"ant": 3, "bee": 4}, _cls, 10))
    shard(data / "val-000000.tar", samples({"ant": 2, "bee": 2}, _cls, 20))
    return data


def _web_one(root: Path) -> Path:
    return shard(root / "pictures.tar", samples({"ant": 4, "bee": 3}, _cls))


def _web_json(root: Path) -> Path:
    return shard(root / "d" / "00000.tar", samples({"ant": 4, "bee": 3}, _json)).parent


def _nested_archives(root: Path) -> Path:
    """Only archives, as a download leaves them."""
    splits(root / "work", {"train": TRAIN})
    images(root / "work" / "test", 4, "?")
    (root / "d").mkdir()
    zipped(root / "work" / "train", root / "d" / "train.zip")
    zipped(root / "work" / "test", root / "d" / "test.zip")
    return root / "d"


_READ = Reads(classes=total(TRAIN, TEST), splits={"train": 19, "test": 10}, left_out=0)

CASES = (
    *(
        Case(name=f"archive-{name}", build=_packed(name), expected=_READ, decodes=True)
        for name in ("birds.zip", "birds.tar", "birds.tar.gz", "birds.tgz", "birds.tar.bz2", "birds.tar.xz")
    ),
    Case(name="archive-of-macos", build=_mac_zip, expected=Reads(classes=INSECTS, splits=None), decodes=True),
    Case(
        name="webdataset-cls-shards",
        build=_web_shards,
        expected=Reads(classes={"0": 9, "1": 9}, splits={"train": 14, "test": 4}),
        decodes=True,
    ),
    Case(
        name="webdataset-cls-one-tar",
        build=_web_one,
        expected=Reads(classes={"0": 4, "1": 3}, splits=None),
        decodes=True,
    ),
    Case(
        name="webdataset-json",
        build=_web_json,
        expected=Reads(classes={"ant": 4, "bee": 3}, splits=None),
        decodes=True,
    ),
)

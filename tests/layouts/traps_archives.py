"""Archives: the layouts of folders in a zip, names in odd encodings, and archives that are refused."""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.layouts import coco, imagenet, kaggle, lists, published, text_lists, tools
from tests.layouts.archives import samples, shard, tarred
from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.folders import INSECTS
from tests.layouts.pictures import classes, images, picture, put, zipped

PACKED = (
    *(kaggle.CASES, ("kaggle-id-label", "ham10000", "plant-pathology-2020")),
    *(imagenet.CASES, ("tiny-imagenet",)),
    *(text_lists.CASES, ("cub-200-2011", "food-101")),
    *(lists.CASES, ("gtsrb-kaggle",)),
    *(tools.CASES, ("roboflow-one-hot",)),
    *(coco.CASES, ("coco-splits", "imagefolder-metadata-csv")),
    *(published.CASES, ("fruits-360",)),
)
"""Layouts that are read from an archive as from a folder."""


def _in_an_archive(case: Case, name: str) -> Case:
    def build(root: Path) -> Path:
        (root / "work").mkdir()
        folder = Path(case.build(root / "work"))
        return zipped(folder, root / name) if name.endswith(".zip") else tarred(folder, root / name)

    return Case(name=f"{case.name}-{name}", build=build, expected=case.expected, decodes=True)


class _Named(zipfile.ZipInfo):
    """A name in bytes of one's own, without the flag that says UTF-8."""

    encoding = "utf-8"

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


def _encoded(encoding: str, *labels: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        with zipfile.ZipFile(root / "d.zip", "w") as archive:
            for label in labels:
                for number in range(4):
                    info = _Named(f"{label}/{number}.jpg")
                    info.encoding = encoding
                    archive.writestr(info, picture(label, f"{number}.jpg"))
        return root / "d.zip"

    return build


def _backslashes(root: Path) -> Path:
    """As .NET before 4.6.1 wrote them."""
    with zipfile.ZipFile(root / "d.zip", "w") as archive:
        for split in ("train", "test"):
            for label in ("cat", "dog"):
                for number in range(4):
                    archive.writestr(f"{split}\\{label}\\{number}.jpg", picture(label, f"{number}.jpg", split))
    return root / "d.zip"


def _encrypted(root: Path) -> Path:
    """The flag of encryption set, in each entry and in the directory."""
    file = zipped(classes(root / "work", INSECTS), root / "d.zip")
    data = bytearray(file.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(mark, place + 4)
    return put(file, bytes(data))


def _outside(root: Path) -> Path:
    with zipfile.ZipFile(root / "d.zip", "w") as archive:
        for label in ("cat", "dog"):
            archive.writestr(f"../../{label}/1.jpg", picture(label, "1.jpg"))
    return root / "d.zip"


def _link_in_a_tar(root: Path) -> Path:
    with tarfile.open(root / "d.tar", "w") as archive:
        archive.add(classes(root / "work", INSECTS), "d")
        link = tarfile.TarInfo("d/ant/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return root / "d.tar"


def _cut(name: str) -> Callable[[Path], Path]:
    """A download that stopped half-way."""

    def build(root: Path) -> Path:
        folder = classes(root / "work", INSECTS)
        file = zipped(folder, root / name) if name.endswith(".zip") else tarred(folder, root / name)
        return put(file, file.read_bytes()[: file.stat().st_size // 2])

    return build


def _archives_in_an_archive(root: Path) -> Path:
    """As Kaggle's competitions are downloaded: train.zip in a zip."""
    (root / "work").mkdir()
    zipped(classes(root / "train", INSECTS), root / "work" / "train.zip")
    images(root / "x", 3, "?")
    zipped(root / "x", root / "work" / "test.zip")
    put(root / "work" / "sample_submission.csv", "id,label\n1,ant\n")
    return zipped(root / "work", root / "competition.zip")


def _flat(root: Path) -> Path:
    images(root / "work", 8, "?", "{number:032x}.jpg")
    return tarred(root / "work", root / "d.tar")


def _captions(root: Path) -> Path:
    """Pictures with a sentence each: a set for other ends."""
    said = samples({"cat": 4, "dog": 4}, lambda number, name: {"txt": f"a photo of {name} no. {number}".encode()})
    return shard(
        root / "00000.tar", {key: {**parts, "txt": parts["txt"] + key.encode()} for key, parts in said.items()}
    )


def _packed_shards(root: Path) -> Path:
    for number in range(2):
        made = samples({"cat": 3, "dog": 3}, lambda index, _: {"cls": str(index).encode()}, 10 * number)
        plain = shard(root / "plain.tar", made)
        with tarfile.open(plain) as read, tarfile.open(root / f"s{number}.tar.gz", "w:gz") as packed:
            for member in read:
                packed.addfile(member, read.extractfile(member))
        plain.unlink()
    return root


def _benchmark(root: Path) -> Path:
    """As CLIP benchmark keeps them: a folder for each split, the names of the classes beside."""
    data = root / "wds_pets"
    for split, counts in (("train", {"cat": 4, "dog": 3}), ("test", {"cat": 2, "dog": 2})):
        made = samples(counts, lambda index, _: {"cls": str(index).encode()}, 0 if split == "train" else 50)
        shard(data / split / "0.tar", {f"s{key}": parts for key, parts in made.items()})
        put(data / split / "nshards.txt", "1\n")
    put(data / "classnames.txt", "cat\ndog\n")
    put(data / "zeroshot_classification_templates.txt", "a photo of {c}\n")
    return data


def _json_of_classes(root: Path) -> Path:
    """The JSON of a sample says much, the number of the class among it."""
    made = samples(
        {"cat": 4, "dog": 3}, lambda n, _: {"json": json.dumps({"cls": n, "height": 12, "url": ""}).encode()}
    )
    return shard(root / "d" / "train-0.tar", made).parent


_READ = Reads(classes={"0": 6, "1": 6}, splits=None, or_refused=(r"s0\.tar\.gz",))

CASES = (
    *(
        _in_an_archive(case, "packed.zip")
        for cases, names in zip(PACKED[::2], PACKED[1::2], strict=True)
        for case in cases
        if case.name in names
    ),
    *(_in_an_archive(case, "packed.tar.gz") for case in kaggle.CASES if case.name in ("kaggle-id-label", "ham10000")),
    Case(
        name="zip-names-utf8-without-flag",
        build=_encoded("utf-8", "chât", "chien", "日本"),
        expected=Reads(classes={"chât": 4, "chien": 4, "日本": 4}, splits=None, left_out=0),
        decodes=True,
    ),
    Case(
        name="zip-names-cp437",
        build=_encoded("cp437", "thé", "café", "Käse"),
        expected=Reads(classes={"thé": 4, "café": 4, "Käse": 4}, splits=None, left_out=0),
        decodes=True,
    ),
    Case(
        name="zip-backslashes",
        build=_backslashes,
        expected=Reads(classes={"cat": 8, "dog": 8}, splits={"train": 8, "test": 8}, left_out=0),
        decodes=True,
    ),
    Case(name="zip-encrypted", build=_encrypted, expected=Refuses(says=("password|encrypt",))),
    Case(name="zip-of-files-outside", build=_outside, expected=Refuses(says=("outside",))),
    Case(name="tar-with-a-link", build=_link_in_a_tar, expected=Refuses(says=("link",))),
    *(
        Case(name=f"cut-{name}", build=_cut(name), expected=Refuses(says=("cut|damaged|incomplete|end|truncated",)))
        for name in ("d.zip", "d.tar", "d.tar.gz")
    ),
    Case(name="zip-of-zips", build=_archives_in_an_archive, expected=Refuses(says=(r"train\.zip",))),
    Case(name="tar-without-labels", build=_flat, expected=Refuses(says=("folder|class|label",))),
    Case(name="webdataset-captions", build=_captions, expected=Refuses(says=("label|class|cls|txt",))),
    Case(name="webdataset-packed-shards", build=_packed_shards, expected=_READ, decodes=True),
    Case(
        name="webdataset-clip-benchmark",
        build=_benchmark,
        expected=Reads(
            classes={"cat": 6, "dog": 5}, splits={"train": 7, "test": 4}, otherwise_named=({"0": 6, "1": 5},)
        ),
        decodes=True,
    ),
    Case(
        name="webdataset-json-cls",
        build=_json_of_classes,
        expected=Reads(
            classes={"0": 4, "1": 3},
            splits=None,
        ),
        decodes=True,
    ),
)

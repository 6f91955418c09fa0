"""Formats that are not read, and things that hold no classes of images: refused with the way out."""

from __future__ import annotations

import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.layouts.cases import Case, Refuses
from tests.layouts.pictures import images, picture, put
from tests.layouts.published_arrays import CIFAR, batches
from tests.layouts.text_lists import lines


def _cifar_pickles(root: Path) -> Path:
    data = root / "cifar-10-batches-py"
    for name, batch in batches().items():
        put(data / name, pickle.dumps(batch, protocol=2))
    put(data / "batches.meta", pickle.dumps({b"label_names": [name.encode() for name in CIFAR]}, protocol=2))
    put(data / "readme.html", "<meta HTTP-EQUIV='REFRESH'>")
    return data


def _cifar_pickles_in_a_tar(root: Path) -> Path:
    _cifar_pickles(root)
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(root / "cifar-10-batches-py", "cifar-10-batches-py")
    return root / "cifar-10-python.tar.gz"


def _svhn_full(root: Path) -> Path:
    """Format 1: house numbers of several digits, described in a file of MATLAB 7.3, which is HDF5."""
    for split in ("train", "test"):
        images(root / "svhn" / split, 5, "?", "{number}.png", of=split)
        put(root / "svhn" / split / "digitStruct.mat", b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n")
        put(root / "svhn" / split / "see_bboxes.m", "load digitStruct.mat\n")
    return root / "svhn"


def _crc(data: bytes) -> int:
    """The masked CRC-32C of a TFRecord."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _tfrecords(root: Path) -> Path:
    data = root / "tf_flowers" / "3.0.1"
    record = b"\x0a\x0f\x0a\x0d\x0a\x05label\x12\x04\x1a\x02\x0a\x00"
    length = struct.pack("<Q", len(record))
    framed = length + struct.pack("<I", _crc(length)) + record + struct.pack("<I", _crc(record))
    put(data / "tf_flowers-train.tfrecord-00000-of-00001", framed * 3)
    lines(data / "label.labels.txt", ["dandelion", "daisy"])
    put(data / "dataset_info.json", '{"fileFormat": "tfrecord", "name": "tf_flowers"}')
    put(data / "features.json", '{"type": "tensorflow_datasets.core.features.features_dict.FeaturesDict"}')
    return root / "tf_flowers"


def _lmdb(root: Path) -> Path:
    data = root / "train_lmdb"
    put(data / "data.mdb", struct.pack("<QHHHHIIQQ", 0, 0, 0, 8, 0, 0xBEEFC0DE, 1, 0, 1 << 20).ljust(8192, b"\0"))
    put(data / "lock.mdb", b"\0" * 64)
    return data


def _hdf5(root: Path) -> Path:
    """As PatchCamelyon: images and labels in files of their own."""
    for split in ("train", "valid", "test"):
        for what in ("x", "y"):
            file = root / "pcam" / f"camelyonpatch_level_2_split_{split}_{what}.h5"
            put(file, b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0".ljust(2048, b"\0"))
    return root / "pcam"


def _one(name: str, data: bytes) -> Callable[[Path], Path]:
    return lambda root: put(root / name, data)


def _object_npz(root: Path) -> Path:
    """Arrays of objects are pickles inside."""
    np.savez(root / "set.npz", x=np.array([{"a": 1}, None, "b"], dtype=object), y=np.arange(3))
    return root / "set.npz"


def _empty(root: Path) -> Path:
    (root / "d").mkdir()
    return root / "d"


def _no_pictures(root: Path) -> Path:
    for label in ("sports", "politics"):
        put(root / "news" / label / "1.txt", "Some words.\n")
    return root / "news"


def _one_class(root: Path) -> Path:
    images(root / "d" / "cat", 6, "cat")
    return root / "d"


def _one_class_in_splits(root: Path) -> Path:
    for split in ("train", "val"):
        images(root / "d" / split / "cat", 4, "cat", of=split)
    return root / "d"


def _videos(root: Path) -> Path:
    for label in ("walk", "run"):
        for number in range(3):
            put(root / "videos" / label / f"{number}.mp4", b"\0\0\0\x18ftypmp42")
    return root / "videos"


def _dicom(root: Path) -> Path:
    for label in ("normal", "pneumonia"):
        for number in range(4):
            put(root / "scans" / label / f"{number:08x}.dcm", b"\0" * 128 + b"DICM")
    return root / "scans"


def _archives_in_a_folder(root: Path) -> Path:
    """As a download leaves them: the images are still packed."""
    data = root / "download"
    put(data / "train.zip", b"PK\5\6" + b"\0" * 18)
    put(data / "test.zip", b"PK\5\6" + b"\0" * 18)
    put(data / "train.csv", "id,label\n0001,cat\n0002,dog\n")
    return data


CASES = (
    Case(name="cifar10-pickles", build=_cifar_pickles, expected=Refuses(says=("pickle", "cifar10"))),
    Case(name="cifar10-pickles-tar", build=_cifar_pickles_in_a_tar, expected=Refuses(says=("pickle", "cifar10"))),
    Case(name="svhn-full", build=_svhn_full, expected=Refuses(says=("digitStruct|class|label",))),
    Case(name="npz-of-objects", build=_object_npz, expected=Refuses(says=("pickle|object",))),
    Case(name="tfrecord-folder", build=_tfrecords, expected=Refuses(says=("tfrecord",))),
    Case(name="lmdb-folder", build=_lmdb, expected=Refuses(says=("lmdb",))),
    Case(name="hdf5-folder", build=_hdf5, expected=Refuses(says=(r"hdf5|\.h5",))),
    *(
        Case(name=f"file-{name}", build=_one(name, data), expected=Refuses(says=(says,)))
        for name, data, says in (
            ("set.h5", b"\x89HDF\r\n\x1a\n".ljust(512, b"\0"), r"hdf5|\.h5"),
            ("set.tfrecord", b"\x10".ljust(64, b"\0"), "tfrecord"),
            ("set.pkl", b"\x80\x04\x95\x08\0\0\0\0\0\0\0}.", "pickle|pkl"),
            ("set.pt", b"PK\3\4".ljust(64, b"\0"), r"\.pt|torch|zip"),
            ("set.rar", b"Rar!\x1a\7\1\0".ljust(64, b"\0"), "rar"),
            ("set.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0"), "xls"),
            ("set.7z", b"7z\xbc\xaf\x27\x1c".ljust(64, b"\0"), "7z|7-?zip"),
            ("set.zip", b"PK\3\4 and then nothing", "zip|damaged|cut"),
            ("empty.zip", b"PK\5\6" + b"\0" * 18, "no images|empty"),
            ("empty.csv", b"", "empty|no images|header"),
            ("header.csv", b"path,label\n", "no images|no rows|only a header|lists no"),
            ("photo.jpg", picture("cat", "photo.jpg"), "one image|single image|a folder|is an image"),
            ("clip.mp4", b"\0\0\0\x18ftypmp42", "video|mp4"),
            ("paper.pdf", b"%PDF-1.5", "pdf|kind"),
        )
    ),
    Case(
        name="web-address",
        build=lambda _: "https://www.kaggle.com/datasets/puneet6060/intel-image-classification",
        expected=Refuses(says=("download",)),
    ),
    Case(
        name="nothing-there",
        build=lambda root: root / "birds",
        expected=Refuses(says=("no file|no folder|not there|does not exist",)),
    ),
    Case(name="empty-folder", build=_empty, expected=Refuses(says=("holds no files",))),
    Case(name="text-in-class-folders", build=_no_pictures, expected=Refuses(says=("no images",))),
    Case(name="one-class", build=_one_class, expected=Refuses(says=("one class", "cat"))),
    Case(name="one-class-in-splits", build=_one_class_in_splits, expected=Refuses(says=("one class", "cat"))),
    Case(name="videos", build=_videos, expected=Refuses(says=("mp4|video",))),
    Case(name="dicom", build=_dicom, expected=Refuses(says=("dicom|dcm", "normal|pneumonia|8"))),
    Case(name="archives-in-a-folder", build=_archives_in_a_folder, expected=Refuses(says=(r"train\.zip",))),
)

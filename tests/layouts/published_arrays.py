"""Sets that are published as arrays: binary files, .npz and .npy, pixels in tables."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow

from tests.layouts.arrays import TEST, TRAIN, counted, idx, parts, stack
from tests.layouts.cases import Asks, Case, Reads
from tests.layouts.pictures import picture, pixels, put
from tests.layouts.tables import table
from tests.layouts.text_lists import lines

CIFAR = ("airplane", "automobile", "bird")


def batches() -> dict[str, dict[bytes, object]]:
    made = {}
    for name, counts in (("data_batch_1", TRAIN), ("test_batch", TEST)):
        array, labels = stack(counts, grey=False, side=32)
        rows = array.transpose(0, 3, 1, 2).reshape(len(labels), -1)
        made[name] = {b"data": rows, b"labels": labels.tolist(), b"batch_label": b"training batch 1 of 5"}
    return made


def _cifar_binary(root: Path) -> Path:
    """A byte for the label, 1,024 for each of red, green and blue."""
    data = root / "cifar-10-batches-bin"
    for name, batch in batches().items():
        labels = np.array(batch[b"labels"], np.uint8)[:, None]
        put(data / f"{name}.bin", np.hstack([labels, batch[b"data"]]).tobytes())
    lines(data / "batches.meta.txt", (*CIFAR, ""))
    put(data / "readme.html", "<meta HTTP-EQUIV='REFRESH'>")
    return data


def _stl10(root: Path) -> Path:
    data = root / "stl10_binary"
    for name, counts in (("train", (1, 2, 1)), ("test", (1, 1, 1))):
        array, labels = stack(counts, grey=False, side=96)
        put(data / f"{name}_X.bin", array.transpose(0, 3, 2, 1).tobytes())
        put(data / f"{name}_y.bin", (labels + 1).tobytes())
    put(data / "unlabeled_X.bin", pixels("?", "?", (96, 96)).tobytes())
    lines(data / "class_names.txt", ("airplane", "bird", "car"))
    lines(data / "fold_indices.txt", ["0 1 2 3"])
    return data


def _npy_pair(root: Path) -> Path:
    """As Sign Language Digits: X.npy and, one-hot, Y.npy."""
    array, labels = stack(TRAIN, grey=True)
    (root / "d").mkdir()
    np.save(root / "d" / "X.npy", array / np.float32(255))
    np.save(root / "d" / "Y.npy", np.eye(3)[labels])
    return root / "d"


def _emnist(*parts: str) -> Callable[[Path], Path]:
    """The labels are numbers of a map of characters; the published folder has six sets."""

    def build(root: Path) -> Path:
        data = root / "gzip"
        for part in parts:
            for split, counts in (("train", TRAIN), ("test", TEST)):
                array, labels = stack(counts, grey=True, side=28)
                images_file = data / f"emnist-{part}-{split}-images-idx3-ubyte.gz"
                put(images_file, gzip.compress(idx(array.transpose(0, 2, 1))))
                put(data / f"emnist-{part}-{split}-labels-idx1-ubyte.gz", gzip.compress(idx(labels)))
            lines(data / f"emnist-{part}-mapping.txt", (f"{number} {48 + number}" for number in range(10)))
        return data

    return build


def _kmnist_npz(root: Path) -> Path:
    """Kuzushiji-MNIST: an array `arr_0` in each of four files."""
    (root / "kmnist").mkdir()
    for split, counts in (("train", TRAIN), ("test", TEST)):
        array, labels = stack(counts, grey=True, side=28)
        np.savez_compressed(root / "kmnist" / f"kmnist-{split}-imgs.npz", array)
        np.savez_compressed(root / "kmnist" / f"kmnist-{split}-labels.npz", labels)
    lines(
        root / "kmnist" / "kmnist_classmap.csv", ["index,codepoint,char", "0,U+304A,お", "1,U+304D,き", "2,U+3059,す"]
    )
    return root / "kmnist"


def _pixels_in_csv(root: Path) -> Path:
    """Kaggle's digit recognizer: test.csv has no labels."""
    data = root / "digit-recognizer"
    array, labels = stack(TRAIN, grey=True, side=28)
    header = [f"pixel{number}" for number in range(784)]
    rows = [(str(label), *map(str, row.ravel())) for label, row in zip(labels, array, strict=True)]
    table(data / "train.csv", ("label", *header), rows)
    table(data / "test.csv", header, [row[1:] for row in rows[:4]])
    table(data / "sample_submission.csv", ("ImageId", "Label"), [(str(n), "0") for n in range(1, 5)])
    return data


def _fer2013(root: Path) -> Path:
    data = root / "fer2013"
    array, labels = stack((4, 4, 4), grey=True, side=48)
    usage = ("Training", "Training", "PublicTest", "PrivateTest")
    seen = [0, 0, 0]
    rows = []
    for label, row in zip(labels, array, strict=True):
        rows.append((str(label), " ".join(map(str, row.ravel())), usage[seen[label]]))
        seen[label] += 1
    table(data / "fer2013.csv", ("emotion", "pixels", "Usage"), rows)
    put(data / "README", "fer2013\n")
    return data


def _saved_to_disk(root: Path) -> Path:
    """What `datasets` writes with save_to_disk: Arrow files, which are read with load_from_disk."""
    data = root / "saved"
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    for split, count in (("train", 6), ("test", 4)):
        rows = [{"bytes": picture(str(n % 2), f"{split}{n}.png"), "path": f"{n}.png"} for n in range(count)]
        labels = pyarrow.array([n % 2 for n in range(count)], pyarrow.int64())
        made = pyarrow.table({"image": pyarrow.array(rows, image), "label": labels})
        (data / split).mkdir(parents=True)
        with pyarrow.ipc.new_stream(data / split / "data-00000-of-00001.arrow", made.schema) as writer:
            writer.write_table(made)
        names = '{"names": ["ant", "bee"], "_type": "ClassLabel"}'
        put(data / split / "dataset_info.json", f'{{"features": {{"image": {{"_type": "Image"}}, "label": {names}}}}}')
        put(data / split / "state.json", '{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    put(data / "dataset_dict.json", '{"splits": ["train", "test"]}')
    return data


_SPLITS = {"train": 12, "test": 5}
_DIGITS = counted(TRAIN, TEST)

CASES = (
    Case(
        name="cifar10-binary",
        build=_cifar_binary,
        expected=Reads(
            classes=counted(TRAIN, TEST, names=CIFAR),
            splits=_SPLITS,
            otherwise_named=(_DIGITS,),
            or_refused=("cifar-?10",),
        ),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=False, side=32),
    ),
    Case(
        name="stl10-binary",
        build=_stl10,
        expected=Reads(
            classes={"airplane": 2, "bird": 3, "car": 2},
            splits={"train": 4, "test": 3},
            otherwise_named=({"1": 2, "2": 3, "3": 2},),
            or_refused=("stl-?10",),
        ),
        pixels=parts((1, 2, 1), (1, 1, 1), grey=False, side=96),
    ),
    Case(
        name="npy-pair",
        build=_npy_pair,
        expected=Reads(classes=counted(TRAIN), splits=None, or_refused=(r"\.npy|\.npz",)),
        decodes=True,
        pixels=parts(TRAIN, grey=True),
    ),
    Case(
        name="emnist-one",
        build=_emnist("balanced"),
        expected=Reads(classes=_DIGITS, splits=_SPLITS),
        decodes=True,
    ),
    Case(name="emnist-several", build=_emnist("balanced", "letters"), expected=Asks(says=("balanced", "letters"))),
    Case(
        name="kmnist-npz",
        build=_kmnist_npz,
        expected=Reads(
            classes=_DIGITS,
            splits=_SPLITS,
            otherwise_named=(counted(TRAIN, TEST, names="おきす"),),
            or_refused=(r"\.npz|kmnist",),
        ),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=True, side=28),
    ),
    Case(
        name="digit-recognizer",
        build=_pixels_in_csv,
        expected=Reads(classes=counted(TRAIN), splits=None, or_refused=("pixel",)),
        pixels=parts(TRAIN, grey=True, side=28),
    ),
    Case(
        name="fer2013",
        build=_fer2013,
        expected=Reads(
            classes={"0": 4, "1": 4, "2": 4},
            splits={"train": 6, "val": 3, "test": 3},
            or_unsplit="Usage",
            or_refused=("pixel",),
        ),
        pixels=parts((4, 4, 4), grey=True, side=48),
    ),
    Case(
        name="datasets-save-to-disk",
        build=_saved_to_disk,
        expected=Reads(
            classes={"ant": 5, "bee": 5}, splits={"train": 6, "test": 4}, or_refused=("arrow|save_to_disk|parquet",)
        ),
    ),
)

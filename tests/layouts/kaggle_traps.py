"""Competitions whose tables tempt to a wrong reading: which column is the label, and whether there is but one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.kaggle import ids
from tests.layouts.pictures import images, put
from tests.layouts.tables import table


def _two(first: str, second: str, *, name: str = "train.csv", folder: str = "train", suffix: str = "") -> Callable:
    """A table of two columns in a competition's folder; `suffix` stands in the table, too."""

    def build(root: Path) -> Path:
        data = root / "competition"
        rows = ids(data / folder, {"cat": 5, "dog": 4}, "{number:05x}", suffix=suffix or ".jpg")
        table(data / name, (first, second), [(stem + suffix, label) for stem, label in rows])
        unlabelled = images(data / "test", 3, "?", "{number:08x}.jpg")
        table(data / "sample_submission.csv", (first, second), [(x, "cat") for x in unlabelled])
        return data

    return build


def _whales(root: Path) -> Path:
    """The column Id is the label, and the file names are in the column Image."""
    data = root / "humpback-whale-identification"
    rows = ids(data / "train", {"new_whale": 6, "w_0003639": 3, "w_f48451c": 2}, "{number:08x}")
    table(data / "train.csv", ("Image", "Id"), [(f"{stem}.jpg", whale) for stem, whale in rows])
    names = images(data / "test", 3, "?", "{number:08x}.jpg", first=4000)
    table(data / "sample_submission.csv", ("Image", "Id"), [(name, "new_whale w_0003639") for name in names])
    return data


def _isic_2019(root: Path) -> Path:
    """One-hot with a class that no image has; age and lesion in a table of their own."""
    data = root / "isic2019"
    kinds = ("MEL", "NV", "BCC", "UNK")
    rows = ids(data / "ISIC_2019_Training_Input", {"MEL": 4, "NV": 6, "BCC": 3}, "ISIC_{number:07}")
    lines = [(stem, *(f"{float(label == kind)}" for kind in kinds)) for stem, label in rows]
    table(data / "ISIC_2019_Training_GroundTruth.csv", ("image", *kinds), lines)
    header = ("image", "age_approx", "anatom_site_general", "lesion_id", "sex")
    about = [(stem, "55.0", "anterior torso", f"BCN_{index // 2:07}", "female") for index, (stem, _) in enumerate(rows)]
    table(data / "ISIC_2019_Training_Metadata.csv", header, about)
    return data


def _isic_2020(root: Path) -> Path:
    """Target, benign_malignant and diagnosis say the same, more or less; patients have several images."""
    data = root / "siim-isic-melanoma-classification"
    rows = ids(data / "jpeg" / "train", {"0": 8, "1": 4}, "ISIC_{number:07}")
    lines = []
    for index, (stem, label) in enumerate(rows):
        kind = ("benign", "malignant")[int(label)]
        diagnosis = "melanoma" if label == "1" else ("nevus", "unknown")[index % 2]
        lines.append((stem, f"IP_{index // 3:07}", "male", "45.0", "torso", diagnosis, kind, label))
    header = ("image_name", "patient_id", "sex", "age_approx", "anatom_site_general_challenge", "diagnosis")
    table(data / "train.csv", (*header, "benign_malignant", "target"), lines)
    names = images(data / "jpeg" / "test", 3, "?", "ISIC_{number:07}.jpg", first=9000)
    table(data / "test.csv", ("image_name", "patient_id", "sex"), [(name[:-4], "IP_1", "male") for name in names])
    table(data / "sample_submission.csv", ("image_name", "target"), [(name[:-4], "0") for name in names])
    return data


def _drivers(root: Path) -> Path:
    """A driver in many images, of every class."""
    data = root / "state-farm-distracted-driver-detection"
    rows = []
    for label in ("c0", "c1", "c2"):
        names = images(data / "imgs" / "train" / label, 4, label, "img_{number}.jpg", first=100 * int(label[1]))
        rows += [(f"p{12 + index % 2:03}", label, name) for index, name in enumerate(names)]
    images(data / "imgs" / "test", 3, "?", "img_{number}.jpg", first=900)
    table(data / "driver_imgs_list.csv", ("subject", "classname", "img"), rows)
    table(data / "sample_submission.csv", ("img", "c0", "c1", "c2"), [("img_900.jpg", "0.1", "0.1", "0.1")])
    return data


def _leaves(root: Path) -> Path:
    """Measured features beside the label; images without label in the same folder."""
    data = root / "leaf-classification"
    rows = ids(data / "images", {"Acer_Opalus": 4, "Quercus_Rubra": 3}, "{number}")
    features = tuple(f"{kind}{number}" for kind in ("margin", "shape", "texture") for number in range(1, 4))
    numbers = tuple(f"0.0{index}5625" for index in range(9))
    table(data / "train.csv", ("id", "species", *features), [(stem, label, *numbers) for stem, label in rows])
    names = images(data / "images", 3, "?", "{number}.jpg", first=8)
    table(data / "test.csv", ("id", *features), [(name[:-4], *numbers) for name in names])
    return data


def _landmarks(root: Path) -> Path:
    """Folders by the first letters of the id are no classes."""
    data = root / "landmark-recognition-2020"
    rows = []
    for number in range(12):
        stem = f"{number * 40503 % 65536:04x}{number:012x}"
        images(data / "train" / stem[0] / stem[1] / stem[2], 1, str(number % 3), stem + ".jpg")
        rows.append((stem, str((27, 7, 204)[number % 3])))
    images(data / "test" / "0" / "0" / "0", 2, "?", "000{number:013x}.jpg", first=77)
    table(data / "train.csv", ("id", "landmark_id"), rows)
    return data


def _cassava(root: Path) -> Path:
    data = root / "cassava-leaf-disease-classification"
    rows = ids(data / "train_images", {"0": 4, "1": 3, "4": 3}, "{number}", first=1000015157)
    table(data / "train.csv", ("image_id", "label"), [(f"{stem}.jpg", label) for stem, label in rows])
    names = images(data / "test_images", 1, "?", "2216849948.jpg")
    table(data / "sample_submission.csv", ("image_id", "label"), [(names[0], "4")])
    diseases = '"0": "Bacterial Blight (CBB)", "1": "Brown Streak (CBSD)", "2": "Green Mottle", "4": "Healthy"'
    put(data / "label_num_to_disease_map.json", f"{{{diseases}}}")
    put(data / "train_tfrecords" / "ld_train00-1338.tfrec", b"\x10".ljust(64, b"\0"))
    return data


def _fashion(root: Path) -> Path:
    """Five columns that could be the label, and a line with a comma too many."""
    data = root / "fashion-product-images-small"
    rows = ids(data / "images", {"Shirts": 4, "Watches": 3, "Sandals": 3}, "{number}", first=15970)
    above = {"Shirts": ("Apparel", "Topwear"), "Watches": ("Accessories", "Watches"), "Sandals": ("Footwear", "Shoes")}
    header = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
    lines = [
        f"{stem},{('Men', 'Women')[i % 2]},{','.join(above[label])},{label},Blue,Fall,2011.0,Casual,{label} of blue"
        for i, (stem, label) in enumerate(rows)
    ]
    lines[4] += ",and white"
    put(data / "styles.csv", "\n".join([header, *lines, ""]))
    return data


def _several(header: Sequence[str], values: Sequence[Sequence[str]], *, suffix: str = ".png") -> Callable:
    """A table in which an image has several labels; `values` are what follows the image's name, in turns."""

    def build(root: Path) -> Path:
        data = root / "competition"
        names = images(data / "train", 12, "?", "{number:08}" + suffix)
        rows = [(name, *values[index % len(values)]) for index, name in enumerate(names)]
        return table(data / "train.csv", header, rows).parent

    return build


def _celeb(root: Path) -> Path:
    """Forty attributes of 1 and -1, and a split in a table of its own."""
    data = root / "celeba-dataset"
    names = images(data / "img_align_celeba" / "img_align_celeba", 8, "face", "{number:06}.jpg")
    kinds = ("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bald", "Male", "Young")
    rows = [(name, *(str(1 - 2 * ((index >> bit) % 2)) for bit in range(6))) for index, name in enumerate(names)]
    table(data / "list_attr_celeba.csv", ("image_id", *kinds), rows)
    splits = [(name, str(index % 3)) for index, name in enumerate(names)]
    table(data / "list_eval_partition.csv", ("image_id", "partition"), splits)
    table(data / "list_bbox_celeba.csv", ("image_id", "x_1", "y_1"), [(name, "95", "71") for name in names])
    return data


_SEVERAL = Refuses(says=("several|more than one|multi-?label",))
_CHEXPERT = ("Path", "Sex", "Age", "No Finding", "Cardiomegaly", "Edema", "Pneumonia")
_NIH = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID")
_PLAIN = Reads(classes={"cat": 5, "dog": 4}, splits=None, left_out=3)

CASES = (
    Case(name="kaggle-dog-breed", build=_two("id", "breed", name="labels.csv"), expected=_PLAIN),
    Case(name="kaggle-train-labels", build=_two("id", "label", name="train_labels.csv"), expected=_PLAIN),
    Case(name="kaggle-retinopathy", build=_two("image", "level", name="trainLabels.csv"), expected=_PLAIN),
    Case(name="kaggle-cactus", build=_two("id", "has_cactus", suffix=".jpg"), expected=_PLAIN),
    Case(name="kaggle-image-name", build=_two("Image_id", "Label", suffix=".png", folder="images"), expected=_PLAIN),
    Case(
        name="humpback-whales",
        build=_whales,
        expected=Reads(classes={"new_whale": 6, "w_0003639": 3, "w_f48451c": 2}, splits=None, left_out=3),
    ),
    Case(name="isic-2019", build=_isic_2019, expected=Reads(classes={"MEL": 4, "NV": 6, "BCC": 3}, splits=None)),
    Case(
        name="isic-2020",
        build=_isic_2020,
        expected=Reads(
            classes={"0": 8, "1": 4}, splits=None, left_out=3, says=("target", "--label-column"), group=True
        ),
    ),
    Case(
        name="isic-2020-by-diagnosis",
        build=_isic_2020,
        expected=Reads(classes={"melanoma": 4, "nevus": 4, "unknown": 4}, splits=None, left_out=3),
        options={"label_column": "diagnosis"},
    ),
    Case(
        name="distracted-drivers",
        build=_drivers,
        expected=Reads(classes={"c0": 4, "c1": 4, "c2": 4}, splits=None, left_out=3, says=("subject",), group=True),
    ),
    Case(
        name="leaf-classification",
        build=_leaves,
        expected=Reads(classes={"Acer_Opalus": 4, "Quercus_Rubra": 3}, splits=None, left_out=3),
    ),
    Case(
        name="landmarks",
        build=_landmarks,
        expected=Reads(classes={"27": 4, "7": 4, "204": 4}, splits=None, left_out=2),
    ),
    Case(
        name="cassava",
        build=_cassava,
        expected=Reads(
            classes={"0": 4, "1": 3, "4": 3},
            splits=None,
            left_out=1,
            otherwise_named=({"Bacterial Blight (CBB)": 4, "Brown Streak (CBSD)": 3, "Healthy": 3},),
        ),
    ),
    Case(
        name="fashion-products",
        build=_fashion,
        expected=Asks(says=(r"--label-column|line 6|columns", r"styles\.csv")),
    ),
    Case(
        name="several-finding-labels",
        build=_several(_NIH, [("Cardiomegaly", "0", "1"), ("Cardiomegaly|Effusion", "1", "1"), ("Effusion", "0", "2")]),
        expected=_SEVERAL,
    ),
    Case(
        name="several-of-chexpert",
        build=_several(_CHEXPERT, [("Male", "57", "", "1.0", "1.0", ""), ("Female", "68", "1.0", "", "", "-1.0")]),
        expected=_SEVERAL,
    ),
    Case(
        name="several-numbers",
        build=_several(("Id", "Target"), [("16 0",), ("0",), ("16",), ("7 1 2 0",)]),
        expected=_SEVERAL,
    ),
    Case(
        name="several-tags",
        build=_several(("image_name", "tags"), [("haze primary",), ("haze",), ("primary",), ("clear primary",)]),
        expected=_SEVERAL,
    ),
    Case(name="several-attributes-of-celeba", build=_celeb, expected=_SEVERAL),
)

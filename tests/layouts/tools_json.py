"""What annotation tools export for classification, as JSON, lines of JSON and XML."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import images, put
from tests.layouts.tools import COUNTS, exported

Item = Callable[[int, str, str], Any]
"""What is written of an image: item(number, name, class)."""


def _listed(
    file: str, item: Item, *, as_lines: bool = False, folder: str = "", give: str = ""
) -> Callable[[Path], Path]:
    """A file with an entry for each image; `give` is what the user names, below the folder."""

    def build(root: Path) -> Path:
        data = root / "d"
        items = [item(number, *row) for number, row in enumerate(exported(data / folder), 1)]
        if as_lines:
            put(data / file, "".join(json.dumps(one) + "\n" for one in items))
        else:
            put(data / file, json.dumps(items, indent=1))
        return data / give

    return build


def _label_studio(number: int, name: str, label: str, *others: str) -> dict[str, Any]:
    value = {"choices": [label, *others]}
    result = [{"value": value, "id": f"r{number}", "from_name": "choice", "to_name": "image", "type": "choices"}]
    return {
        "id": number,
        "annotations": [{"id": number, "completed_by": 1, "result": result, "was_cancelled": False}],
        "file_upload": f"{number:08x}-{name}",
        "data": {"image": f"/data/upload/3/{number:08x}-{name}"},
        "meta": {},
        "project": 3,
    }


def _label_studio_min(number: int, name: str, label: str) -> dict[str, Any]:
    where = f"/data/local-files/?d=pets/{name}"
    return {"image": where, "id": number, "choice": label, "annotator": 1, "annotation_id": number, "lead_time": 3.2}


def _labelbox(number: int, name: str, label: str) -> dict[str, Any]:
    answer = {"name": label.title(), "value": label, "classifications": []}
    made = {"objects": [], "classifications": [{"name": "Kind", "value": "kind", "radio_answer": answer}]}
    row = {"id": f"cl{number}", "global_key": name, "external_id": name, "row_data": f"https://example.org/{name}"}
    return {
        "data_row": row,
        "media_attributes": {"height": 12, "width": 12, "mime_type": "image/jpeg"},
        "projects": {"clp1": {"name": "pets", "labels": [{"label_kind": "Default", "annotations": made}]}},
    }


def _vertex(number: int, name: str, label: str) -> dict[str, Any]:
    use = ("training", "test", "training")[number % 3]
    return {
        "imageGcsUri": f"gs://bucket/pets/{name}",
        "classificationAnnotation": {"displayName": label, "annotationResourceLabels": {"env": "prod"}},
        "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": use},
    }


def _ground_truth(job: str) -> Item:
    def item(_: int, name: str, label: str) -> dict[str, Any]:
        about = {"class-name": label, "job-name": f"labeling-job/{job}", "confidence": 0.9, "human-annotated": "yes"}
        about |= {"creation-date": "2021-10-12T14:16:45.668", "type": "groundtruth/image-classification"}
        return {"source-ref": f"s3://bucket/pets/{name}", job: int(label == "dog"), f"{job}-metadata": about}

    return item


def _ground_truth_several(number: int, name: str, label: str) -> dict[str, Any]:
    """Custom Labels: an attribute for each label that the image has."""
    made: dict[str, Any] = {"source-ref": f"s3://bucket/pets/{name}"}
    for one in (label, "indoors") if number % 2 else (label,):
        made[one] = 1
        made[f"{one}-metadata"] = {"class-name": one, "type": "groundtruth/image-classification"}
    return made


def _azure(_: int, name: str, label: str) -> dict[str, Any]:
    where = f"azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/pets/{name}"
    details = {"format": "jpg", "width": "12px", "height": "12px"}
    return {"image_url": where, "image_details": details, "label": label}


def _custom_vision(number: int, _: str, label: str) -> dict[str, Any]:
    """What Custom Vision's get_tagged_images returns: addresses on its servers, no names."""
    return {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "originalImageUri": f"https://irisprodeutraining.blob.core.windows.net/i-1/o-{number}?sv=2017-04-17",
        "tags": [{"tagId": "t1", "tagName": label}],
    }


def _plain(_: int, name: str, label: str) -> dict[str, Any]:
    return {"image": f"images/{name}", "label": label}


def _create_ml(_: int, name: str, label: str) -> dict[str, Any]:
    """Create ML's object detector: boxes, several in an image."""
    box = {"x": 6, "y": 6, "width": 4, "height": 4}
    both = [{"label": kind, "coordinates": box} for kind in (label, "person")]
    return {"imagefilename": name, "annotation": both}


def _fiftyone(*, numbered: bool, as_objects: bool = False) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        rows = exported(root / "d" / "data")
        names = list(COUNTS)
        labels: dict[str, Any] = {}
        for name, label in rows:
            value: Any = names.index(label) if numbered else label
            labels[name[:-4]] = {"label": value, "confidence": 1.0} if as_objects else value
        put(
            root / "d" / "labels.json",
            json.dumps({"classes": names, "labels": labels} if numbered else {"labels": labels}),
        )
        return root / "d"

    return build


def _datumaro(root: Path) -> Path:
    data = root / "d"
    for split, first in (("train", 1), ("test", 50)):
        items = []
        for number, (label, count) in enumerate(COUNTS.items()):
            for name in images(data / "images" / split, count, label, label + "_{number}.jpg", first=first):
                made = [{"id": 0, "type": "label", "attributes": {}, "group": 0, "label_id": number}]
                picture = {"path": name, "size": [12, 12]}
                items.append({"id": name[:-4], "annotations": made, "attr": {"frame": 0}, "image": picture})
        kinds = [{"name": label, "parent": "", "attributes": []} for label in COUNTS]
        about = {"dm_format_version": "1.0", "media_type": 2, "infos": {}}
        about |= {"categories": {"label": {"labels": kinds, "label_groups": [], "attributes": []}}, "items": items}
        put(data / "annotations" / f"{split}.json", json.dumps(about))
    return data


def _cvat(*kinds: str) -> Callable[[Path], Path]:
    """CVAT for images 1.1: tags of images, boxes in them, or both."""

    def build(root: Path) -> Path:
        data = root / "d"
        parts = []
        for number, (name, label) in enumerate(exported(data / "images")):
            inside = {
                "tag": f'<tag label="{label}" source="manual"></tag>',
                "box": f'<box label="{label}" source="manual" occluded="0" xtl="1" ytl="1" xbr="5" ybr="5"></box>'
                '<box label="person" source="manual" occluded="0" xtl="2" ytl="2" xbr="6" ybr="6"></box>',
            }
            body = "".join(inside[kind] for kind in kinds)
            parts.append(f'<image id="{number}" name="{name}" width="12" height="12">{body}</image>')
        names = "".join(f"<label><name>{label}</name><type>tag</type></label>" for label in COUNTS)
        meta = f"<meta><task><id>7</id><name>pets</name><labels>{names}</labels></task></meta>"
        head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        put(data / "annotations.xml", f"{head}{meta}{''.join(parts)}</annotations>\n")
        return data

    return build


def _image_labels(root: Path) -> Path:
    """One object: the image's name, and its label."""
    rows = exported(root / "d" / "images")
    return put(root / "d" / "labels.json", json.dumps(dict(rows))).parent


_READ = Reads(classes=COUNTS, splits=None, left_out=0)
_SEVERAL = Refuses(says=("several|more than one|multi-?label",))

CASES = (
    Case(name="label-studio-json", build=_listed("project-3.json", _label_studio), expected=_READ),
    Case(
        name="label-studio-json-several",
        build=_listed("project-3.json", lambda *row: _label_studio(*row, "indoors")),
        expected=_SEVERAL,
    ),
    Case(name="label-studio-json-min", build=_listed("project-3.json", _label_studio_min), expected=_READ),
    Case(
        name="labelbox-ndjson",
        build=_listed("export.ndjson", _labelbox, as_lines=True),
        expected=Reads(classes=COUNTS, splits=None, left_out=0, otherwise_named=({"Cat": 5, "Dog": 4},)),
    ),
    Case(
        name="vertex-jsonl",
        build=_listed("import.jsonl", _vertex, as_lines=True),
        expected=Reads(classes=COUNTS, splits={"train": 6, "test": 3}, left_out=0),
    ),
    Case(
        name="ground-truth-manifest",
        build=_listed("output.manifest", _ground_truth("pets"), as_lines=True, folder="images"),
        expected=_READ,
    ),
    Case(
        name="lookout-manifest",
        build=_listed("train.manifest", _ground_truth("anomaly-label"), as_lines=True, give="train.manifest"),
        expected=_READ,
    ),
    Case(
        name="ground-truth-manifest-several",
        build=_listed("output.manifest", _ground_truth_several, as_lines=True),
        expected=_SEVERAL,
    ),
    Case(name="azure-ml-jsonl", build=_listed("labeled.jsonl", _azure, as_lines=True), expected=_READ),
    Case(
        name="azure-custom-vision",
        build=_listed("tagged_images.json", _custom_vision),
        expected=Refuses(says=("download|http|not there|folder",)),
    ),
    Case(name="json-list", build=_listed("labels.json", _plain, folder="images"), expected=_READ),
    Case(name="json-list-named", build=_listed("l.json", _plain, folder="images", give="l.json"), expected=_READ),
    Case(name="json-object", build=_image_labels, expected=_READ),
    Case(
        name="create-ml-boxes",
        build=_listed("annotations.json", _create_ml),
        expected=Refuses(says=("several|more than one|boxes|detection|crop",)),
    ),
    Case(name="fiftyone-numbers", build=_fiftyone(numbered=True), expected=_READ),
    Case(name="fiftyone-names", build=_fiftyone(numbered=False), expected=_READ),
    Case(name="fiftyone-objects", build=_fiftyone(numbered=False, as_objects=True), expected=_READ),
    Case(
        name="datumaro",
        build=_datumaro,
        expected=Reads(classes={"cat": 10, "dog": 8}, splits={"train": 9, "test": 9}, left_out=0),
    ),
    Case(name="cvat-tags", build=_cvat("tag"), expected=_READ),
    Case(name="cvat-tags-and-boxes", build=_cvat("tag", "box"), expected=_READ),
    Case(name="cvat-boxes", build=_cvat("box"), expected=Refuses(says=("boxes|several|detection|crop",))),
)

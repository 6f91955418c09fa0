"""What else folders are called that are no classes: parts of a set, patients, masks, samples."""

from __future__ import annotations

import re

GENERIC = frozenset(
    """
    image images img imgs jpg jpegimages jpegs jpeg png pngs photo photos picture pictures pics data dataset
    datasets raw_images all_images rgb_images input inputs frames
""".split()
)
"""Folders that hold the images of a set, whatever they show."""

_SIZES = frozenset("large small standard full resized original challenge".split())
_BESIDE = frozenset(
    """
    mask masks annotation annotations annot label labels trimap trimaps groundtruth ground_truth gt segmentation
    segmentations bbox bboxes boxes doc docs figure figures readme assets notebooks meta metadata devkit devkits
    code scripts src list lists splits imagelists imagesets xml xmls json csv thumbnail thumbnails thumbs
    preview previews
""".split()
)
_UNLABELLED = frozenset(
    """
    unlabeled unlabelled unlabel unsup unsupervised unsorted pred preds predict prediction predictions
    to_predict inference unannotated no_label nolabel
""".split()
)
_SAMPLES = frozenset(
    """
    sample samples sample_images sampleimages sample_pictures example examples example_images demo demos preview
    previews thumbnail thumbnails thumbs iconic iconic_images icons
""".split()
)
_PART = re.compile(
    r"(?:.*[ _-])?(?:part|batch|chunk|fold|vol|volume|shard|subset|split|disk|zip|images?|imgs?|data|dataset|folder|"
    r"dir)[ _-]*\(?(?:\d+|[a-z])\)?",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"(?:patient|pat|subject|subj|person|participant|individual|session|sess|camera|cam|case|study|series|scan|visit|"
    r"user|rater|annotator|scene|sequence|seq|video|vid|clip|slide|site|hospital|device|animal|donor|writer|actor|"
    r"speaker|recording|rec|day|run|take|trial|p|s)[ _-]*\d+[a-z]?",
    re.IGNORECASE,
)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def is_generic(name: str) -> bool:
    """Whether a folder is called "images", or the like: "JPEGImages", "data_large_standard"."""
    return _plain(name) in GENERIC or all(
        word in GENERIC | _SIZES or word.isdigit() for word in _plain(name).split("_")
    )


def is_hash(name: str) -> bool:
    """Whether a folder is called by the first digits of an id, so that none holds too many files."""
    return re.fullmatch(r"[0-9a-f]{1,2}", name.lower()) is not None


def is_beside(name: str) -> bool:
    """Whether a folder is called like what lies beside a folder of images: masks, annotations, lists."""
    return _plain(name) in _BESIDE


def is_mask(name: str) -> bool:
    """Whether a folder is called like pictures of where things are."""
    return _plain(name) in {
        "mask",
        "masks",
        "segmentation",
        "segmentations",
        "trimap",
        "trimaps",
        "groundtruth",
        "ground_truth",
    }


def is_unlabelled(name: str) -> bool:
    """Whether a folder says that nobody knows what its images show: "unlabeled", "seg_pred"."""
    return _plain(name) in _UNLABELLED or bool(set(re.split(r"[^a-z]+", name.lower())) & _UNLABELLED)


def is_sample(name: str) -> bool:
    """Whether a folder is called like one that shows a few of the images again."""
    return _plain(name) in _SAMPLES


def is_part(name: str) -> bool:
    """Whether a folder is called like one of several parts of a set: "images_part_1", "batch 2"."""
    return _PART.fullmatch(name.strip()) is not None


def is_group(name: str) -> bool:
    """Whether a folder is called like a patient, a session or a camera: "patient_07", "cam2"."""
    return _GROUP.fullmatch(name.strip()) is not None


def is_number(name: str) -> bool:
    """Whether a name is a number and nothing else."""
    return name.strip().isdigit()

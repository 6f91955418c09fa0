"""Names of folders that are not classes: parts of a set, patients, masks, samples, leftovers and others."""

from __future__ import annotations

import re

from skipwise.data.names import unaccented
from skipwise.data.sources.split_names import split_of

GENERIC = frozenset(
    """
    image images img imgs jpg jpegimages jpegs jpeg png pngs photo photos picture pictures pics data dataset
    datasets raw_images all_images rgb_images input inputs frames
    bild bilder fotos aufnahmen daten datensatz imagenes fotografias datos imagens dados immagini dati donnees
    afbeeldingen zdjecia 图片 图像 数据 数据集 画像 データ 이미지 데이터
""".split()
)
"""Names of folders that hold images of any class."""

_SIZES = frozenset("large small standard full resized original challenge".split())
_BESIDE = frozenset(
    """
    mask masks annotation annotations annot label labels trimap trimaps groundtruth ground_truth gt segmentation
    segmentations bbox bboxes boxes doc docs figure figures readme assets notebooks meta metadata devkit devkits
    code scripts src list lists splits imagelists imagesets xml xmls json csv thumbnail thumbnails thumbs
    preview previews results output outputs plots graphs runs logs models weights checkpoints reports screenshots
    gradcam heatmaps
    masken vorschau ergebnisse ausgabe modelle diagramme abbildungen resultats resultados sorties salidas
""".split()
)
_UNLABELLED = frozenset(
    """
    unlabeled unlabelled unlabel unsup unsupervised unsorted pred preds predict prediction predictions
    to_predict inference unannotated no_label nolabel misclassified
    unsortiert unbeschriftet ungelabelt vorhersagen non_annote sin_etiquetar sin_clasificar
""".split()
)
_LEFT_OVER = frozenset(
    """
    todo to_do to_label to_sort to_check to_annotate not_annotated not_labeled not_labelled backup backups bak
    duplicates duplicate dupes tmp temp new_folder untitled_folder neuer_ordner unbenannter_ordner nouveau_dossier
    nueva_carpeta nuova_cartella nova_pasta sicherung sicherungen duplikate dubletten 新建文件夹
""".split()
)
_RAW = frozenset("raw original originals unprocessed roh rohdaten rohbilder originale brut bruts".split())
_DONE = frozenset(
    """
    labeled labelled annotated sorted done processed clean cleaned final curated classified reviewed cropped
    sortiert beschriftet annotiert fertig bereinigt verarbeitet klassifiziert annote trie etiquetado clasificado
""".split()
)
_DOUBTFUL = frozenset(
    """
    trash bin deleted rejected reject discarded removed excluded exclude ignore misc miscellaneous old archive
    copy copies uncertain unclear ambiguous bad unusable blurry
    papierkorb geloscht ausschuss aussortiert sonstiges verschiedenes alt archiv kopie kopien unklar unsicher
    unscharf corbeille divers ancien papelera varios cestino
    results result plots output outputs figures beispiele
""".split()
)
_MASKS = frozenset(
    """mask masks gt labels annotations segmentation segmentations trimap trimaps groundtruth masken masque
    masques""".split()
)
_SAMPLES = frozenset(
    """
    sample samples sample_images sampleimages sample_pictures example examples example_images demo demos preview
    previews thumbnail thumbnails thumbs iconic iconic_images icons
    beispiel beispiele beispielbilder vorschau muster exemples ejemplos muestras esempi exemplos
""".split()
)
_PART = re.compile(
    r"(?:.*[ _-])?(?:part|batch|chunk|fold|vol|volume|shard|subset|split|disk|zip|images?|imgs?|data|dataset|folder|"
    r"dir|teil|charge|bilder|partie|parte|lote|lot)[ _-]*\(?(?:\d+|[a-z])\)?"
    r"|.*-\d{8}T\d{6}Z(?:-\d+)+",  # as Google Drive names the parts of a folder
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"(?:patient|pat|subject|subj|person|participant|individual|session|sess|camera|cam|case|study|series|scan|visit|"
    r"user|rater|annotator|scene|sequence|seq|video|vid|clip|slide|site|hospital|device|animal|donor|writer|actor|"
    r"speaker|recording|rec|day|run|take|trial|plate|well|cell|tile|field|fov|specimen|tag|fall|proband|kamera|sitzung|"
    r"aufnahme|platte|linie|line|machine|maschine|webcam|week|kw|woche|document|dokument|dok|sujet|paciente|sujeto|"
    r"paziente|p|s)[ _-]*\d+[a-z]?",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:.*[ _-])?(?:(?:19|20)\d\d([-_. ]?)\d\d\1\d\d|\d\d?[.-]\d\d?[.-](?:19|20)\d\d)(?!\d).*")
_MONTH = re.compile(
    r"(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])|jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|"
    r"july?|juli|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?",
    re.IGNORECASE,
)
_CAMERA = re.compile(r"DCIM|[1-9]\d\d(?=[A-Z\d]*[A-Z_])[A-Z\d_]{5}|(?:GOPR|GH|GX|DSC|DSCN|DSCF|DJI|MVI|IMG)_?\d{3,}")
"""Names that cameras give to folders: 100CANON, 101D5100, GOPR0012."""
_WELL = re.compile(r"[A-P](?:0[1-9]|1\d|2[0-4])")
_SCALE = re.compile(r"\d+ ?[xX]|\d+ ?[xX] ?\d+|\d+ ?(?:px|dpi)")


def _plain(name: str) -> str:
    return unaccented(name).strip().lower().replace(" ", "_").replace("-", "_")


def is_generic(name: str) -> bool:
    """Returns whether a folder has a generic name: "images", "JPEGImages", "data_large_standard"."""
    words = _plain(name).split("_")
    known = any(word in GENERIC for word in words)
    return _plain(name) in GENERIC or (known and all(word in GENERIC | _SIZES or word.isdigit() for word in words))


def is_hash(name: str) -> bool:
    """Returns whether a folder is named by the first digits of ids, which keeps folders small."""
    return re.fullmatch(r"[0-9a-f]{1,2}", name.lower()) is not None


def is_beside(name: str) -> bool:
    """Returns whether a folder is named like one beside the images: masks, annotations, lists."""
    return _plain(name) in _BESIDE or _plain(name).startswith("readme")


def is_mask(name: str) -> bool:
    """Returns whether a folder is named like segmentation masks."""
    words = re.split(r"[^a-z]+", _plain(name).replace("ground_truth", "groundtruth"))
    rest = [word for word in words if word not in _MASKS]
    return len(rest) < len(words) and all(word in GENERIC or not word or split_of(word) for word in rest)


def is_unlabelled(name: str) -> bool:
    """Returns whether a folder is named like images without a class: "unlabeled", "seg_pred", "todo"."""
    words = set(re.split(r"[^a-z]+", _plain(name)))
    return _plain(name) in _UNLABELLED | _LEFT_OVER or bool(words & _UNLABELLED)


def is_raw(name: str) -> bool:
    """Returns whether a folder is named like pictures before processing: "raw"."""
    return _plain(name) in _RAW


def is_done(name: str) -> bool:
    """Returns whether a folder is named like pictures after processing: "cleaned"."""
    return _plain(name) in _DONE


def is_doubtful(name: str) -> bool:
    """Returns whether a folder or label has a name that is seldom a class: "trash", "old", "misc"."""
    return _plain(name) in _DOUBTFUL


def is_sample(name: str) -> bool:
    """Returns whether a folder is named like a few of the images as examples."""
    return _plain(name) in _SAMPLES


def is_part(name: str) -> bool:
    """Returns whether a folder is named like one of several parts of a set: "images_part_1", "batch 2"."""
    return _PART.fullmatch(name.strip()) is not None


def is_group(name: str) -> bool:
    """Returns whether a folder is named like a patient, a session or a camera: "patient_07", "cam2"."""
    return _GROUP.fullmatch(name.strip()) is not None


def is_number(name: str) -> bool:
    """Returns whether a name is a number and nothing else."""
    return name.strip().isdigit()


def is_date(name: str) -> bool:
    """Returns whether a folder is named like a day or a month: "2024-05-01", "run_20240501", "01.05.2024", "May"."""
    return _DATE.fullmatch(name.strip()) is not None or _MONTH.fullmatch(name.strip()) is not None


def is_camera(name: str) -> bool:
    """Returns whether a folder has a name that cameras give."""
    return _CAMERA.fullmatch(name.strip()) is not None


def is_well(name: str) -> bool:
    """Returns whether a folder is named like a well of a plate: "A01", "H12"."""
    return _WELL.fullmatch(name.strip()) is not None


def is_scale(name: str) -> bool:
    """Returns whether a folder is named like a magnification or a size: "40X", "64x64"."""
    return _SCALE.fullmatch(name.strip()) is not None

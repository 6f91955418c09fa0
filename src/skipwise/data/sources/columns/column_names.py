"""Names of columns for images, classes, splits and groups, in several languages."""

from __future__ import annotations

import re

from skipwise.data.names import unaccented

_IMAGES = """
    path file filename filepath imagepath image img imageid imagename imagefile imagefilename imgpath imgname
    imgid idcode photo photoid picture fname relpath relativepath url imageurl uri sourceref source key id name
    externalid stem
    datei dateiname dateipfad bild bildname bilddatei bildpfad bildid foto fotoname pfad
    fichier nomfichier nomdufichier chemin cheminimage nomimage
    archivo nombrearchivo nombredearchivo imagen ruta fichero arquivo nomearquivo nomedoarquivo imagem caminho
    nomefile immagine percorso bestand bestandsnaam afbeelding plik nazwapliku obraz zdjecie dosya dosyaadi resim
    файл имяфаила изображение путь фото 文件 文件名 文件名称 文件路径 图片 图片名 图片名称 图片路径 图像 图像名
    图像路径 路径 ファイル ファイル名 画像 画像名 画像パス パス 파일 파일명 이미지 경로
""".split()
LABELS = (
    # Words for classes; words for classes in some fields; numbers of classes; words for kinds of things.
    """
    label target class category labels classes classname labelname categoryname classlabel groundtruth gt choice
    choices tag annotation annotations answer
    klasse klassen klassenname etikett kategorie etiquette classe categorie etiqueta clase categoria rotulo
    etichetta etiket klasa etykieta kategoria kategori sinif класс метка категория 标签 类别 类 分类 标注
    ラベル クラス カテゴリ 分類 라벨 레이블 클래스 분류
    """.split(),
    """
    dx diagnosis species breed variety disease emotion finding sentiment digit
    diagnose befund spezies rasse sorte krankheit espece diagnostic maladie especie diagnostico enfermedad raza
    doenca specie diagnosi malattia вид диагноз 物种 品种 诊断 种类 診断 種類
    """.split(),
    "classid labelid categoryid classidx labelidx targetid y klassenid klassennummer".split(),
    "level grade type kind family genus typ art gattung familie genre famille genero tipo familia".split(),
)
_LABEL_ENDINGS = ("label", "labels", "class", "category", "species", "diagnosis")
_SPLITS = """
    split subset partition set usage mluse purpose fold datasplit phase mode stage
    satz teilmenge menge aufteilung ensemble conjunto particion particao insieme 数据集 划分 データセット
""".split()
_FLAGS = {
    **dict.fromkeys(("isvalid", "isval", "isvalidation"), "val"),
    **dict.fromkeys(("istrain", "istraining", "intrain", "train", "training"), "train"),
    **dict.fromkeys(("istest", "istesting", "intest", "test", "testing", "holdout"), "test"),
}
"""Names of columns with yes and no, and the split that yes means; fastai has `is_valid`."""
_GROUPS = """
    patient patientid subject subjectid lesionid caseid case study studyid person personid participant
    participantid individual individualid animalid video videoid sequence seqid sequenceid scene sceneid slide
    slideid pupil pupilid writer writerid user userid session sessionid burst burstid groupid group hospital
    siteid patientenid patientennummer patientennr fall fallid fallnummer proband probandid sujet patientno
    paciente pacienteid sujeto paziente 患者 病人 患者id 被験者
""".split()
_MEASURES = """
    age count number n price cost width height size length area weight year month day date time timestamp hour lat
    latitude lon lng longitude depth distance temperature iso exposure score confidence conf prob probability
    quantity alter anzahl preis breite hohe grosse gewicht jahr datum zeit 数量 年龄
""".split()
_VERDICTS = """
    exclude excluded ignore ignored drop dropped remove removed skip skipped keep use include included usable valid
    isvalid verified checked confirmed reviewed quality blurry blurred corrupt corrupted bad isbad ausschluss
    ausgeschlossen unscharf qualitat gepruft
""".split()
_LONGEST = 100
"""Characters at the end of a column's name that are looked at, since nested records can have very long names."""


def plain(name: str) -> str:
    """The form of a column's name that is compared: "imageid" for "data.Image_ID"."""
    last = re.split(r"[.\[\]/]", name.strip().rstrip(".[]/")[-_LONGEST:])[-1]
    return re.sub(r"[\W_]", "", unaccented(last).lower())


def image_rank(name: str) -> int | None:
    """Returns how likely a column with this name lists images, 0 for the likeliest; None for other names."""
    return _IMAGES.index(plain(name)) if plain(name) in _IMAGES else None


def is_image_column(name: str) -> bool:
    """Returns whether a column has a name for images."""
    return plain(name) in _IMAGES


def image_names() -> list[str]:
    """Names of columns of images, the likeliest first."""
    return list(_IMAGES)


def is_label_column(name: str) -> bool:
    """Returns whether a column has a name for classes."""
    return any(is_label_name(name, names) for names in (*LABELS[:3], None))


def is_label_name(name: str, names: list[str] | None) -> bool:
    """Returns whether a column has one of some names; for None, whether its name ends like that of a label."""
    if is_predicted(name):
        return False
    if names is None:
        return plain(name).endswith(_LABEL_ENDINGS)
    return plain(name) in names and not (plain(name) == "y" and name.strip().lower() != "y")


def is_predicted(name: str) -> bool:
    """Returns whether a column has a name for predictions."""
    words = set(re.split(r"[\W_]+", name[-_LONGEST:].lower()))
    return bool({"pred", "predicted", "prediction", "predictions", "vorhersage"} & words)


def is_split_column(name: str) -> bool:
    """Returns whether a column has a name for splits."""
    return plain(name) in _SPLITS


def flagged_split(name: str) -> str:
    """The split that a column says yes or no to, by its name; or ""."""
    return _FLAGS.get(plain(name), "")


def is_group_column(name: str) -> bool:
    """Returns whether a column has a name for groups of images."""
    return plain(name) in _GROUPS


def is_measure(name: str) -> bool:
    """Returns whether a column has a name for measurements or counts, which are not classes."""
    return plain(name) in _MEASURES


def is_verdict(name: str) -> bool:
    """Returns whether a column has a name for a verdict on which images should be used."""
    return plain(name) in _VERDICTS


def is_genus(name: str) -> bool:
    """Returns whether a column has a name for the genus, the first word of a species' name."""
    return plain(name) in ("genus", "gattung", "genre", "genero", "genere")


def is_epithet(name: str) -> bool:
    """Returns whether a column has a name for the epithet, the second word of a species' name."""
    return plain(name) in ("species", "epithet", "specificepithet", "art", "espece", "especie", "specie")


def pictures_of(name: str) -> str:
    """The name of a column with the pictures in the folders that another column names."""
    return f"pictures of {name}"

"""Folders and tables whose names are not English: splits, columns, parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.layouts.cases import Case, Reads
from tests.layouts.pictures import put
from tests.layouts.trees import plant, tree


def _splits(*names: str) -> Case:
    """Folders for training and test, or for training, validation and test."""
    three = len(names) > 2
    return Case(
        name=f"splits-{'-'.join(names)}",
        build=tree(f"{{{','.join(names)}}}/{{Hund,Katze}}/#.jpg 4"),
        expected=Reads(
            classes=dict.fromkeys(("Hund", "Katze"), 4 * len(names)),
            splits={"train": 8, "val": 8, "test": 8} if three else {"train": 8, "test": 8},
            left_out=0,
        ),
    )


def _columns(image: str, label: str, *others: str, encoding: str = "utf-8", mark: str = ",") -> Case:
    """A table with two columns that matter, and others of which each could be a class by its values."""

    def build(root: Path) -> Path:
        names = plant(root / "d" / "images", "#.jpg 12")
        lines = [mark.join((image, label, *others))]
        for number, name in enumerate(names):
            values = ("ABC"[number % (2 + place)] for place in range(1, len(others) + 1))
            lines.append(mark.join((name, ("cat", "dog")[number % 2], *(f"x{value}" for value in values))))
        put(root / "d" / "set.csv", "\n".join(lines).encode(encoding) + b"\n")
        return root / "d"

    return Case(name=f"columns-{image}-{label}", build=build, expected=Reads(classes={"cat": 6, "dog": 6}, splits=None))


def _split_values(*values: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        names = plant(root / "d" / "images", "#.jpg 12")
        rows = [f"{n},{('cat', 'dog')[i % 2]},{values[i // 2 % len(values)]}" for i, n in enumerate(names)]
        put(root / "d" / "set.csv", "\n".join(["Datei,Klasse,Satz", *rows]) + "\n")
        return root / "d"

    return build


CASES = (
    *(
        _splits(*names)
        for names in (
            ("Training", "Validierung", "Test"),
            ("Trainingsdaten", "Testdaten"),
            ("Trainingsbilder", "Validierungsbilder", "Testbilder"),
            ("Lernmenge", "Testmenge"),
            ("train", "Validierung", "test"),
            ("entraînement", "validation", "test"),
            ("Jeu d'entrainement", "Jeu de test"),
            ("apprentissage", "test"),
            ("entrenamiento", "validación", "prueba"),
            ("conjunto de entrenamiento", "conjunto de prueba"),
            ("treino", "validacao", "teste"),
            ("treinamento", "teste"),
            ("addestramento", "convalida", "test"),
            ("trainen", "validatie", "testen"),
            ("treningowe", "testowe"),
            ("egitim", "dogrulama", "test"),
            ("обучение", "валидация", "тест"),
            ("训练集", "验证集", "测试集"),
            ("训练", "测试"),
            ("学習用データ", "テストデータ"),
            ("훈련", "검증", "시험"),
            ("learn", "test"),
            ("traindata", "testdata"),
        )
    ),
    *(
        _columns(*names)
        for names in (
            ("Dateiname", "Klasse", "Kamera"),
            ("Bild", "Etikett", "Ort"),
            ("Bildpfad", "Kategorie", "Größe"),
            ("Datei", "Diagnose", "Geschlecht"),
            ("Foto", "Art", "Fundort"),
            ("fichier", "étiquette", "annotateur"),
            ("nom_fichier", "classe", "lieu"),
            ("photo", "espèce", "lieu"),
            ("archivo", "etiqueta", "sexo"),
            ("imagen", "clase", "lugar"),
            ("arquivo", "rótulo", "local"),
            ("nome_file", "etichetta", "luogo"),
            ("bestand", "klasse", "plaats"),
            ("文件名", "标签", "地点"),
            ("图片", "类别", "数量"),
            ("ファイル名", "ラベル", "場所"),
            ("файл", "класс", "место"),
        )
    ),
    Case(
        name="split-values-in-german",
        build=_split_values("Training", "Validierung", "Test"),
        expected=Reads(classes={"cat": 6, "dog": 6}, splits={"train": 4, "val": 4, "test": 4}),
    ),
    Case(
        name="examples-in-german",
        build=tree("Bilder/{Hund,Katze}/#.jpg 4", "Vorschau/#.jpg 2"),
        expected=Reads(classes={"Hund": 4, "Katze": 4}, splits=None, left_out=2, says=("Vorschau",)),
    ),
)

"""Recognising splits by the names of folders, files and cells: "train", "seg_train", "Training", "dev", "holdout"."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from skipwise.data.names import unaccented

_WORDS = {
    word: split
    for split, words in {
        "train": """
            train training trainset trainval trn learn learning
            trainieren lernen lern lehr entrainement apprentissage entrenamiento treino treinamento addestramento
            allenamento trainen traning trening treningowe treningowy uczenie egitim latih
            обучение обучающая тренировка тренировочная 训练 訓練 学習 훈련 학습
        """,
        "val": """
            publictest val valid validation validate valset dev eval evaluation
            validierung evaluierung validacion evaluacion validacao validazione convalida validatie validering
            walidacja walidacyjne dogrulama validasi валидация проверка 验证 驗證 検証 검증
        """,
        "test": """
            privatetest test testing testset tst holdout
            testen prufung prueba pruebas teste testes testowe testowy uji тест тестовая 测试 測試 テスト 테스트 시험
        """,
    }.items()
    for word in words.split()
}
"""Names of splits, in lower case and without accents: English, then other languages."""
_NEUTRAL = frozenset(
    """
    set sets data dataset images image imgs img jpg jpeg png pics pictures photos photo split splits part subset
    full all folder files labels label labeled labelled resized list lists ids csv classes annotations solution
    mini clean final original meta metadata path paths names filenames studies instances image2 info large small
    standard
    daten bild bilder fotos menge satz datensatz ordner donnees jeu base datos imagenes conjunto dados imagens dati
    immagini insieme de d di da do 集 数据 数据集 資料 图片 图像 样本 用 データ 画像 セット 데이터 이미지
""".split()
)
_GLUED = ("datensatz", "daten", "bilder", "fotos", "menge", "satz", "set", "data", "images", "imgs", "pics")
"""Words that are glued to the name of a split: "Trainingsdaten", "testimages"."""
_ENUMERATED = re.compile(r"^\s*(?:\d+|[A-Za-z])[.)]\s+")
"""Enumeration before a name: "a. Training Set", "2) Test"."""
_FOREIGN = "|".join(sorted((word for word in {*_WORDS, *_NEUTRAL} if not word.isascii()), key=len, reverse=True))
_TOKENS = re.compile(rf"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|{_FOREIGN}|[^\W\d_]+")


def split_of(name: str, neutral: frozenset[str] = frozenset()) -> str | None:
    """The split that a name means, "train", "val" or "test", or None.

    Args:
        neutral: words that mean nothing here, such as the data set's own name in "seg_train" and "seg_test".

    Example:
        >>> split_of("training_set"), split_of("Validierung"), split_of("train station")
        ('train', 'val', None)
    """
    name = _ENUMERATED.sub("", name)
    if (letters := re.sub(r"[\W\d_]", "", unaccented(name).lower())) in _WORDS:
        return _WORDS[letters]
    tokens = _tokens(name)
    meant = {_WORDS[token] for token in tokens if token in _WORDS}
    rest = [token for token in tokens if token not in _WORDS and token not in neutral]
    if len(meant) != 1 or any(token not in _NEUTRAL and not token.isdigit() for token in rest):
        return None
    return meant.pop()


def splits_of(names: Iterable[str]) -> dict[str, str]:
    """The splits that some names side by side mean, by name; names that mean none are left out.

    A word that is in all names with a split belongs to the data set. So "seg_train" and "seg_test" are splits, but
    "dogs_train" and "cats_test" are not.

    Example:
        >>> splits_of(["seg_train", "seg_test", "seg_pred"])
        {'seg_train': 'train', 'seg_test': 'test'}
    """
    names = list(names)
    mentioning = [set(tokens) for name in names if (tokens := _tokens(name)) and any(t in _WORDS for t in tokens)]
    neutral: frozenset[str] = frozenset()
    if len(mentioning) > 1:
        neutral = frozenset(set.intersection(*mentioning) - _WORDS.keys())
    found = {name: split for name in names if (split := split_of(name, neutral)) is not None}
    # "eval" beside "val", without a test split, means the test split.
    evaluated = [name for name, split in found.items() if split == "val" and "eval" in name.lower()]
    if evaluated and len(evaluated) < sum(split == "val" for split in found.values()) and "test" not in found.values():
        found.update(dict.fromkeys(evaluated, "test"))
    return found


def split_and_rest(name: str) -> tuple[str, str] | None:
    """The split in a name and the rest: ("train", "cat") for "cat_train"; None without exactly one split."""
    tokens = _tokens(name)
    found = [token for token in tokens if token in _WORDS]
    if len(found) != 1:
        return None
    return _WORDS[found[0]], " ".join(token for token in tokens if token not in found)


@functools.lru_cache(maxsize=10_000)
def split_in(folder: str) -> str:
    """The split of the innermost folder on a path that means one: "train" for "a/train/cat"; "" if none does."""
    return next((split for part in reversed(folder.split("/")) if part and (split := split_of(part))), "")


def _tokens(name: str) -> list[str]:
    """The words of a name in lower case; words that are glued together are separated."""
    plain = unaccented(_ENUMERATED.sub("", name))
    return [part for token in _TOKENS.findall(plain) for part in _parted(token.lower())]


def _parted(token: str) -> list[str]:
    for ending in () if token in _WORDS else _GLUED:
        word = token.removesuffix(ending)
        if word != token and (known := word if word in _WORDS else word.removesuffix("s")) in _WORDS:
            return [known, ending]
    return [token]

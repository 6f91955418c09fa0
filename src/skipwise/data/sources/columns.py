"""Which column of a table names the images, which their classes, splits and groups: by its name and by its content."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skipwise.data.names import printable
from skipwise.data.sources.labels import listing
from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.split_names import split_of
from skipwise.data.sources.table_files import SEVERAL, Table
from skipwise.errors import SkipwiseError

HEAD = 300
"""Rows by which columns are told apart; all rows are read later."""
_IMAGE_NAMES = """
    path file filename filepath imagepath image img imageid imagename imagefile imagefilename imgpath imgname
    imgid idcode photo photoid picture fname relpath url imageurl uri sourceref source key id name externalid
    stem
""".split()
_LABEL_NAMES = (
    # The first group says what it is; of the second, which number or kind of it.
    """
    label class target category labels classes dx diagnosis classname labelname categoryname classlabel species
    breed variety disease emotion finding choice choices tag groundtruth gt annotation annotations answer y
""".split(),
    """
    classid labelid categoryid classidx labelidx targetid level grade type kind family genus sentiment
""".split(),
)
_SPLIT_NAMES = """
    split subset partition set usage mluse purpose fold datasplit phase mode stage
""".split()
_GROUP_NAMES = """
    patient patientid subject subjectid lesionid caseid case study studyid person personid participant
    participantid individual individualid animalid video videoid sequence seqid sequenceid scene sceneid slide
    slideid pupil pupilid writer writerid user userid session sessionid burst burstid groupid group hospital
    siteid
""".split()


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What the columns of a table are, by number.

    Args:
        header: the columns' names.
        first: the number of the first row that is no header.
        image: which names the images.
        label: which names the classes; None where `one_hot` columns are the classes, or nothing names any.
        named: whether the label's column is known by its name.
        groups: columns that may say what belongs together.
        notes: sentences worth saying.
    """

    header: tuple[str, ...]
    first: int
    image: int
    label: int | None
    one_hot: tuple[int, ...] = ()
    named: bool = False
    split: int | None = None
    group: int | None = None
    groups: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def plain(name: str) -> str:
    """A column's name as it is compared: "data.Image_ID" -> "imageid"."""
    last = re.split(r"[.\[\]/]", name.strip().rstrip(".[]/"))[-1]
    return re.sub(r"[^a-z0-9]", "", last.lower())


def find_columns(
    table: Table, find: Callable[[str], str | None], options: ReadingOptions, *, must: bool
) -> Columns | None:
    """What the columns are.

    Args:
        find: the picture that a cell means, or None.
        must: whether the user named this table, so that it has to list images; else None is returned where it does not.

    Raises:
        SkipwiseError: two columns would do, or none of the name that was asked for.
    """
    where = table.name
    header, first = table.header, 0
    sample = table.rows[: HEAD + 1]
    if not header:
        header = tuple(cell.strip() for cell in sample[0])
        first = 1
    body = [list(row) + [""] * (len(header) - len(row)) for row in sample[first:]]
    if not body and not must and find(sample[0][0] if sample[0] else "") is None:
        return None
    image = _image_column(where, header, body, find, options.image_column, must)
    if image is None and not table.header and any(find(cell) for cell in sample[0]):
        image = next(number for number, cell in enumerate(sample[0]) if find(cell))
    if image is None:
        return None
    if (
        not table.header
        and image < len(sample[0])
        and find(sample[0][image]) is not None
        and plain(header[image]) not in _IMAGE_NAMES
    ):
        header = tuple(f"column {number + 1}" for number in range(len(header)))
        first = 0
        body = [list(row) + [""] * (len(header) - len(row)) for row in sample]
    split = _split_column(header, body, image, unnamed=first == 0 and not table.header)
    taken = {image, split}
    rest = [number for number in range(len(header)) if number not in taken]
    label, one_hot, named, notes = _label_column(where, header, body, rest, options.label_column, must)
    group = None if options.group in (None, "folder") else _asked(where, header, options.group, "--group")
    groups = tuple(
        number for number in rest if number != label and plain(header[number]) in _GROUP_NAMES
        and 1 < len({row[number] for row in body}) < len(body)
    )  # fmt: skip
    return Columns(
        header=header,
        first=first,
        image=image,
        label=label,
        one_hot=one_hot,
        named=named,
        split=split,
        group=group,
        groups=groups,
        notes=tuple(notes),
    )


def _asked(where: str, header: Sequence[str], name: str, flag: str) -> int:
    exact = [number for number, column in enumerate(header) if column == name.strip()]
    alike = exact or [n for n, column in enumerate(header) if column.strip().lower() == name.strip().lower()]
    alike = alike or [number for number, column in enumerate(header) if plain(column) == plain(name)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise SkipwiseError(f"{where} has {len(alike)} columns called {name!r}; give each a name of its own.")
    raise SkipwiseError(f"{where} has no column {name!r} for {flag}; its columns are {_columns(header)}.")


def _columns(header: Sequence[str]) -> str:
    return listing(header, 12)


def _image_column(
    where: str,
    header: Sequence[str],
    body: Sequence[Sequence[str]],
    find: Callable[[str], str | None],
    asked: str | None,
    must: bool,
) -> int | None:
    if asked is not None:
        return _asked(where, header, asked, "--image-column")
    found: dict[int, list[str | None]] = {}
    scores: dict[int, tuple[float, int, int]] = {}
    for number, name in enumerate(header):
        values = [row[number] for row in body if row[number].strip() and SEVERAL not in row[number]]
        if not values:
            continue
        pictures = [find(value) for value in values]
        hits = sum(picture is not None for picture in pictures) / len(values)
        known = plain(name) in _IMAGE_NAMES
        rank = -_IMAGE_NAMES.index(plain(name)) if known else -len(_IMAGE_NAMES)
        if hits >= 0.5:
            found[number] = pictures
            scores[number] = (round(hits, 1), len(set(values)), rank)
    if scores:
        best = max(scores, key=scores.__getitem__)
        for other in scores:
            same = found[other] == found[best]
            both = len(found[other]) == len(found[best]) and scores[other][1] > 0.5 * len(body)
            if other != best and both and not same and scores[other][0] == scores[best][0] and len(body) > 3:
                raise SkipwiseError(
                    f"{where} has two columns that name images, {header[best]!r} and {header[other]!r}; say which with "
                    "--image-column."
                )
        return best
    if not must:
        return None
    for name in _IMAGE_NAMES:
        for number, column in enumerate(header):
            if plain(column) == name:
                return number
    raise SkipwiseError(
        f"{where} has no column 'path' with the images' paths; its columns are {_columns(header)}. Name one with "
        "--image-column."
    )


def _split_column(header: Sequence[str], body: Sequence[Sequence[str]], image: int, *, unnamed: bool) -> int | None:
    for number, name in enumerate(header):
        values = {row[number].strip() for row in body if row[number].strip()}
        known = plain(name) in _SPLIT_NAMES
        if number == image or not values or not (known or unnamed):
            continue
        meant = [value_split(value) for value in values]
        if all(each is not None for each in meant) or (known and any(each is not None for each in meant)):
            return number
        if known and values <= {"UNASSIGNED", "unassigned"}:
            return number
    return None


def value_split(value: str) -> str | None:
    """The split that a cell means; "" for one that is not assigned yet."""
    if value.strip().lower() in ("", "unassigned"):
        return ""
    public = re.fullmatch(r"(?:public|private)_?test", value.strip(), re.IGNORECASE)
    if public:
        return "val" if value.strip().lower().startswith("public") else "test"
    return split_of(value.strip())


def _label_column(
    where: str,
    header: Sequence[str],
    body: Sequence[Sequence[str]],
    rest: Sequence[int],
    asked: str | None,
    must: bool,
) -> tuple[int | None, tuple[int, ...], bool, list[str]]:
    """The label's column, or the one-hot ones; whether it is known by name; and what is worth saying."""
    if asked is not None:
        return _asked(where, header, asked, "--label-column"), (), True, []
    for names in _LABEL_NAMES:
        known = [number for number in rest if plain(header[number]) in names and _filled(body, number)]
        if not known:
            continue
        for number in known:
            equal = [other for other in known if header[other].strip().lower() == header[number].strip().lower()]
            if len(equal) > 1:
                raise SkipwiseError(
                    f"{where} has {len(equal)} columns called {header[equal[0]]!r}; give each a name of its own, or "
                    "remove those that are not the class."
                )
        return *_one_of(where, header, body, known), True, []
    one_hot = _one_hot(body, rest)
    if one_hot:
        return None, one_hot, True, []
    likely = [number for number in rest if _looks_like_labels(body, number)]
    if len(rest) == 1 and likely != rest and must:
        likely = list(rest)
    if len(likely) == 1:
        return likely[0], (), False, []
    if len(likely) > 1:
        agreeing = [number for number in likely if _bijective(body, likely[0], number)]
        if len(agreeing) == len(likely):
            return _wordiest(body, likely), (), False, []
        if must:
            raise SkipwiseError(
                f"{where} has no column called label, and {listing([header[n] for n in likely])} could each be it; say "
                "which with --label-column."
            )
    return None, (), False, []


def _one_of(
    where: str, header: Sequence[str], body: Sequence[Sequence[str]], known: Sequence[int]
) -> tuple[int, tuple[int, ...]]:
    """Of several columns that are called like labels the one, if they say the same."""
    if all(_bijective(body, known[0], number) for number in known[1:]):
        return _wordiest(body, known), ()
    raise SkipwiseError(
        f"{where} has the columns {listing([header[number] for number in known])}, which say different things; choose "
        "one with --label-column."
    )


def _wordiest(body: Sequence[Sequence[str]], known: Sequence[int]) -> int:
    """Names rather than numbers."""
    return max(known, key=lambda number: (not _numeric(body, number), -known.index(number)))


def _numeric(body: Sequence[Sequence[str]], number: int) -> bool:
    return all(re.fullmatch(r"-?\d+(?:\.\d*)?", row[number].strip() or "0") for row in body)


def _filled(body: Sequence[Sequence[str]], number: int) -> bool:
    return any(row[number].strip() for row in body)


def _bijective(body: Sequence[Sequence[str]], one: int, other: int) -> bool:
    pairs = {(row[one].strip(), row[other].strip()) for row in body}
    return len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})


def _looks_like_labels(body: Sequence[Sequence[str]], number: int) -> bool:
    """Whether a few values come again and again."""
    values = [row[number].strip() for row in body]
    if not all(values) or any(SEVERAL in value for value in values):
        return False
    counts = Counter(values)
    if any(re.fullmatch(r"-?\d*\.\d*[1-9]\d*", value) for value in counts):  # a measurement
        return False
    return 2 <= len(counts) <= max(2, len(values) // 2)


def _one_hot(body: Sequence[Sequence[str]], rest: Sequence[int]) -> tuple[int, ...]:
    """Columns of zeros and ones of which each row has at least one 1, as if each was a class."""
    binary = [
        number for number in rest
        if {row[number].strip() for row in body} <= {"0", "1", "0.0", "1.0", "True", "False", "true", "false"}
    ]  # fmt: skip
    if len(binary) < 2 or not body:
        return ()
    sums = [sum(is_one(row[number]) for number in binary) for row in body]
    return tuple(binary) if sum(total >= 1 for total in sums) >= 0.9 * len(sums) else ()


def is_one(cell: str) -> bool:
    """Whether a cell of a one-hot column says yes."""
    return cell.strip().lower() in ("1", "1.0", "true")


def shown_columns(header: Sequence[str], numbers: Sequence[int], most: int = 3) -> str:
    """Names of columns for a sentence."""
    return listing([printable(header[number]) for number in numbers], most)

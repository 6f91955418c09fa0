"""Which column of a table names the images, which their classes, splits and groups: by its name and by its content."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    # What says which class it is; what does so in some trade; which number it has; what says some kind of it.
    """label target class category labels classes classname labelname categoryname classlabel groundtruth gt choice
    choices tag annotation annotations answer""".split(),
    "dx diagnosis species breed variety disease emotion finding sentiment digit".split(),
    "classid labelid categoryid classidx labelidx targetid y".split(),
    "level grade type kind family genus".split(),
)
_ENDINGS = ("label", "labels", "class", "category", "species", "diagnosis")
_SPLIT_NAMES = """
    split subset partition set usage mluse purpose fold datasplit phase mode stage
""".split()
_FLAGS = {"isvalid": "val", "isval": "val", "isvalidation": "val", "istrain": "train", "istest": "test"}
"""Columns of yes and no, and the split of which they say it; fastai has `is_valid`."""
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
        split_flag: the split of images with a yes in that column, where it is called "is_valid" or the like.
        others: columns that could name the classes too.
        notes: sentences worth saying.
        groups: columns that may say what belongs together.
    """

    header: tuple[str, ...]
    first: int
    image: int
    label: int | None
    one_hot: tuple[int, ...] = ()
    named: bool = False
    split: int | None = None
    split_flag: str = ""
    group: int | None = None
    others: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def split_of(self, row: Sequence[str]) -> str | None:
        """The split that a row names, "" for none yet, None for something else."""
        if self.split is None:
            return ""
        if not self.split_flag:
            return value_split(row[self.split])
        other = "test" if self.split_flag == "train" else "train"
        return self.split_flag if is_one(row[self.split]) else other


def is_image_column(name: str) -> bool:
    """Whether a column is called like what names images."""
    return plain(name) in _IMAGE_NAMES


def is_label_column(name: str) -> bool:
    """Whether a column is called like what names classes."""
    return any(_is_called(name, names) for names in (*_LABEL_NAMES[:3], None))


def is_group_column(name: str) -> bool:
    """Whether a column is called like what says which images belong together."""
    return plain(name) in _GROUP_NAMES


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
    split, flag, notes = _split_column(header, body, image, unnamed=first == 0 and not table.header)
    taken = {image, split}
    rest = [number for number in range(len(header)) if number not in taken]
    labels = _label_column(where, header, body, rest, options.label_column, must)
    group = None if options.group in (None, "folder") else _asked(where, header, options.group, "--group")
    groups = tuple(
        number for number in rest if number != labels.column and plain(header[number]) in _GROUP_NAMES
        and 1 < len({row[number] for row in body}) < len(body)
    )  # fmt: skip
    return Columns(
        header=header,
        first=first,
        image=image,
        label=labels.column,
        one_hot=labels.one_hot,
        named=labels.named,
        others=labels.others,
        split=split,
        split_flag=flag,
        notes=tuple(notes),
        group=group,
        groups=groups,
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


def _split_column(
    header: Sequence[str], body: Sequence[Sequence[str]], image: int, *, unnamed: bool
) -> tuple[int | None, str, list[str]]:
    """The column of the splits; for which split it says yes or no; and what is worth saying."""
    notes: list[str] = []
    for number, name in enumerate(header):
        values = {row[number].strip() for row in body if row[number].strip()}
        known, flag = plain(name) in _SPLIT_NAMES, _FLAGS.get(plain(name), "")
        if number == image or not values or not (known or unnamed or flag):
            continue
        if flag and {value.lower() for value in values} <= {"0", "1", "0.0", "1.0", "true", "false"}:
            return number, flag, notes
        if flag and not known:
            continue
        if plain(name) in ("partition", "split") and values == {"0", "1", "2"}:
            return number, "", notes
        meant = [None if value in _NUMBERED else value_split(value) for value in values]
        if all(each is not None for each in meant) or (known and any(each is not None for each in meant)):
            return number, "", notes
        if known and values <= {"UNASSIGNED", "unassigned"}:
            return number, "", notes
        if plain(name) == "split":
            shown = listing(sorted(values), 2)
            notes.append(f"The column {name!r} has values that name no split ({shown}), so it is not used.")
    return None, "", notes


def value_split(value: str) -> str | None:
    """The split that a cell means; "" for one that is not assigned yet."""
    if value.strip().lower() in ("", "unassigned"):
        return ""
    if value.strip() in _NUMBERED:
        return _NUMBERED[value.strip()]
    public = re.fullmatch(r"(?:public|private)_?test", value.strip(), re.IGNORECASE)
    if public:
        return "val" if value.strip().lower().startswith("public") else "test"
    return split_of(value.strip())


_NUMBERED = {"0": "train", "1": "val", "2": "test"}
"""What numbers mean in a column of splits, as CelebA and WILDS have them."""


def _label_column(
    where: str,
    header: Sequence[str],
    body: Sequence[Sequence[str]],
    rest: Sequence[int],
    asked: str | None,
    must: bool,
) -> Labels:
    if asked is not None:
        return Labels(column=_asked(where, header, asked, "--label-column"), named=True)
    known: list[int] = []
    for names in (*_LABEL_NAMES, None):
        known = [number for number in rest if _is_called(header[number], names) and _filled(body, number)]
        if known:
            break
    one_hot = _one_hot(body, rest)
    if known and not (one_hot and len(one_hot) > 1 and set(known) <= set(one_hot)):
        _check_names(where, header, known)
        label = _chosen(where, header, body, known)
        others = [number for number in rest if number != label and _looks_like_labels(body, number)]
        others = [number for number in others if any(_is_called(header[number], names) for names in _LABEL_NAMES[:3])]
        return Labels(column=label, named=True, others=tuple(n for n in others if not _bijective(body, label, n)))
    if one_hot:
        return Labels(one_hot=one_hot, named=True)
    likely = [number for number in rest if _looks_like_labels(body, number)]
    if (
        len(rest) == 1
        and not likely
        and not _counts_up(body, rest[0])
        and _filled(body, rest[0])
        and (must or len(body) <= 10 or _numeric(body, rest[0]))
    ):
        likely = list(rest)
    if len(likely) == 1 or (likely and all(_bijective(body, likely[0], number) for number in likely[1:])):
        return Labels(column=_wordiest(body, likely))
    if len(likely) > 1 and must:
        raise SkipwiseError(
            f"{where} has no column called label, and {listing([header[n] for n in likely])} could each be it; say "
            "which with --label-column."
        )
    return Labels(others=tuple(likely))


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Where the labels are: a column, or columns of 0 and 1; `others` could be meant too."""

    column: int | None = None
    one_hot: tuple[int, ...] = ()
    named: bool = False
    others: tuple[int, ...] = ()


def _is_called(name: str, names: Sequence[str] | None) -> bool:
    """Whether a column is called by one of some names, or, for None, by one that ends like a label's."""
    if names is None:
        return plain(name).endswith(_ENDINGS)
    return plain(name) in names and not (plain(name) == "y" and name.strip().lower() != "y")


def _check_names(where: str, header: Sequence[str], known: Sequence[int]) -> None:
    """Raises SkipwiseError for two columns of one name, whichever of them is meant."""
    for number in known:
        equal = [other for other in known if header[other].strip().lower() == header[number].strip().lower()]
        if len(equal) > 1:
            raise SkipwiseError(
                f"{where} has {len(equal)} columns called {header[equal[0]]!r}; give each a name of its own, or remove "
                "those that are not the class."
            )


def _chosen(where: str, header: Sequence[str], body: Sequence[Sequence[str]], known: Sequence[int]) -> int:
    """Of several columns that are called like labels the one, if they say the same."""
    if all(_bijective(body, known[0], number) for number in known[1:]):
        return _wordiest(body, known)
    if len({plain(header[number]) for number in known}) == 1:
        # One question each, as annotation tools write them; what was said of the image itself is no box's.
        of_image = [number for number in known if "tag" in header[number].lower().split(".")]
        if len(of_image) == 1:
            return of_image[0]
        raise SkipwiseError(
            f"{where} has several labels for an image ({listing([header[number] for number in known], 3)}); Skipwise "
            "tells classes apart of which each image has one. Choose one with --label-column."
        )
    raise SkipwiseError(
        f"{where} has the columns {listing([header[number] for number in known])}, which say different things; choose "
        "one with --label-column."
    )


def _wordiest(body: Sequence[Sequence[str]], known: Sequence[int]) -> int:
    """Names rather than numbers."""
    return max(known, key=lambda number: (not _numeric(body, number), -known.index(number)))


def _numeric(body: Sequence[Sequence[str]], number: int) -> bool:
    return all(re.fullmatch(r"-?\d+(?:\.\d*)?", row[number].strip() or "0") for row in body)


def _counts_up(body: Sequence[Sequence[str]], number: int) -> bool:
    """Whether a column only numbers the rows."""
    values = [row[number].strip() for row in body]
    if len(values) < 4 or not all(re.fullmatch("[0-9]{1,18}", value) for value in values):
        return False
    return all(int(after) == int(before) + 1 for before, after in itertools.pairwise(values))


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
    """Columns of zeros and ones of which most rows have a 1, as if each was a class; some tools leave zeros empty, or
    write -1 for what is uncertain."""
    strictly = {"0", "1", "0.0", "1.0", "True", "False", "true", "false"}
    loosely = {*strictly, "", "-1", "-1.0"}
    for allowed, fewest in ((strictly, 2), (loosely, 3)):
        binary = [
            number for number in rest if {row[number].strip() for row in body} <= allowed and _filled(body, number)
        ]
        with_one = sum(any(is_one(row[number]) for number in binary) for row in body)
        if len(binary) >= fewest and with_one > 0.5 * len(body):
            return tuple(binary)
    return ()


def is_one(cell: str) -> bool:
    """Whether a cell of a one-hot column says yes."""
    return cell.strip().lower() in ("1", "1.0", "true")


def shown_columns(header: Sequence[str], numbers: Sequence[int], most: int = 3) -> str:
    """Names of columns for a sentence."""
    return listing([header[number] for number in numbers], most)

"""Names for numbered classes, from a list of names or a table of numbers and names beside the images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skipwise.data.image.formats import is_picture
from skipwise.data.names import stem, suffix
from skipwise.data.sources.place import Place
from skipwise.data.sources.table_files.reading import read_tables

_FILE_NAMES = re.compile(r"class|label|categor|name|synset|map|meta|species|variant", re.IGNORECASE)


@dataclass(frozen=True)
class ClassNames:
    """Class names by number.

    Args:
        where: the file that they come from.
        names: the names; the numbers are texts.
    """

    where: str
    names: Mapping[str, str]

    def for_labels(self, labels: Iterable[str]) -> dict[str, str]:
        """The name of each label; {} if a label has no name, or two have the same."""
        wanted = set(labels)
        if not wanted or not all(re.fullmatch(r"\d+", label) for label in wanted):
            return {}
        # "00003" has the name of "3".
        found = {label: name for label in wanted if (name := self.names.get(label, self.names.get(str(int(label)))))}
        return found if len(found) == len(wanted) == len(set(found.values())) else {}


def find_class_names(place: Place, labels: Iterable[str], own: str = "") -> ClassNames | None:
    """Looks for a document with a name for each of some numbered classes.

    Args:
        place: the files.
        labels: the labels, which may be numbers.
        own: the document with the labels, which may have the names too.
    """
    wanted = set(labels)
    if not all(re.fullmatch(r"\d+(?:\.0)?", label) for label in wanted):
        return None
    for document in place.documents:
        file = document.rpartition("/")[2]
        if (
            not (_FILE_NAMES.search(stem(file)) or document == own)
            or (data := place.read(document)) is None
            or len(data) > 2**20
        ):
            continue
        for table in read_tables(document, data):
            rows = [[cell.strip() for cell in row] for row in table.rows]
            if (
                len(rows) > 1
                and len(rows[0]) > 1
                and not any(map(str.isdigit, rows[0]))
                and any(map(str.isdigit, rows[1]))
            ):
                rows = rows[1:]  # a header
            if "name" in table.header:
                rows = [[row[table.header.index("name")]] for row in rows]
            pairs = {row[0]: " ".join(row[1:]) for row in rows if len(row) > 1 and row[0].isdigit()}
            turned = {row[-1]: " ".join(row[:-1]) for row in rows if len(row) > 1 and row[-1].isdigit()}
            lines = (
                {str(number): row[0] for number, row in enumerate(rows)} if all(len(row) == 1 for row in rows) else {}
            )
            for names in (pairs, turned, lines):
                if names is lines and {str(int(float(label))) for label in wanted} != set(lines):
                    continue  # lines count from 0, and the classes may not
                known = ClassNames(document, names)
                once = len(names) == len(rows) and any(c.isalpha() for name in names.values() for c in name)
                once = once and not any(is_picture(suffix(name)) for name in names.values())
                if once and len(names) <= 2 * len(wanted) + 1 and known.for_labels(wanted):
                    return known
    return None

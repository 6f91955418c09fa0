"""Pictures in unsupported formats: ignored if the same picture exists in another format, otherwise refused."""

from __future__ import annotations

from collections import Counter

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.image.formats import mend_for
from skipwise.data.names import printable, stem, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.place import Place


def check_unread(place: Place, folders: set[str], options: ReadingOptions) -> None:
    """Raises SkipwiseError if pictures of the set would be left out because of their format.

    Args:
        place: the files.
        folders: the folders whose pictures belong to the set.
        options: how the images are to be read.
    """
    if not place.unread or options.skip_unread_formats:
        return
    there = {stem(name) for name in place.names}
    dropped = [name for name in place.unread if name.rpartition("/")[0] in folders and stem(name) not in there]
    if not dropped:
        return
    kinds = Counter((name.rpartition("/")[0], suffix(name)) for name in dropped)
    shown = ", ".join(
        f"{number:,} {kind} in {printable(folder) or 'the top folder'}"
        for (folder, kind), number in kinds.most_common(5)
    )
    more = f" and {len(kinds) - 5} more" if len(kinds) > 5 else ""
    raise SkipwiseError(
        f"{count(len(dropped), 'picture')} of {place.name} {'is' if len(dropped) == 1 else 'are'} in a format that is "
        f"not read here ({shown}{more}); {mend_for({kind for _, kind in kinds})}, or leave them out with "
        "--skip-unread-formats."
    )


def no_pictures_sentence(place: Place) -> str:
    """A sentence about a place that holds only pictures in unsupported formats."""
    kinds = Counter(suffix(name) for name in place.unread)
    shown = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common(5))
    return f"{place.name} holds only pictures in formats that are not read here ({shown}); {mend_for(set(kinds))}."

"""Reading which images an audit.json excludes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.checksums import check_record
from skipwise.core.files.json_limits import check_json
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.regular import read_regular
from skipwise.data.quality.findings import Finding
from skipwise.data.sources import Source


def read_exclusions(path: Path, source: Source) -> NDArray[np.bool_]:
    """The images that an audit.json excludes: bool [N].

    Raises:
        SkipwiseError: there is no such file, it is damaged, or it is about other images.
    """

    @dataclass
    class Exclusions:
        findings: tuple[Finding, ...]

    try:
        content = read_regular(path, LARGEST_RECORD)
        check_json(content)
        found = msgspec.json.decode(content, type=Exclusions).findings
    except OSError as error:
        raise SkipwiseError(
            f"Can't read {path}: {reason_of(error)}; --exclude takes what 'skipwise audit' wrote."
        ) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SkipwiseError(
            f"{path} is not an audit.json ({error}); --exclude takes what 'skipwise audit' wrote."
        ) from error
    check_record(path, mend="audit these images again (or, if you edited it, take out its 'files')")
    excluded = {name for finding in found for name in finding.exclude}
    unknown = excluded - set(source.ids)
    if unknown:
        raise SkipwiseError(
            f"{path} is about other images: it names {sorted(unknown)[0]!r}, which {source.name} does not have; "
            "audit these images again."
        )
    return np.array([name in excluded for name in source.ids])

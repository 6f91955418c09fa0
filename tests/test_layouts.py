"""Every layout of `tests/layouts` is read rightly at the first command, asked about, or refused with the mend."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise.data.scan.scan import scan_images
from tests.layouts import CASES, Case, Reads

PICTURES = re.compile(
    r"\.(jpe?g|jpe|jfif|a?png|webp|bmp|dib|gif|tiff?|avif|jp2|j2k|p[gpbn]m|tga|hei[cf]|jxl|psd|svg|cr2|nef|arw|dng|dcm|ico)$",
    re.IGNORECASE,
)


def test_each_case_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layout(case: Case, tmp_path: Path) -> None:
    data = case.build(tmp_path)
    if not isinstance(case.expected, Reads):
        with pytest.raises(skipwise.SkipwiseError) as caught:
            skipwise.open_images(data, **case.options)
        said = _own_words(str(caught.value), data, tmp_path)
        assert _lacking(case.expected.says, said) == [], said
        return
    try:
        source = skipwise.open_images(data, **case.options)
    except skipwise.SkipwiseError as error:
        if not case.expected.or_refused or _lacking(case.expected.or_refused, _own_words(str(error), data, tmp_path)):
            raise
        return
    _check(source, case.expected, _own_words(repr(source), data, tmp_path))
    if case.decodes:
        assert scan_images(source).faults == {}
    if case.pixels is not None:
        _compare(source, case.pixels())


def _own_words(text: str, data: Path | str, around: Path) -> str:
    """A sentence without the path that the user gave, which says nothing of what was understood."""
    name = Path(data).name if Path(data).is_file() else str(data)
    return text.replace(str(data), "...").replace(name, "...").replace(str(around), "...")


def _check(source: Any, expected: Reads, line: str) -> None:
    counts = Counter(source.classes[number] for number in source.labels)
    assert counts in (expected.classes, *expected.otherwise_named), line
    if source.splits is None and expected.splits is not None and expected.or_unsplit:
        assert _lacking((expected.or_unsplit,), line) == [], line
    else:
        assert (None if source.splits is None else Counter(source.splits)) == expected.splits, line
    assert source.splits is None or _lacking(("train|split",), line) == [], line
    assert len(set(source.ids)) == len(source.ids)
    if expected.groups is not None:
        assert len(set(source.groups)) == expected.groups
    if expected.left_out is not None:
        assert sum(bool(PICTURES.search(name)) for name in source.ignored) == expected.left_out, line
    if expected.left_out:
        assert _lacking((rf"\b{expected.left_out}\b",), line) == [], line
    assert _lacking((*expected.says, *(("--group",) if expected.group else ())), line) == [], line


def _compare(source: Any, parts: Sequence[tuple[Any, Any]]) -> None:
    """The same pixels, and those of one class number are of one class."""
    expected = {
        row.tobytes(): int(number) for rows, numbers in parts for row, number in zip(rows, numbers, strict=True)
    }
    seen = {row.tobytes(): int(number) for row, number in zip(source.pixels, source.labels, strict=True)}
    assert set(seen) == set(expected)
    pairs = {(expected[row], seen[row]) for row in seen}
    assert len(pairs) == len(set(expected.values())) == len(set(seen.values()))


def _lacking(patterns: Sequence[str], text: str) -> list[str]:
    return [pattern for pattern in patterns if not re.search(pattern, text, re.IGNORECASE)]

"""MATLAB files are read as scipy reads them, and damaged ones end in a sentence."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import loadmat, savemat

from skipwise.core.errors import SkipwiseError
from skipwise.data.sources.arrays.matlab import load_matlab, simple


def _cells(values: list[Any]) -> Any:
    made = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        made[number] = value
    return made


NAMES = st.sampled_from(["x", "labels", "fname", "a_name_of_thirty_characters_abc"])
NUMBERS = arrays.arrays(
    st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]),
    arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
    elements=st.integers(0, 100),
)
TEXTS = st.text("abc XYZ09é猫", min_size=1, max_size=12)
VALUES = st.recursive(
    NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(_cells) | st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def _saved(content: dict[str, Any], *, packed: bool) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, content, do_compression=packed)
    return buffer.getvalue()


def _same(ours: Any, theirs: Any) -> bool:
    """Whether a value is what scipy reads: arrays to the bit, texts, cells and the fields of structs in order."""
    if isinstance(ours, np.ndarray):
        return ours.dtype == theirs.dtype and ours.shape == theirs.shape and np.array_equal(ours, theirs)
    if isinstance(ours, str):
        return theirs.dtype.kind == "U" and theirs.size <= 1 and ours == "".join(theirs.ravel().tolist())
    if theirs.dtype.names:
        records = [dict(zip(theirs.dtype.names, record, strict=True)) for record in theirs.ravel(order="F").tolist()]
        return len(ours) == len(records) and all(
            one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
            for one, other in zip(ours, records, strict=True)
        )
    flat = theirs.ravel(order="F").tolist()
    return len(ours) == len(flat) and all(map(_same, ours, flat))


@settings(max_examples=150, deadline=None)
@given(content=st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), packed=st.booleans())
def test_it_reads_what_scipy_reads(content: dict[str, Any], packed: bool) -> None:
    data = _saved(content, packed=packed)
    theirs = {key: value for key, value in loadmat(io.BytesIO(data)).items() if not key.startswith("__")}
    ours = load_matlab("d.mat", data)
    assert ours.keys() == theirs.keys()
    assert {key for key in ours if not _same(ours[key], theirs[key])} == set()


def test_rows_of_characters_are_texts_and_axes_of_one_are_dropped() -> None:
    data = _saved({"names": np.array(["cat ", "bird"]), "one": np.array([[7]])}, packed=False)
    found = load_matlab("d.mat", data)
    assert found["names"] == ["cat ", "bird"]
    assert simple(found["one"]) == 7


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_end_in_a_sentence(data: st.DataObject) -> None:
    content = {"x": np.arange(12).reshape(3, 4), "s": {"a": "cat", "b": _cells(["dog", np.eye(2)])}}
    changed = bytearray(_saved(content, packed=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(124, len(changed) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(0, len(changed))) :]
    with contextlib.suppress(SkipwiseError):
        load_matlab("d.mat", bytes(changed))


def test_version_7_3_says_how_to_save_it() -> None:
    with pytest.raises(SkipwiseError, match=r"version 7\.3.*-v7"):
        load_matlab("d.mat", b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\x89HDF")

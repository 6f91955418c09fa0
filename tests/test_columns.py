"""Long columns in little memory: what is read is what was written, whatever is in it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skipwise.data.columns import integers, names
from skipwise.data.columns.integers import Integers
from skipwise.data.columns.names import Names
from skipwise.data.columns.repeated import Repeated
from skipwise.data.containers import Entries, Entry
from skipwise.data.sources.labelled import Labelled, LabelledImage, shown_names

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=5)
"""Any characters, also halves of surrogate pairs, as bytes that are no UTF-8 become, and zero bytes."""


@settings(deadline=None)
@given(st.lists(ANY_TEXT, max_size=400))
def test_names_are_what_they_were(given_: list[str]) -> None:
    found = Names.of(given_)
    assert list(found) == given_ == found.tolist()
    assert found == given_
    assert len(found) == len(given_)
    assert [found[number] for number in range(-len(given_), len(given_))] == 2 * given_
    assert list(found[3:200:7]) == given_[3:200:7]
    assert list(pickle.loads(pickle.dumps(found))) == given_
    ascending = sorted(set(given_))
    assert [Names.of(ascending).find(name) for name in ascending] == list(range(len(ascending)))


def test_names_are_found_by_arrays_as_those_of_an_array_are() -> None:
    given_ = [f"class{number % 3}/{number:05d}.jpg" for number in range(1000)]
    found, numbers = Names.of(given_), np.array([999, 0, 5, 5])
    assert (found[numbers] == np.array(given_)[numbers]).all()
    assert found[numbers].dtype == np.array(given_).dtype
    assert (np.array(found) == np.array(given_)).all()
    assert found[np.arange(1000) == 7].tolist() == [given_[7]]
    for missing in ("", "class0/00001.jpg", "z"):
        with pytest.raises(KeyError):
            Names.of(sorted(given_)).find(missing)
    with pytest.raises(IndexError):
        found[1000]
    assert sum(map(len, found._blocks)) < 5 * 1000
    assert names.BLOCK < 1000


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60), st.integers(1, 40))
def test_numbers_are_what_they_were(some: list[int], times: int) -> None:
    given_ = some * times  # more than a block of them
    found = Integers.of(given_)
    assert list(found) == given_
    assert list(Integers.of(np.array(given_, np.int64))) == given_
    assert [found[number] for number in range(-len(given_), len(given_), 17)] == [
        given_[number] for number in range(-len(given_), len(given_), 17)
    ]
    assert list(found[1::5]) == given_[1::5]
    assert integers.BLOCK > 0


@given(st.lists(ANY_TEXT, max_size=30))
def test_repeated_words_are_what_they_were(given_: list[str]) -> None:
    found = Repeated.of(given_)
    assert list(found) == given_
    assert found == given_
    assert found.counts() == {word: given_.count(word) for word in given_}
    assert list(found.renamed(["x"] * len(found.words))) == ["x"] * len(given_)
    assert list(found[2:]) == given_[2:]
    assert found.codes.dtype == np.uint8


@settings(deadline=None)
@given(st.lists(st.tuples(ANY_TEXT, st.integers(0, 2**40), st.integers(-(2**62), 2**62)), unique_by=lambda row: row[0]))
def test_files_come_in_the_order_of_their_names(rows: list[tuple[str, int, int]]) -> None:
    entries = [Entry(*row) for row in rows]
    found = Entries.of(entries)
    assert list(found) == sorted(entries)
    some = Names.of(sorted(entry.name for entry in entries[::2]))
    assert list(Entries.named(some, found)) == sorted(entries[::2])
    assert list(Entries.named(some, {entry.name: entry for entry in entries})) == sorted(entries[::2])
    assert list(found.only(np.zeros(len(found), np.bool_))) == []
    with pytest.raises(KeyError):
        Entries.named(Names.of(["there is no such name"]), found)


def test_files_that_are_all_wanted_are_kept_once() -> None:
    found = Entries.of(Entry(f"{number}", number, 0) for number in range(300))
    assert found.only(np.ones(300, np.bool_)) is found
    assert Entries.named(Names.of(list(found.names)), found) is found
    assert shown_names(found.names, None, "") is found.names


def test_labels_come_in_the_order_of_files_and_lines() -> None:
    rows = [
        LabelledImage("b", "x", "train", "", 3),
        LabelledImage("a", "y", "test", "g", 2),
        LabelledImage("a", "x", "train", "", 1),
    ]
    found = Labelled.of(rows)
    assert list(found) == [rows[2], rows[1], rows[0]]
    assert Labelled.of(found) is found
    assert list(shown_names(found.files, found.lines, "")) == ["a", "a (line 2)", "b"]
    odd = Names.of(["t/a\0", "t/a\\x00", "t/b"])
    assert list(shown_names(odd, None, "t/")) == ["a\\x00", "a\\x00 (1)", "b"]


def test_what_is_no_text_equals_no_name() -> None:
    assert Names.of(["a"]) == ["a"]
    assert Names.of(["a"]) != [5]
    assert Repeated.of(["a", "a"]) != ["a", 5]


def test_a_time_after_the_year_2262_is_kept_as_the_last_one() -> None:
    assert list(Entries.of([Entry("a", 1, 2**63 + 5)])) == [Entry("a", 1, 2**63 - 1)]

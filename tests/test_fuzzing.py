"""Whatever is in tables, archives, arrays and folders, the answer is a reading or a sentence; never a traceback."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.fuzzing import HOSTILE, LONGEST, Outcome, attempt, check_sentence, outcomes
from tests.hostile import FILES, LARGE, TEXTS

READ = (frozenset(TEXTS) - {"a box that is nowhere", "a pipe called like Parquet"}) | {
    "no number for a time in a tar",
    "2,000 columns of nothing",
    "a text of 4 MiB in each row",
}
"""What lies beside class folders and is left out, or harms nothing; all the other hostile files are refused."""


def _shown(faults: list[Outcome]) -> str:
    return "\n".join(f"{each.number} ({each.made}): {each.fault}" for each in faults)


def test_damaged_inputs_are_read_or_refused_with_a_sentence() -> None:
    seen = list(outcomes("0", 0, 120, every=60))
    assert _shown([each for each in seen if each.fault]) == ""
    assert [each.number for each in seen] == list(range(120))
    # Neither kind of answer is tested alone.
    assert 20 < sum(each.read for each in seen) < 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_thousand_damaged_inputs(seed: int) -> None:
    seen = list(outcomes(str(seed), 0, 2000, every=20))
    assert _shown([each for each in seen if each.fault]) == ""
    assert len(seen) == 2000


@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_claims_or_unpacks_to_more_than_any_memory_is_refused(large: bool) -> None:
    names = [name for name in FILES if (name in LARGE) == large]
    seen = list(outcomes(HOSTILE, list(FILES).index(names[0]), len(names), every=len(FILES)))
    assert _shown([each for each in seen if each.fault]) == ""
    assert [each.made for each in seen] == names
    assert {each.made for each in seen if each.read} == READ & set(names)
    assert {each.made for each in seen if each.mebibytes > 250 and " GiB in a" not in each.made} == set()


def test_an_input_is_a_function_of_its_seed_and_number() -> None:
    first, again, other = (attempt(seed, 3, whole=False) for seed in ("0", "0", "1"))
    assert (first.made, first.answer) == (again.made, again.answer)
    assert first.made != other.made


@pytest.mark.parametrize(
    "sentence",
    [
        "a.csv can't be read\nat all; mend it.",
        "a.csv holds \x1b[31m where a label is needed.",
        "x" * (LONGEST + 1),
        "a.csv can't be read (KeyError: 'x').",
        "a.csv can't be read (<ast.Name object at 0x7f>).",
        "no.",
    ],
)
def test_what_is_no_sentence_for_people_is_noticed(sentence: str) -> None:
    with pytest.raises(AssertionError):
        check_sentence(sentence)


def test_a_process_that_dies_is_a_fault_of_the_input_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import itertools, os, skipwise\n"
        "before, opened = skipwise.open_images, itertools.count()\n"
        "skipwise.open_images = lambda data, **options: os.abort() if next(opened) == 1 else before(data, **options)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = list(itertools.islice(outcomes("0", 0, 3), 3))
    assert [each.number for each in seen] == [0, 1, 2]
    assert ["the process ended" in each.fault for each in seen] == [False, True, False]

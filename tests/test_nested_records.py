"""Every record that is read back, nested 100,000 deep: a sentence that names it, never a RecursionError."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fabricated import write_comparison
from tests.processes import run
from tests.test_surroundings import SMALL

DEPTH = 10**5
NESTED = "[" * DEPTH + "]" * DEPTH
TRAIN = ["train", "pics", "--model", "plain20", *SMALL]
CASES = {
    "run/run.json": [["predict", "run", "pics"], ["export", "run", "-o", "new"], [*TRAIN, "-o", "run"]],
    "run/terms.json": [[*TRAIN, "-o", "run"]],
    "run/source.json": [["export", "run", "--precision", "int8", "-o", "new"]],
    "artifact/artifact.json": [["predict", "artifact", "pics"], ["verify", "artifact"]],
    "comparison/plan.json": [["report", "comparison"], ["recommend", "comparison"]],
    "comparison/comparison.json": [["report", "comparison"], ["recommend", "comparison"]],
    "comparison/costs.json": [["report", "comparison"], ["recommend", "comparison"]],
    "audit/audit.json": [[*TRAIN, "--exclude", "audit/audit.json", "-o", "new"]],
    ".answers.csv.skipwise.json": [["predict", "artifact", "pics", "-o", "answers.csv"]],
    "answers.jsonl": [["predict", "artifact", "pics", "-o", "answers.jsonl"], ["audit", "answers.jsonl"]],
    "table.json": [["audit", "table.json"]],
    "coco/annotations.json": [["audit", "coco"]],
}


@pytest.fixture(scope="module")
def made(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of everything that Skipwise writes."""
    folder = Path(shutil.copytree(small, tmp_path_factory.mktemp("made"), dirs_exist_ok=True))
    write_comparison(folder / "comparison")
    for verb in (
        ["predict", "artifact", "pics", "-o", "answers.csv"],
        ["predict", "artifact", "pics", "-o", "answers.jsonl"],
        ["audit", "pics", "-o", "audit"],
    ):
        assert run(*verb, cwd=folder).returncode == 0
    (folder / "table.json").write_text("[]")
    (folder / "coco").mkdir()
    shutil.copytree(folder / "pics" / "stripes0", folder / "coco" / "images")
    (folder / "coco" / "annotations.json").write_text("{}")
    return folder


@pytest.mark.parametrize("name", CASES)
def test_a_record_nested_deep_is_named(name: str, made: Path) -> None:
    path = made / name
    before = path.read_bytes()
    ways = [NESTED, '{"a":' * DEPTH + "1" + "}" * DEPTH]
    if before.startswith(b"{"):  # in a key that nobody knows
        ways.append('{"zzz":' + NESTED + "," + before.decode()[1:])
    try:
        for way in ways:
            path.write_text(way + "\n")
            for verb in CASES[name]:
                ended = run(*verb, cwd=made)
                assert ended.returncode == 2, (verb, ended)
                assert "Traceback" not in ended.stderr, ended
                sentences = [line for line in ended.stderr.splitlines() if line.startswith("skipwise: ")]
                assert len(sentences) == 1, ended
                assert Path(name).name.removeprefix(".") in sentences[0] or "coco" in sentences[0], ended
    finally:
        path.write_bytes(before)

"""Every verb, with its streams closed, full or not read to the end, and with odd settings in its environment."""

from __future__ import annotations

import pwd
import shutil
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.json_records import write_json
from tests.conftest import make_photos
from tests.fabricated import fabricate
from tests.processes import STREAMS, run

TRAIN = [
    "--model",
    "plain20",
    "--width",
    "0.25",
    "--epochs",
    "1",
    "--img-size",
    "16",
    "--precision",
    "fp32",
    "--no-compile",
]


@pytest.fixture(scope="module")
def made(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, a run of them and a finished comparison."""
    folder = Path(shutil.copytree(small, tmp_path_factory.mktemp("streams"), dirs_exist_ok=True))
    found = fabricate()
    results = replace(found.results, plan=found.plan.digest())
    (folder / "comparison").mkdir()
    for name, record in (("plan", found.plan), ("comparison", results), ("costs", found.costs)):
        write_json(folder / "comparison" / f"{name}.json", record)
    (folder / "comparison" / "report.html").write_text("")
    return folder


def verbs(name: str) -> dict[str, list[str]]:
    """A command line of each verb; those that make something call it after `name`."""
    return {
        "models": ["models", "plain20"],
        "profile": ["profile", "plain20", "--img-size", "16", "--stem", "small", "--width", "0.25"],
        "audit": ["audit", "pics", "--output", f"audit-{name}"],
        "train": ["train", "pics", *TRAIN, "--output", f"run-{name}"],
        "predict": ["predict", "run", "pics"],
        "predict csv": ["predict", "run", "pics", "--format", "csv"],
        "predict file": ["predict", "run", "pics", "--output", f"answers-{name}.csv"],
        "recommend": ["recommend", "comparison"],
        "report": ["report", "comparison"],
        "report md": ["report", "comparison", "--format", "md"],
        "compare again": ["compare", "nowhere"],
        "a mistake": ["modelz"],
        "help": ["--help"],
        "version": ["--version"],
    }


PRINTS = {"models", "profile", "predict", "predict csv", "recommend", "report md"}
"""What has nowhere else to go."""
FAILS = {"compare again", "a mistake"}


def assert_sensible(ended: CompletedProcess[str]) -> None:
    """Neither a traceback nor a complaint of Python's own."""
    assert ended.returncode in (0, 2, 141), ended
    for word in ("Traceback", "Exception ignored", "Error:"):
        assert word not in ended.stderr, ended


@pytest.mark.parametrize("verb", verbs(""))
def test_closed_streams_are_no_reason_to_break_down(verb: str, made: Path) -> None:
    for closed in (["stdout"], [*STREAMS]):
        name = "-".join(closed)
        ended = run(*verbs(name)[verb], cwd=made, closed=closed)
        assert_sensible(ended)
        silenced = verb in PRINTS
        assert ended.returncode == (2 if verb in FAILS or silenced else 0), (closed, ended)
        if silenced and "stderr" not in closed:
            assert ended.stderr.startswith("skipwise: Standard output is closed, so there is nowhere to print to;")
        if verb == "train":
            assert (made / f"run-{name}" / "run.json").exists()


@pytest.mark.parametrize("closed", ["stderr", "stdin"])
def test_a_closed_error_stream_or_input_changes_nothing(closed: str, made: Path) -> None:
    for verb in ("models", "audit", "predict file"):
        ended = run(*verbs(closed)[verb], cwd=made, closed=[closed])
        assert_sensible(ended)
        assert ended.returncode == 0
    ended = run("predict", "run", "-", cwd=made, closed=["stdin"])
    assert (ended.returncode, ended.stderr) == (
        2,
        "skipwise: The image can't be answered: - (it is empty); is that what you meant?\n",
    )


def test_what_is_opened_next_does_not_take_the_place_of_a_closed_stream(made: Path) -> None:
    ended = run(*verbs("all")["predict file"], cwd=made, closed=[*STREAMS])
    assert ended.returncode == 0
    rows = (made / "answers-all.csv").read_text().splitlines()
    assert all(row.startswith(("path,", "pics/")) for row in rows)


@pytest.mark.parametrize("verb", ["models", "train", "predict csv", "version"])
def test_a_full_disk_under_standard_output_is_a_sentence(verb: str, made: Path) -> None:
    ended = run(*verbs("full")[verb], cwd=made, to={"stdout": "/dev/full"})
    assert_sensible(ended)
    assert ended.returncode == 2
    assert "No space left on device" in ended.stderr
    if verb == "models":
        assert_sensible(run("modelz", cwd=made, to={"stderr": "/dev/full"}))


@pytest.mark.parametrize("verb", ["models", "audit", "predict csv", "report md", "version", "help"])
def test_where_nobody_reads_any_more_the_end_is_quiet_with_the_usual_status(verb: str, made: Path) -> None:
    ended = run(*verbs("pipe")[verb], cwd=made, unread=["stdout"])
    assert (ended.returncode, "skipwise: " in ended.stderr) == (141, False), ended
    assert_sensible(ended)
    if verb == "audit":
        assert_sensible(run(*verbs("pipe2")[verb], cwd=made, unread=["stderr"]))


ODD = {
    "empty": {"SKIPWISE_CACHE": "", "XDG_CACHE_HOME": "", "COLUMNS": "", "TERM": "", "HOME": "HERE", "LANG": ""},
    "nonsense": {"COLUMNS": "abc", "LINES": "-1", "TERM": "dumb"},
    "zero": {"COLUMNS": "0", "LANG": "xx_YY.nope"},
    "plain": {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "NO_COLOR": "", "FORCE_COLOR": ""},
    "relative": {"SKIPWISE_CACHE": None, "XDG_CACHE_HOME": "cache", "HOME": "HERE"},
    "torchrun": {"RANK": "", "WORLD_SIZE": "", "LOCAL_RANK": "", "LOCAL_WORLD_SIZE": ""},
}


@pytest.mark.parametrize("setting", ODD)
def test_odd_settings_change_nothing(setting: str, made: Path) -> None:
    environment = {name: str(made) if value == "HERE" else value for name, value in ODD[setting].items()}
    for verb in ("models", "audit", "train" if setting == "torchrun" else "predict"):
        ended = run(*verbs(setting)[verb], cwd=made, env=environment)
        assert_sensible(ended)
        assert ended.returncode == 0, (verb, ended)


def test_names_that_a_terminal_can_not_show_are_escaped(made: Path) -> None:
    make_photos(made / "été", classes=2, per_class=6)
    (made / "été" / "stripes0" / "kaputt✗.png").write_bytes(b"no image")
    for encoding, shown in (("ascii", "\\xe9t\\xe9"), ("latin-1", "kaputt\\u2717"), ("utf-8", "kaputt✗")):
        ended = run("audit", "été", "-o", f"audit-{encoding}", cwd=made, env={"PYTHONIOENCODING": encoding})
        assert_sensible(ended)
        assert (ended.returncode, shown in ended.stdout) == (2, True), ended  # an unreadable image has to be mended
    ended = run("predict", "run", "été", cwd=made, env={"PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, "kaputt\\u2717.png" in ended.stdout) == (0, True), ended
    # What a program reads is UTF-8, whatever a terminal takes.
    ended = run("predict", "run", "été", "--format", "csv", cwd=made, env={"PYTHONIOENCODING": "ascii"})
    assert "été/stripes0/kaputt✗.png" in ended.stdout


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"])
def test_a_process_number_that_is_none_is_a_sentence(name: str, made: Path) -> None:
    ended = run(*verbs(name)["train"], cwd=made, env={name: "first"})
    assert ended.returncode == 2
    assert f"skipwise: The environment variable {name} is 'first'" in ended.stderr
    assert_sensible(ended)


def test_without_a_home_folder_the_setting_is_named(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError("uid not found")

    for name in ("SKIPWISE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(SkipwiseError, match="name a folder for decoded images in SKIPWISE_CACHE"):
        cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(made))
    assert cache_folder() == made / "skipwise"
    monkeypatch.setenv("SKIPWISE_CACHE", "~nobody-of-that-name/cache")
    with pytest.raises(SkipwiseError, match="in SKIPWISE_CACHE"):
        cache_folder()

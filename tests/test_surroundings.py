"""Every verb where a process finds little around it: no user, no home, no disk, few files, little memory.

Processes of their own, from the beginning on, since libraries look around when they are imported. Whatever is missing,
a command ends with status 0, or 2 and one sentence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skipwise.training.train import train
from tests.conftest import SMALL_RUN
from tests.fabricated import write_comparison

SOURCE = Path(__file__).parents[1] / "src"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
READING = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
"""Where Python and the packages lie in somebody's home folder, they can be read all the same."""
READ_ONLY = "mount --make-rprivate / && mount -o remount,bind,ro / "
NO_DISK = f"{READ_ONLY} && mount -t tmpfs -o ro none /dev/shm "
BARE = ["env", "-i", "PATH=/usr/bin:/bin", f"PYTHONPATH={SOURCE}", "PYTHONDONTWRITEBYTECODE=1"]
KEPT = ["env", f"PYTHONPATH={SOURCE}"]
NONSENSE = {
    "HOME": "",
    "TMPDIR": "",
    "XDG_CACHE_HOME": "",
    "SKIPWISE_MAX_PIXELS": "",
    "COLUMNS": "abc",
    "LINES": "-1",
    "OMP_NUM_THREADS": "abc",
    "LANG": "xx_YY",
    "LC_ALL": "nope",
    "TERM": "",
    "NO_COLOR": "",
    "TZ": "Nowhere/City",
    "PYTHONIOENCODING": "",
}
SMALL = ["--width", "0.25", "--epochs", "1", "--img-size", "16", "--precision", "fp32", "--no-compile"]
VERBS = {
    "models": ["models", "plain20"],
    "audit": ["audit", "{made}/pics", "-o", "{new}"],
    "train": ["train", "{made}/pics", "--model", "plain20", *SMALL, "-o", "{new}"],
    "train again": ["train", "{made}/pics", "--model", "plain20", *SMALL, "-o", "{made}/run"],
    "compare": ["compare", "{made}/pics", "--models", "plain20,resnet20", "--seeds", "2", *SMALL, "-o", "{new}"],
    "predict": ["predict", "{made}/artifact", "{made}/pics", "-o", "{new}.csv"],
    "predict run": ["predict", "{made}/run", "{made}/pics"],
    "export": ["export", "{made}/run", "-o", "{new}"],
    "export again": ["export", "{made}/run", "-o", "{made}/artifact"],
    "verify": ["verify", "{made}/artifact", "{made}/pics", "--no-timing", "-o", "{new}"],
    "profile": ["profile", "plain20", "--img-size", "16", "--stem", "small", "--width", "0.25"],
    "recommend": ["recommend", "{made}/comparison"],
    "report": ["report", "{made}/comparison", "--format", "md"],
}
QUICK = ("predict", "train again")
WRITING = {"audit", "train", "compare", "predict", "export", "verify"}


def shell(script: str) -> list[str]:
    """A command line that goes on after a script."""
    return ["bash", "-c", f'{script}; exec "$@"', "bash"]


def mounted(script: str) -> list[str]:
    """The same among mounts of its own."""
    return ["unshare", "--mount", *shell(f"{script} || exit 77")]


# What stands before the command line, and the verbs that can't but be refused there.
SURROUNDINGS: dict[str, tuple[list[str], set[str]]] = {
    "a user without name and home": ([*NOBODY, *READING, *BARE, "SKIPWISE_CACHE={work}/cache"], set()),
    "no folder for decoded images either": ([*NOBODY, *READING, *BARE], {"audit", "train", "compare"}),
    "a read-only disk": ([*mounted(READ_ONLY), *BARE, "SKIPWISE_CACHE={made}/cache"], WRITING),
    "a read-only disk and nowhere for temporary files": (
        [*mounted(NO_DISK), *NOBODY, *READING, *BARE, "SKIPWISE_CACHE={made}/cache"],
        WRITING,
    ),
    "settings that say nothing": (
        [*BARE, *(f"{k}={v}" for k, v in NONSENSE.items()), "SKIPWISE_CACHE={work}/c"],
        set(),
    ),
    "few files at once": ([*shell("ulimit -n 64"), *KEPT], set()),
    "small files only": ([*shell("ulimit -f 1"), *KEPT], WRITING),
    "a folder that is gone": ([*shell("mkdir gone && cd gone && rmdir ../gone"), *KEPT], set(VERBS)),
    "0.3 GiB of addresses": ([*shell("ulimit -v 300000"), *KEPT], set(VERBS)),
    "0.7 GiB of addresses": ([*shell("ulimit -v 700000"), *KEPT], set(VERBS) - {"predict"}),
}


@pytest.fixture(scope="module")
def made(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a run of them, an artifact of it, a finished comparison, and a cache that knows the images."""
    folder = Path(shutil.copytree(small, tmp_path_factory.mktemp("made"), dirs_exist_ok=True))
    for above in (folder, *folder.parents[:2]):
        above.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIPWISE_CACHE", str(folder / "cache"))
        assert train(folder / "pics", output=folder / "run", **SMALL_RUN).repeated
    write_comparison(folder / "comparison")
    return folder


def check(around: str, verb: str, made: Path, work: Path) -> None:
    before, refused = SURROUNDINGS[around]
    work.mkdir()
    work.chmod(0o777)
    places = {"made": made, "work": work, "new": work / "new"}
    command = [word.format(**places) for word in (*before, sys.executable, "-m", "skipwise", *VERBS[verb])]
    ended = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=300)
    if ended.returncode == 77:
        pytest.skip("nothing may be mounted here")
    said = ended.stderr
    for word in ("Traceback", "Exception ignored", "Error:", "terminate called"):
        assert word not in said, (verb, said)
    if "addresses" in around and ended.returncode == 0:
        return  # torch for other devices maps less than that for CUDA
    assert ended.returncode == (2 if verb in refused else 0), (verb, said)
    if verb in refused:
        sentences = [line for line in said.splitlines() if line.startswith("skipwise: ")]
        assert len(sentences) == 1, said
        assert sentences[0].endswith((".", "SKIPWISE_CACHE.")), said
        assert not list(work.rglob(".*.tmp")), said
    if around == "no folder for decoded images either" and verb in refused:
        assert "SKIPWISE_CACHE" in said
    shutil.rmtree(work)


@pytest.mark.parametrize(
    ("around", "verb"),
    [
        pytest.param(
            around, verb, marks=() if verb in QUICK and place % len(QUICK) == QUICK.index(verb) else pytest.mark.slow
        )
        for place, around in enumerate(SURROUNDINGS)
        for verb in VERBS
    ],
)
def test_a_verb_works_or_says_in_a_sentence_what_is_missing(around: str, verb: str, made: Path, tmp_path: Path) -> None:
    if not ROOT and {"setpriv", "unshare"} & set(SURROUNDINGS[around][0]):
        pytest.skip("only root can become somebody else")
    check(around, verb, made, tmp_path / "work")

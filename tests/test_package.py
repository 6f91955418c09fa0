"""The package as a stranger gets it: built, checked, installed into an empty environment, and used from there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import skipwise
from tests.conftest import make_photos
from tests.predicted import made, write

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCE = ROOT / "src" / "skipwise"
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
FOR_PEOPLE_WHO_CHANGE_IT = {"all", "dev", "docs"}


def brought_by(extra: str) -> set[str]:
    """The packages that an extra brings, also by way of others."""
    found: set[str] = set()
    for line in EXTRAS[extra]:
        requirement = Requirement(line)
        if requirement.name == "skipwise":
            found = found.union(*(brought_by(each) for each in requirement.extras))
        else:
            found.add(requirement.name)
    return found


def test_all_has_every_extra() -> None:
    wanted = {extra: brought_by(extra) for extra in EXTRAS.keys() - FOR_PEOPLE_WHO_CHANGE_IT}
    assert wanted["sign"] == {"cryptography"}
    assert not {extra: missing for extra, packages in wanted.items() if (missing := packages - brought_by("all"))}


def test_every_extra_that_an_error_names_exists() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    named = set(re.findall(r"extra=\"(\w+)\"|missing_extra\(\"(\w+)\"|skipwise\[(\w+)\]", text))
    found = {name for each in named for name in each if name}
    assert {"train", "export", "serve"} <= found <= EXTRAS.keys()


def test_the_page_on_installing_lists_every_extra() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    listed = {
        name for row in re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE) for name in re.findall("`(.+?)`", row)
    }
    assert listed == EXTRAS.keys() - {"dev", "docs"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution, made of a copy of what git has."""
    folder = tmp_path_factory.mktemp("package")
    copy = folder / "copy"
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", copy)
    return folder / "dist"


def run(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, status: int = 0) -> str:
    """What a program prints.

    Args:
        status: the exit status that it has to have.
    """
    ended = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr * (status != 0)


pytestmark = pytest.mark.filterwarnings("ignore:.*setup.py install:Warning")
packaged = [pytest.mark.slow, pytest.mark.package]


class TestBuilt:
    pytestmark = packaged

    def test_it_is_described_as_an_index_wants_it(self, built: Path) -> None:
        run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir())

    def test_the_wheel_has_all_that_the_package_needs_and_nothing_else(self, built: Path) -> None:
        with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
            names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        tracked = run("git", "ls-files", "src/skipwise", cwd=ROOT).splitlines()
        there = {name.removeprefix("src/") for name in tracked if (ROOT / name).is_file()}
        assert names == there
        assert {"skipwise/py.typed", "skipwise/__init__.pyi", "skipwise/pages/report.html"} <= names

    def test_the_source_distribution_gives_the_same_wheel(self, built: Path, tmp_path: Path) -> None:
        archive = next(built.glob("*.tar.gz"))
        with tarfile.open(archive) as packed:
            packed.extractall(tmp_path, filter="data")
        folder = next(tmp_path.iterdir())
        assert not {"tests", "docs", "benchmarks", "website"} & {path.name for path in folder.iterdir()}
        assert (folder / "CHANGELOG.md").is_file()
        run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path / "again", folder)
        with (
            zipfile.ZipFile(next(built.glob("*.whl"))) as wheel,
            zipfile.ZipFile(next((tmp_path / "again").iterdir())) as again,
        ):
            assert {each.filename: each.CRC for each in wheel.infolist()} == {
                each.filename: each.CRC for each in again.infolist()
            }

    def test_the_version_is_the_one_of_the_code(self, built: Path) -> None:
        with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
            about = Parser().parsestr(wheel.read(name).decode())
        assert about["Version"] == skipwise.__version__
        assert set(about.get_all("Provides-Extra")) == EXTRAS.keys()


@pytest.fixture(scope="module")
def empty(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an environment with the wheel and the packages of an extra; returns its folder of programs.

    The packages are those of the environment of the tests, one by one, so that nothing is there which the wheel does
    not ask for. "" is the base install.
    """
    places: dict[str, Path] = {}

    def made(extra: str) -> Path:
        if extra not in places:
            folder = tmp_path_factory.mktemp("environment") / (extra or "base")
            venv.create(folder, with_pip=False)
            programs = folder / ("Scripts" if os.name == "nt" else "bin")
            python = programs / "python"
            site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
            wheel = next(built.glob("*.whl"))
            run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet", wheel)
            for name in needed(extra):
                link(name, site)
            places[extra] = programs
        return places[extra]

    return made


def needed(extra: str) -> set[str]:
    """The packages that an install brings, each with those that it needs itself."""
    wanted = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    wanted += [Requirement(line) for name in ([extra] if extra else []) for line in EXTRAS[name]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = wanted.pop()
        key = (canonical(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        if key[0] == "skipwise":
            wanted += [Requirement(line) for name in requirement.extras for line in EXTRAS[name]]
            continue
        environments: list[dict[str, str]] = [{"extra": each} for each in requirement.extras] or [{"extra": ""}]
        for line in distribution(requirement.name).requires or ():
            each = Requirement(line)
            if each.marker is None or any(each.marker.evaluate(environment) for environment in environments):
                wanted.append(each)
    return {name for name, _ in seen} - {"skipwise"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def link(name: str, site: Path) -> None:
    """Puts a package of this environment into another one."""
    found = distribution(name)
    for top in {Path(file.parts[0]) for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
        there, here = site / top, Path(str(found.locate_file(top)))
        if here.is_dir() and there.is_symlink() and there.resolve() != here.resolve():
            continue
        if here.exists() and not there.exists():
            there.symlink_to(here)


class TestInstalled:
    pytestmark = packaged

    def test_the_base_install_says_what_it_can_do(self, empty: Callable[[str], Path], tmp_path: Path) -> None:
        programs = empty("")
        skipwise_ = programs / "skipwise"
        here = {"cwd": tmp_path, "env": alone()}
        assert "compare" in run(skipwise_, "--help", **here)
        assert run(skipwise_, "--version", **here).strip() == skipwise.__version__
        assert "resnet18" in run(skipwise_, "models", "resnet18", **here)
        assert run(programs / "python", "-c", "import skipwise; print(skipwise.__file__)", **here).startswith(
            str(programs.parent)
        )
        ended = run(skipwise_, "compare", "digits", **here, status=2)
        assert "pip install 'skipwise[train]'" in ended
        assert "Traceback" not in ended
        run(programs / "python", "-c", "import torch", **here, status=1)

    def test_the_base_install_judges_and_predicts(
        self, empty: Callable[[str], Path], exported: object, tmp_path: Path
    ) -> None:
        program = empty("") / "skipwise"
        make_photos(tmp_path / "photos", per_class=2)
        folder = exported.folder  # type: ignore[attr-defined]
        answers = run(program, "predict", folder, "photos", cwd=tmp_path, env=alone())
        assert len(re.findall("stripes", answers)) >= 6
        for name in ("a", "b"):
            for seed in range(2):
                write(tmp_path / f"{name}-s{seed}.csv", made(0.7 if name == "a" else 0.95, seed))
        files = sorted(path.name for path in tmp_path.glob("*.csv"))
        assert "b is better" in run(program, "judge", *files, cwd=tmp_path, env=alone())

    def test_the_main_command_of_the_readme(self, empty: Callable[[str], Path], tmp_path: Path) -> None:
        assert "make demo" in (ROOT / "README.md").read_text()
        words = re.findall(r"^\t\$\(BIN\)/(skipwise compare .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[
            0
        ].split()
        said = run(empty("all") / words[0], *words[1:], cwd=tmp_path, env=alone())
        assert "How sure:" in said
        assert next(tmp_path.glob("runs/compare/*/report.html")).stat().st_size > 10_000

    def test_type_checkers_know_every_keyword_and_what_is_returned(
        self, empty: Callable[[str], Path], tmp_path: Path
    ) -> None:
        python = empty("all") / "python"
        check = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental"]
        check += ["--python-executable", str(python)]
        (tmp_path / "right.py").write_text(RIGHT)
        assert "Success" in run(*check, "right.py", cwd=tmp_path, env=alone())
        (tmp_path / "wrong.py").write_text("".join(f"{line}\n" for line in ("import skipwise", *WRONG)))
        said = run(*check, "wrong.py", cwd=tmp_path, env=alone(), status=1)
        for number, sentence in enumerate(WRONG.values(), start=2):
            assert re.search(rf"^wrong\.py:{number}: error: .*{sentence}", said, flags=re.MULTILINE), sentence


RIGHT = """
from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import skipwise

found = skipwise.compare(Path("images"), models=["resnet18", "plain18"], seeds=2, epochs=1, width=0.25)
assert_type(found, skipwise.Comparison)
for pair in found.results.pairs:
    print(pair.a, f"{pair.low:.3f}")
assert_type(skipwise.compare("images", dry_run=True), skipwise.Planned)
assert_type(skipwise.report("runs/compare/images"), Path)
assert_type(skipwise.report("runs/compare/images", format="md"), str)
for answer in skipwise.predict("runs/export/images-onnx-fp32", "photos", top=3):
    print(answer.classes)
print(skipwise.train("images", model="resnet18", lr=0.1, time_limit="20m").folder)
"""
WRONG = {
    'skipwise.compare("images", modells=["resnet18"])': 'did you mean "models"',
    'skipwise.compare("images", seeds="two")': "No overload",
    'skipwise.train("images", "resnet18")': "Too many positional arguments",
    "skipwise.audit()": 'Missing positional argument "data"',
    'skipwise.export("run", format=3)': 'expected "str"',
    "skipwise.comapre": 'has no attribute "comapre"',
}
"""Lines, and what a type checker has to say of each."""


def alone() -> dict[str, str]:
    """The variables of this process without those that lead to this repository."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

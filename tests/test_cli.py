"""The command line as a stranger meets it: quick, torch-free where it may be, one sentence for every mistake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from skipwise.cli import app as cli
from skipwise.cli.program import as_typed
from skipwise.core.text import quoted
from tests.conftest import Run, make_photos
from tests.processes import heavy_imports


def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str | Path
) -> tuple[int, str]:
    """Exit status and standard error of a command line, in this process."""
    monkeypatch.setattr(sys, "argv", ["skipwise", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0), capsys.readouterr().err


SMALL = ("--img-size", "8", "--width", "0.0625", "--precision", "fp32")
"""What is tried on this machine before a folder is made takes a moment."""
VERBS = (
    "audit",
    "clean",
    "compare",
    "evaluate",
    "explain",
    "export",
    "gate",
    "judge",
    "models",
    "predict",
    "profile",
    "recommend",
    "report",
    "restore",
    "status",
    "study",
    "train",
    "verify",
)
HELP = """
import sys
from skipwise.cli import app as cli
sys.argv = ["skipwise", "--help"]
try:
    cli.main()
finally:
    heavy = {"torch", "numpy", "scipy", "sklearn", "PIL", "plotly", "jinja2", "onnx", "onnxruntime", "openvino"}
    print(*heavy & sys.modules.keys(), end="", file=sys.stderr)
"""


def test_help_imports_nothing_that_takes_time_and_has_an_example_for_each_verb(cli: Run) -> None:
    result = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    listed = result.stdout.partition("Commands:")[2].strip("\n").partition("\n\n")[0]
    verbs = [line.split()[0] for line in listed.splitlines()]
    assert "compare" in verbs
    assert "..." not in listed  # each sentence is whole
    for verb in verbs:
        assert f"Example: skipwise {verb}" in (said := cli(verb, "--help").stdout)
        assert "<" not in said.partition("Arguments:")[2]  # as in <list[str]>


def test_the_help_of_every_option_is_a_sentence() -> None:
    for verb in typer.main.get_command(cli.app).commands.values():  # type: ignore[attr-defined]
        for parameter in verb.params:
            text = getattr(parameter, "help", None)
            if text is not None and parameter.name != "help":
                sentence = text.partition(" [default: ")[0]
                assert sentence[:1].isupper() or sentence.startswith("html"), (verb.name, text)
                assert sentence.endswith("."), (verb.name, text)
                assert not sentence.startswith(("Of ", "As ", "With ", "For all")), (verb.name, text)


WITHOUT_TORCH = """
import importlib.abc, sys

class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
import skipwise
import skipwise.cli.app, skipwise.core.files.atomic, skipwise.core.machine.system, skipwise.pages, skipwise.statistics
import skipwise.data.image.decode, skipwise.data.prepare, skipwise.data.image.preprocess, skipwise.data.quality.findings
import skipwise.evaluation.metrics
print(skipwise.core.machine.system.describe_machine().cores)
spec = skipwise.NetworkSpec(name="resnet18")
spec.check()
for needs_torch in (lambda: skipwise.create_model, spec.build):
    try:
        needs_torch()
    except skipwise.SkipwiseError as error:
        print(error)
sys.argv = ["skipwise", "compare", "digits"]
skipwise.cli.app.main()
"""


def test_the_base_works_without_torch_and_names_the_line_that_installs_it() -> None:
    result = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, timeout=60)
    assert result.stdout.count("pip install 'skipwise[train]'") == 2
    assert result.stderr == ("skipwise: This needs torch, which is not installed; run: pip install 'skipwise[train]'\n")
    assert result.returncode == 2


def test_importing_skipwise_imports_no_torch() -> None:
    code = "import sys, skipwise, skipwise.cli.app; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


MISTAKES = [
    "comapre digits",
    "compare digits --seedz 3",
    "compare nowhere",
    "train nowhere",
    "audit nowhere",
    "export nowhere",
    "verify nowhere",
    "predict nowhere digits",
    "explain nowhere digits",
    "recommend nowhere",
    "report nowhere",
    "models nothing",
    "profile nothing",
    "profile resnet18 --width 0",
    "train digits --model resnet81",
    "train digits --recipe standart",
    "train digits --epochs 0",
    "train digits --time-limit soon",
    "train digits --epochs 1 --time-limit 1m",
    "train digits --device cpuu",
    "train digits --precision fp8",
    "train digits --stem smal",
    "train digits --init nowhere",
    "train digits --init-key model",
    "compare digits --models resnet18,resnet81",
    "compare digits --models resnet18",
    "compare digits --recipe standart",
    "compare digits --epochs 0",
    "compare digits --batch-size 1",
    "compare digits --img-size 4",
    "compare digits --time-limit soon",
    "compare digits --include nowhere",
    "compare digits --looks 5,5",
    "compare digits --extend",
    "compare digits --outcome acuracy",
    "judge nowhere.csv",
    "judge nowhere.csv --outcome acuracy",
    "gate nowhere nowhere",
]


def test_what_the_arguments_alone_tell_is_told_before_anything_heavy_is_imported(here: Path) -> None:
    fine = ["--help", "--version", "models", "models se_* --json", *(f"{verb} --help" for verb in VERBS)]
    cases = [line.split() for line in (*fine, *MISTAKES)]
    assert heavy_imports(cases, here) == [(0 if number < len(fine) else 2, []) for number in range(len(cases))]
    assert not list(here.iterdir())


def test_models_lists_every_network_with_its_paper(cli: Run) -> None:
    result = cli("models")
    assert result.returncode == 0
    for line in ("resnet110", "se_resnet18", "plain18", "mobilenet_v2", "arXiv:1512.03385", "Next:"):
        assert line in result.stdout


def test_mistyped_words_suggest_the_right_ones(capsys, monkeypatch: pytest.MonkeyPatch, photos: Path) -> None:
    for arguments, suggestion in [
        (["comapre", "digits"], "compare"),
        (["compare", "digits", "--seedz", "3"], "--seeds"),
        (["compare", "digit"], "did you mean 'digits'"),
        (["compare", photos, "--models", "resnet18,resnet81"], "did you mean 'resnet18'"),
        (["compare", photos, "--recipe", "standart"], "did you mean 'standard'"),
        (["compare", photos, "--stem", "smal"], "did you mean 'small'"),
        (["compare", photos, "--device", "cpuu"], "did you mean 'cpu'"),
    ]:
        status, error = call(capsys, monkeypatch, *arguments)
        assert status == 2, arguments
        assert suggestion in error, arguments
        assert "Traceback" not in error


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seeds", "1"], "no interval can be given"),
        (["--seeds", "0"], "no interval can be given"),
        (["--seeds", "-3"], "no interval can be given"),
        (["--seeds", "many"], "valid integer"),
        (["--models", "resnet18"], "at least two networks"),
        (["--models", "resnet18,resnet18"], "twice"),
        (["--margin", "0"], "--margin"),
        (["--margin", "nan"], "--margin"),
        (["--alpha", "1"], "--alpha"),
        (["--epochs", "0"], "--epochs"),
        (["--batch-size", "1"], "--batch-size"),
        (["--img-size", "4"], "--img-size"),
        (["--lr", "-1"], "--lr"),
        (["--width", "0"], "width"),
        (["--val-share", "0.9"], "--val-share"),
        (["--val-share", "-0.1"], "--val-share"),
        (["--workers", "0"], "--workers"),
        (["--device", "cuda"], "no cuda device"),
        (["--models", "nobody.knows:this,resnet18"], "can't be imported"),
        (["--resume"], "nothing to resume"),
        (["--seeds", "99999999999999999999"], "At most 1,000 seeds"),
        (["--seeds", "5", "--looks", "5,8"], "give one of them"),
        (["--looks", "5,5"], "--looks must be rising"),
        (["--looks", "1,2"], "the first at least 2"),
        (["--looks", "5;8"], "--looks takes rising numbers"),
        (["--outcome", "acuracy"], "did you mean 'accuracy'"),
        (["--folds", "1"], "--folds must lie between"),
        (["--folds", "3", "--tune", "lr=0.1,0.2"], "leave it or --folds out"),
        (["--folds", "3", "--val-share", "0.1"], "no validation images"),
        (["--tune", "0.1,0.2"], "--tune takes learning rates"),
        (["--tune", "lr=0.1"], "at least two learning rates"),
        (["--tune", "lr=0.1,-1"], "must be a number above 0"),
        (["--tune", "lr=0.1,0.2", "--val-share", "0"], "chooses by validation images"),
        (["--tune", "lr=0.1,0.2", "--lr", "0.1"], "give one of them"),
        (["--folds", "13"], "fewer than the 13 folds"),
        (["--tune-epochs", "2"], "is for --tune"),
        (["--time-limit", "soon"], "--time-limit"),
        (["--include", "nowhere"], "holds no finished run"),
        (["--extend"], "--extend needs --output"),
        (["--extend", "--output", "nowhere"], "no comparison in nowhere to extend"),
        (["--format", "xml"], "no format called 'xml'"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--seed", "99999999999999999999"], "--seed must be"),
        (["--output", "x" * 300], "ile name too long"),
        (["--output", "/proc/nowhere", *SMALL], "Can't write /proc/nowhere"),
        (["--output", "/dev/null", *SMALL], "Can't write /dev/null"),
    ],
)
def test_impossible_values_get_one_sentence_and_leave_nothing_behind(
    capsys, monkeypatch: pytest.MonkeyPatch, here: Path, photos: Path, options: list[str], sentence: str
) -> None:
    status, error = call(capsys, monkeypatch, "compare", photos, "--models", "resnet18,plain18", *options)
    assert status == 2
    assert sentence in error
    said = [line for line in error.splitlines() if line.startswith("skipwise: ")]
    assert len(said) == 1
    assert error.strip().endswith(said[0])
    assert not list(here.iterdir())


def test_bad_folders_get_one_sentence(capsys, monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    (here / "empty").mkdir()
    make_photos(here / "one", classes=1)
    make_photos(here / "few", per_class=2)
    make_photos(here / "bad")
    (here / "bad" / "stripes1" / "000.png").write_text("no image")
    for folder, sentence in [
        ("empty", "holds no files; give a folder"),
        ("one", "only one class"),
        ("few", "'stripes0' has 2 images, fewer than the 3 splits"),
        ("bad", "stripes1/000.png (it is not an image"),
        ("gone/away", "There is no file or folder gone/away"),
        ("x" * 300, "not a path to images"),
        ("~nobody-of-that-name/images", "not a path to images"),
    ]:
        status, error = call(capsys, monkeypatch, "compare", folder, "--output", "out")
        assert status == 2, folder
        assert sentence in error, folder
        assert "Traceback" not in error
        assert not (here / "out").exists()


def test_a_folder_that_may_not_be_written(capsys, monkeypatch: pytest.MonkeyPatch, here: Path, photos: Path) -> None:
    (here / "file").write_text("in the way")
    status, error = call(capsys, monkeypatch, "compare", photos, *SMALL, "--output", "file/out")
    assert status == 2
    assert "Can't write file/out: a part of that path is a file" in error
    (here / "mine").mkdir()
    (here / "mine" / "thesis.txt").write_text("precious")
    status, error = call(capsys, monkeypatch, "compare", photos, *SMALL, "--output", "mine")
    assert status == 2
    assert "mine is not a comparison (it holds 'thesis.txt')" in error
    assert [entry.name for entry in (here / "mine").iterdir()] == ["thesis.txt"]


def test_a_stop_that_a_library_makes_another_exception_of_is_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    from skipwise.cli import app as cli

    def work(**_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except BaseException as error:  # as torch does, where it is in the middle of a call
            raise ValueError("could not determine the shape of object type 'torch.storage.UntypedStorage'") from error

    monkeypatch.setattr(cli, "app", work)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        ("{here}/bin/skipwise", "bin/skipwise export runs/a"),
        ("{here}/skipwise/__main__.py", "{python} -m skipwise export runs/a"),
        ("{here}/pytest/__main__.py", "skipwise export runs/a"),
    ],
)
def test_a_command_to_type_next_has_the_program_as_it_was_called(
    called: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # the environment is not activated
    monkeypatch.setattr(sys, "argv", [called.format(here=tmp_path)])
    python = min(sys.executable, os.path.relpath(sys.executable), key=len)
    assert as_typed("skipwise export runs/a") == shown.format(python=python)
    assert as_typed("the same command again") == "the same command again"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (r"C:\Users\me\pets", r"C:\Users\me\pets"),
        ("my pets", '"my pets"'),
        ("C:\\my pets\\", '"C:\\my pets\\\\"'),
        ('the "best" pets', r'"the \"best\" pets"'),
        ("cats & dogs", '"cats & dogs"'),
        ("", '""'),
    ],
)
def test_a_word_is_quoted_as_the_shells_of_windows_take_it(
    word: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("skipwise.core.text.os.name", "nt")
        said = quoted(word)
    assert said == shown

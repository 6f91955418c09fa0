"""An option is declared once; the command line, the Python function and the documentation follow."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import skipwise
from skipwise.cli import app as program
from skipwise.cli.declared import Line, command
from skipwise.comparison.options import CompareOptions
from skipwise.core import options as core
from skipwise.core.errors import SkipwiseError
from skipwise.core.options import Listed, build, command_words, declared, group, option, options
from skipwise.core.signatures import takes
from skipwise.data.options import ReadingOptions
from skipwise.deploy.export.options import ExportOptions
from skipwise.deploy.formats import PRECISIONS
from skipwise.deploy.servers import SERVERS
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.training.loop.recipe import BALANCES, RECIPES, RecipeOptions
from skipwise.training.options import TrainOptions
from skipwise.training.tuning.options import TuneOptions
from skipwise.training.tuning.space import SPACE

ROOT = Path(__file__).parents[1]

KINDS: dict[str, type] = {
    name: function.takes for name in skipwise.__all__ if hasattr(function := getattr(skipwise, name), "takes")
}
"""The options of every function."""

KEPT = {
    "compare": """
        --advice --again --alpha --balance --batch-size --class-level --compile --crop-boxes --device --dry-run
        --epochs --every-pair --exclude --extend --folds --format --freeze-norms --group --group-regex
        --image-column --img-size --include --init --init-key --json --label-column --label-regex --looks --lr
        --margin --mirror --models --no-compile --no-mirror --no-pack --outcome --output --pack --plan
        --precision --pretrained --recipe --resume --save-plan --seed --seeds --skip-unread-formats --split
        --stem --strict --time-limit --tune --tune-epochs --tune-trials --tune-what --val-share --width --workers -b
        -j -o
    """,
    "recommend": """
        --costs --json --max-latency-ms --max-loss --max-macs --max-size-mb --min-accuracy
    """,
    "report": """
        --format
    """,
    "train": """
        --advice --again --balance --batch-size --class-level --compile --crop-boxes --device --epochs --exclude
        --freeze-norms --group --group-regex --image-column --img-size --init --init-key --json --label-column
        --label-regex --lr --mirror --model --no-compile --no-mirror --no-pack --output --pack --precision
        --pretrained --recipe --resume --seed --skip-unread-formats --split --stem --strict --time-limit
        --tune --tune-epochs --tune-trials --tune-what --val-share --width -b -o
    """,
    "export": """
        --class-level --classes --crop --crop-boxes --format --image-column --img-size --init-key
        --interpolation --json --label-column --label-regex --max-drop --mean --model --output --precision
        --sign --skip-unread-formats --std --stem --trust --width -o
    """,
    "verify": """
        --class-level --crop-boxes --image-column --images --json --label-column --label-regex --max-drop
        --model --no-timing --output --public-key --run --skip-unread-formats --strict --timing --trust -o
    """,
    "predict": """
        --batch-size --format --model --output --probabilities --threads --top --trust --workers -b -j -o
    """,
    "audit": """
        --again --class-level --crop-boxes --group --group-regex --image-column --json --label-column
        --label-regex --output --run --skip-unread-formats --split --strict -o
    """,
    "profile": """
        --batch-size --compile --img-size --json --num-classes --precision --stem --width -b
    """,
    "models": """
        --json
    """,
}
"""The options of version 0.1.0, which commands and scripts of users rely on."""


def verbs() -> dict[str, Any]:
    """The verbs of the command line, as typer has them."""
    return typer.main.get_command(program.app).commands  # type: ignore[attr-defined]


@options("Recipe")
class MoreRecipeOptions(RecipeOptions):
    """The recipe, with one option more: this is the one line."""

    sharpness: float | None = option(None, "How sharp the images are made.", unset="not at all", metavar="SHARE")


@options()
class MoreTrainOptions:
    """The options of a made-up verb."""

    recipe: MoreRecipeOptions = group(MoreRecipeOptions)
    reading: ReadingOptions = group(ReadingOptions)


@takes(MoreTrainOptions)
def sharpen(data: str, *, options: MoreTrainOptions, verbose: bool = False) -> tuple[str, MoreTrainOptions, bool]:
    """Sharpens.

    Args:
        data: the images.
        verbose: whether it talks.

    Raises:
        SkipwiseError: it can't.
    """
    return data, options, verbose


class TestAnOptionMore:
    def test_is_in_the_signature(self) -> None:
        parameters = inspect.signature(sharpen).parameters
        assert parameters["sharpness"].default is None
        assert parameters["sharpness"].annotation == float | None
        assert parameters["sharpness"].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters["recipe"].default == "standard"
        assert list(parameters)[:1] == ["data"]
        assert list(parameters)[-1:] == ["verbose"]
        assert "options" not in parameters

    def test_is_in_the_documentation(self) -> None:
        text = inspect.getdoc(sharpen) or ""
        entry = "    sharpness (float | None, default None): How sharp the images are made. None: not at all."
        assert entry in text
        assert text.index("data:") < text.index("verbose:") < text.index("sharpness (") < text.index("Raises:")
        assert entry in (inspect.getdoc(MoreRecipeOptions) or "")

    def test_is_in_the_object_that_the_function_gets(self) -> None:
        data, asked, verbose = sharpen("x", sharpness=0.5, verbose=True, label_column="class")
        assert (data, asked.recipe.sharpness, asked.recipe.recipe, verbose) == ("x", 0.5, "standard", True)
        assert asked.reading == ReadingOptions(label_column="class")
        assert sharpen("x")[1] == MoreTrainOptions()

    def test_is_on_the_command_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        seen: list[tuple[MoreTrainOptions, dict[str, Any], list[object]]] = []
        app = typer.Typer(add_completion=False, rich_markup_mode=None)

        def sharpen(line: Line[MoreTrainOptions], data: str) -> None:
            """Sharpen images."""
            seen.append((line.options, line.given(), line.words(without={"label_column"})))
            assert data == "x"

        command(app, sharpen, example="skipwise sharpen x")
        app(["--help"], standalone_mode=False)
        told = " ".join(capsys.readouterr().out.split())
        assert "Recipe: --recipe" in told
        assert "--sharpness SHARE How sharp the images are made. [default: not at all]" in told
        app(["x", "--sharpness", "0.5", "--label-column", "class"], standalone_mode=False)
        found, given, words = seen[0]
        assert found == build(MoreTrainOptions, {"sharpness": 0.5, "label_column": "class"})
        assert given == {"sharpness": 0.5, "label_column": "class"}
        assert words == ["x", "--sharpness", "0.5"]


def test_a_keyword_that_is_nearly_right_is_asked_about() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'model'; did you mean 'models'"):
        skipwise.compare("digits", model="resnet18")  # type: ignore[call-overload]


@pytest.mark.parametrize("name", KINDS)
def test_the_signature_of_a_function_is_its_options(name: str) -> None:
    function: Callable[..., object] = getattr(skipwise, name)
    parameters = inspect.signature(function).parameters
    for each in declared(KINDS[name]).values():
        assert parameters[each.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[each.name].default == each.default
        assert parameters[each.name].annotation is not inspect.Parameter.empty
    documented = re.findall(r"^    (\w+)(?: \(.*\))?: ", inspect.getdoc(function) or "", flags=re.MULTILINE)
    assert set(parameters) <= set(documented)
    assert not [each for each in documented if documented.count(each) > 1]
    with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument 'sedes'"):
        function(*["digits"] * sum(each.default is inspect.Parameter.empty for each in parameters.values()), sedes=3)
    if any(each.default is inspect.Parameter.empty for each in parameters.values()):
        with pytest.raises(TypeError, match=rf"{name}\(\) missing a required argument"):
            function()


def test_every_verb_that_has_a_function_takes_all_of_its_options() -> None:
    """And nothing by these names with another default or another help."""
    functions = {name: verb for name, verb in verbs().items() if name != "models"}  # which has `list_models`
    assert functions.keys() <= KINDS.keys()
    for name, verb in functions.items():
        parameters = {parameter.name: parameter for parameter in verb.params}
        for each in declared(KINDS[name]).values():
            parameter = parameters.pop(each.name)
            assert each.flag in parameter.opts
            assert parameter.help.startswith(each.help)
            assert (each.short is None) or each.short in parameter.opts
            assert parameter.multiple == each.repeated
            if each.turns_on:
                assert not parameter.secondary_opts
            elif each.kind is bool:
                assert parameter.secondary_opts == [core.flag(f"no_{each.name}")]
        cli_only = {"advice", "format", "json", "help", "own_model", "strict"}
        cli_only |= {"verify": {"output"}, "gate": {"markdown"}, "status": {"watch"}}.get(name, set())
        assert {key for key, value in parameters.items() if value.param_type_name == "option"} <= cli_only, name


@pytest.mark.parametrize("name", KEPT)
def test_no_option_is_lost(name: str) -> None:
    parameters = verbs()[name].params
    assert set(KEPT[name].split()) <= {flag for each in parameters for flag in (*each.opts, *each.secondary_opts)}


def test_every_flag_in_the_documentation_belongs_to_a_verb() -> None:
    known = {flag for verb in verbs().values() for each in verb.params for flag in (*each.opts, *each.secondary_opts)}
    known |= {"--help", "--version"}
    text = "\n".join(page.read_text() for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
    commands = re.findall(r"skipwise [a-z]+[^`\n]*", text)
    found = {flag for line in commands for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)}
    assert len(found) > 20
    assert found <= known


def test_the_help_names_what_can_be_chosen() -> None:
    for kind, name, chosen in (
        (ExportOptions, "precision", PRECISIONS),
        (ExportOptions, "serve", SERVERS),
        (RecipeOptions, "recipe", RECIPES),
        (RecipeOptions, "balance", BALANCES),
        (TuneOptions, "tune_what", SPACE),
    ):
        words = re.findall(r"[\w-]+", declared(kind)[name].help)
        assert set(chosen) <= set(words), name


def test_a_value_of_python_gives_the_words_that_give_the_value_back() -> None:
    values = {"models": ("a", "b"), "looks": (5, 8), "tune": (0.1, 0.2), "mirror": False, "pack": True, "strict": False}
    values |= {"init": ("a=none", "b=x.pth"), "seeds": None, "every_pair": True, "alpha": 0.01}
    words = command_words(CompareOptions, values)
    assert (
        words
        == (
            "--models a,b --looks 5,8 --tune lr=0.1,0.2 --no-mirror --pack --init a=none --init b=x.pth --every-pair "
            "--alpha 0.01"
        ).split()
    )
    asked = declared(CompareOptions)
    for name, word in (("models", "a,b"), ("looks", "5,8"), ("tune", "lr=0.1,0.2")):
        assert tuple(asked[name].parsed(word)) == values[name]


@pytest.mark.parametrize(
    ("name", "word", "sentence"),
    [
        ("looks", "5;8", "--looks takes rising numbers of seeds, like --looks 5,8,12; not '5;8'."),
        ("tune", "0.1,0.2", "--tune takes learning rates, like --tune lr=0.05,0.1,0.2; not '0.1,0.2'."),
    ],
)
def test_words_that_are_not_as_they_have_to_be_get_a_sentence(name: str, word: str, sentence: str) -> None:
    with pytest.raises(SkipwiseError) as error:
        declared(CompareOptions)[name].parsed(word)
    assert str(error.value) == sentence


def test_paths_are_text_in_the_object(tmp_path: Path) -> None:
    assert build(TrainOptions, {"output": tmp_path}).folder.output == str(tmp_path)
    assert str in core.typing.get_args(inspect.signature(skipwise.train).parameters["split"].annotation)


def test_options_that_can_not_be_are_refused() -> None:
    with pytest.raises(TypeError, match="has the option 'group' twice"):

        @options()
        class Twice:
            """Two groups with the same option."""

            one: ReadingOptions = group(ReadingOptions)
            other: ReadingOptions = group(ReadingOptions, only=("group",))

    with pytest.raises(TypeError, match=r"Bare\.size is declared neither"):

        @options()
        class Bare:
            """A field that nobody documents."""

            size: int = 3


def test_listed_values_may_have_spaces() -> None:
    assert Listed(of=int).parse(" 5, 8 ,", "--looks") == [5, 8]


def test_options_as_one_record_are_deprecated(tmp_path: Path) -> None:
    with (
        pytest.warns(DeprecationWarning, match="`elsewhere=` is deprecated; give its options by name") as told,
        pytest.raises(SkipwiseError, match="There is no file"),
    ):
        skipwise.export(tmp_path / "x.pth", elsewhere=ExternalWeights(model="resnet18", classes=("a", "b")))
    assert told[0].filename == __file__
    with (
        pytest.warns(DeprecationWarning, match="`reading=` is deprecated") as told,
        pytest.raises(SkipwiseError, match="no artifact"),
    ):
        skipwise.verify(tmp_path, reading=ReadingOptions(label_column="class"))
    assert told[0].filename == __file__

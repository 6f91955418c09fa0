"""Comparisons in which some networks start from weights: what is said of each, what is equal and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

import skipwise
from skipwise import SkipwiseError, create_model
from skipwise.comparison.compare import Comparison
from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.starting_weights import choose_recipes, find_starts
from skipwise.comparison.report.fairness import different, equal
from skipwise.comparison.run.images import store_weights, weights_of
from skipwise.core.files.checksums import sha256
from skipwise.data.image.preprocess import Preprocessing
from skipwise.training.folder.record import read_run
from skipwise.training.loop.recipe import RECIPES, RecipeOptions, fine_tuning
from skipwise.training.train import Trained, train
from skipwise.training.weights.starting_weights import Start
from tests.fabricated import fabricate
from tests.test_training import make_spec

SMALL = {"epochs": 1, "precision": "fp32", "compile": False}
TWO = ["resnet18", "plain18"]


@pytest.fixture(scope="module")
def first(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("first") / "run"
    return train(photos, model="resnet18", width=0.125, img_size=24, output=folder, **SMALL)


def compared(photos: Path, output: Path, **options: object) -> Comparison:
    return skipwise.compare(photos, models=TWO, seeds=2, workers=1, output=output, **SMALL | options)


@pytest.mark.usefixtures("in_this_process")
def test_a_network_from_a_run_beside_one_from_scratch(photos: Path, tmp_path: Path, first: Trained) -> None:
    """The run's width, stem and pixels are everybody's; its scale and its recipe are not."""
    found = compared(photos, tmp_path / "out", init=[first.folder])
    plan = found.plan
    assert (plan.width, plan.stem, plan.preprocessing.size, list(plan.init)) == (0.125, "small", 24, ["resnet18"])
    specs = {name: read_run(tmp_path / "out" / "runs" / f"{name}-s0").spec for name in TWO}
    ours, theirs = specs["resnet18"], specs["plain18"]
    assert (ours.init, theirs.init) == (plan.init["resnet18"].sha256, None)
    assert ours.preprocessing == first.record.spec.preprocessing
    assert replace(ours.preprocessing, mean=(), std=()) == replace(theirs.preprocessing, mean=(), std=())
    assert (ours.recipe.optimizer, ours.recipe.head_first > 0) == ("sgd", True)
    assert (theirs.recipe.optimizer, theirs.recipe.head_first) == ("muon", 0)
    for name in ("epochs", "batch_size", "min_size", "augmentation", "label_smoothing"):
        assert getattr(ours.recipe, name) == getattr(theirs.recipe, name), name
    assert {candidate.name: candidate.lr for candidate in found.results.candidates} == {
        name: spec.recipe.lr for name, spec in specs.items()
    }
    page = found.report.read_text()
    assert "The weights to start from: run (SHA-256" in page
    assert "--init resnet18=path/to/run" in page
    assert not (tmp_path / "out" / "weights.json").exists()
    # The same command is the same comparison; other weights are another.
    assert compared(photos, tmp_path / "out", init=[f"resnet18={first.folder}"]).repeated
    with pytest.raises(SkipwiseError, match="resnet18 starts from run there and from scratch here"):
        compared(photos, tmp_path / "out", width=0.125, stem="small", img_size=24)


@pytest.mark.slow
def test_processes_start_from_the_weights_too(photos: Path, tmp_path: Path, first: Trained) -> None:
    found = compared(photos, tmp_path / "out", init=[first.folder])
    assert not any(candidate.failed for candidate in found.results.candidates)


@pytest.mark.usefixtures("in_this_process")
def test_weights_that_do_not_fit_are_a_sentence_and_leave_nothing(photos: Path, here: Path, first: Trained) -> None:
    bad = create_model("plain18", num_classes=3, width=0.125, stem="small", seed=0).state_dict()
    bad["stem.0.conv.weight"] = bad["stem.0.conv.weight"] * float("nan")
    torch.save(bad, "nan.pth")
    with pytest.raises(SkipwiseError, match=r"nan\.pth holds NaN or infinite numbers in 1 of"):
        compared(photos, here / "out", width=0.125, stem="small", img_size=24, init=["plain18=nan.pth"])
    with pytest.raises(SkipwiseError, match=r"another width: its first layer has 8 channels, and this one has 16"):
        compared(photos, here / "out", width=0.25, stem="small", img_size=24, init=["plain18=nan.pth"])
    with pytest.raises(SkipwiseError, match=r"run has weights of resnet18 with the width 0\.125; leave --width out"):
        compared(photos, here / "out", width=0.25, init=[first.folder])
    assert [entry.name for entry in here.iterdir()] == ["nan.pth"]


def words_for(
    init: Sequence[str], candidates: Sequence[str] = TWO, *, pretrained: bool = False, key: str = ""
) -> object:
    return find_starts(init, [key] if key else [], candidates, pretrained=pretrained)


def test_what_is_said_of_each_network(tmp_path: Path, first: Trained) -> None:
    file = tmp_path / "a=b.pth"
    torch.save(create_model("plain18").state_dict(), file)
    both = words_for(["auto"])
    assert (both.automatic, both.pretrained, both.named) == (tuple(TWO), (), {})
    assert words_for([]).automatic == tuple(TWO)
    assert not words_for(["none"]).any
    mixed = words_for([f"plain18={file}"])
    assert (list(mixed.named), mixed.automatic) == (["plain18"], ())  # the other starts from scratch
    assert words_for([f"plain18={file}", "auto"]).automatic == ("resnet18",)
    assert words_for(["plain18=none"], pretrained=True).pretrained == ("resnet18",)
    assert words_for(["pretrained", "plain18=none"]).pretrained == ("resnet18",)
    lite = words_for([f"vgg11={file}"], ["torchvision:vgg11", "resnet18"])
    assert lite.named["torchvision:vgg11"].start.expects.size == 224
    assert words_for([f"plain18={file}"], key="ema").named["plain18"].start.key == "ema"
    assert words_for([f"plain18={file}"], key="plain18=ema").named["plain18"].start.key == "ema"
    assert words_for([str(first.folder)]).named["resnet18"].model == first.record.spec.model


@pytest.mark.parametrize(
    ("init", "options", "sentence"),
    [
        (["FILE"], {}, "Say which network .*a.pth is for, such as --init resnet18=.*a.pth"),
        (
            ["resnet50=FILE"],
            {},
            "no network called 'resnet50' in this comparison to take .*; it has resnet18 and plain18",
        ),
        (["resnet18=FILE", "resnet18=none"], {}, "resnet18 can't start from two things"),
        (["RUN", "resnet18=none"], {}, "resnet18 can't start from two things"),
        (["RUN"], {"candidates": ["plain18", "resnet34"]}, "is a run of resnet18, which does not take part; add it to"),
        (["plain18=RUN"], {}, "is a run of resnet18, not of plain18"),
        (["none"], {"pretrained": True}, "All networks can't start from pretrained and from none"),
        (["pretrained"], {}, "No weights are published for 'plain18'"),
        (
            ["vgg11=none"],
            {"candidates": ["torchvision:vgg11", "timm:vgg11"]},
            "'vgg11' is torchvision:vgg11 and timm:vgg11",
        ),
        (["none"], {"key": "ema"}, "--init-key takes one key for all files of --init"),
        (["none"], {"key": "resnet18=ema"}, "--init-key is for --init with a file, and resnet18 has none"),
        (["resnet18=nowhere.pth"], {}, "There is no file nowhere.pth"),
    ],
)
def test_what_can_not_be_is_a_sentence(
    init: list[str], options: dict[str, object], sentence: str, tmp_path: Path, first: Trained
) -> None:
    torch.save(create_model("resnet18", seed=0).state_dict(), tmp_path / "a.pth")
    init = [word.replace("FILE", str(tmp_path / "a.pth")).replace("RUN", str(first.folder)) for word in init]
    with pytest.raises(SkipwiseError, match=sentence):
        words_for(init, **options)


def test_stems_and_widths_of_weights_have_to_agree(first: Trained) -> None:
    starts = words_for([str(first.folder), "resnet34=pretrained"], ["resnet18", "resnet34"])
    with pytest.raises(SkipwiseError, match=r"another stem each \(small for resnet18 and imagenet for resnet34\)"):
        starts.agreed("auto", None)
    assert words_for(["resnet18=pretrained"], TWO).agreed("auto", None) == ("imagenet", 1.0)
    assert words_for(["none"], TWO).agreed("auto", None) == ("auto", 1.0)


def test_recipes_of_a_mixed_comparison_take_as_many_steps_on_as_large_images() -> None:
    chosen = {"mirrors": True, "images": 4000}
    scratch, tuned = choose_recipes(RecipeOptions(), ["a"], ["a", "b"], **chosen)
    assert tuned is not None
    assert (scratch.epochs, scratch.batch_size, scratch.min_size) == (tuned.epochs, tuned.batch_size, tuned.min_size)
    assert (scratch.epochs, scratch.optimizer, tuned.optimizer) == (30, "muon", "sgd")
    frozen = RecipeOptions(recipe="fast", freeze_norms=True)
    assert [r.freeze_norms for r in choose_recipes(frozen, ["a"], ["a", "b"], **chosen) if r] == [False, True]
    for starting, candidates, optimizer in ((["a", "b"], ["a", "b"], "sgd"), ([], ["a", "b"], "muon")):
        alone, other = choose_recipes(RecipeOptions(), starting, candidates, **chosen)
        assert (alone.optimizer, other) == (optimizer, None)
    with pytest.raises(
        SkipwiseError, match="--lr can't suit networks that start from weights and those that start from"
    ):
        choose_recipes(RecipeOptions(lr=0.1), ["a"], ["a", "b"], **chosen)


def plan_of(**options: object) -> Plan:
    return replace(fabricate(("resnet18", "se_resnet18"), failed=None, tuned=False).plan, **options)


EXPECTED = Preprocessing(size=224, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3, crop=0.875)
START = Start(name="a.pth", url="https://x.org/a-12345678.pth", sha256="12345678" * 8, expects=EXPECTED)


def test_what_differs_is_listed_and_what_is_equal_too() -> None:
    results = fabricate(("resnet18", "se_resnet18"), failed=None, tuned=False).results
    plan = plan_of(init={"resnet18": START}, fine_tuning=fine_tuning(RECIPES["standard"]))
    alike, apart = " ".join(equal(plan)), " ".join(different(plan, results))
    assert "weights from elsewhere, with a new last layer, for resnet18" in alike
    assert "optimizer and learning rate differ, see below" in alike
    assert "https://x.org/a-12345678.pth (SHA-256 12345678...) for resnet18; none for se_resnet18" in apart
    assert "The optimization: resnet18 fine-tuned (SGD" in apart
    assert "0.5, 0.5, 0.5 and 0.5, 0.5, 0.5 for resnet18" in apart
    assert "All networks see the same pixels (32 x 32 pixels" in apart
    both = plan_of(init=dict.fromkeys(("resnet18", "se_resnet18"), START))
    assert "Start: published ImageNet weights" in " ".join(equal(both))
    assert "--init pretrained" in command(both)
    assert "The optimization" not in " ".join(different(both, results))
    assert "--init resnet18=pretrained" in command(plan)
    assert "--lr" not in command(plan)


def test_a_plan_of_an_earlier_version_reads_as_it_was_written() -> None:
    """It said `pretrained`, and had no weights by name; its digest is that of what was written then."""
    plan = plan_of(pretrained=True)
    written = msgspec.json.decode(msgspec.json.encode(plan))
    for later in ("init", "fine_tuning"):
        del written[later]
    read = msgspec.convert(written, Plan)
    assert read == plan
    assert read.digest() == plan.digest() != plan_of(pretrained=True, init={"resnet18": START}).digest()
    assert "Start: published ImageNet weights" in " ".join(equal(read))
    named = plan_of(init={"resnet18": START})
    renamed = plan_of(init={"resnet18": replace(START, name="b.pth")})
    other = plan_of(init={"resnet18": replace(START, sha256="87654321" * 8)})
    assert named.digest() == renamed.digest() != other.digest()
    assert named.same_as(renamed)
    assert not named.same_as(other)
    assert named.difference(other) == "resnet18 starts from a.pth there and from a.pth here (another file of that name)"


def test_a_file_that_was_changed_meanwhile_is_not_started_from(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    torch.save(create_model("resnet20", seed=0).state_dict(), file)
    digest = sha256(file)
    spec = make_spec(init=digest)
    store_weights(tmp_path, {digest: file})
    assert weights_of(tmp_path, spec) == file
    assert weights_of(tmp_path, make_spec()) is None
    file.write_bytes(b"another")
    with pytest.raises(SkipwiseError, match=r"are gone from .*, or were changed; put them back"):
        weights_of(tmp_path, spec)

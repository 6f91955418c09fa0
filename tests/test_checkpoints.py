"""Files of weights as other programs write them: which weights are taken, under which names, and what is said."""

from __future__ import annotations

import argparse
import collections
import functools
import pathlib
import sys
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

import skipwise
from skipwise import SkipwiseError, create_model, load_weights
from skipwise.nets.weights.loading import Loaded
from skipwise.training.callbacks import Callback
from skipwise.training.weights.starting_weights import find_start
from tests.loading import load_tensors
from tests.test_weights import perturbed

CLASSES = 3


@functools.cache
def network(seed: int, classes: int = CLASSES, name: str = "plain20") -> nn.Module:
    """Not to be changed."""
    return perturbed(create_model(name, num_classes=classes, width=0.25, seed=seed))


def weights(seed: int, prefix: str = "", *, classes: int = CLASSES, name: str = "plain20") -> dict[str, Tensor]:
    """Those of a network that `seed` tells from the others."""
    state = network(seed, classes, name).state_dict()
    return {prefix + name: tensor for name, tensor in state.items()}


def backbone_and_head(seed: int) -> dict[str, Tensor]:
    """As OpenMMLab names them."""
    return {
        name.replace("classifier.", "head.fc.") if name.startswith("classifier.") else f"backbone.{name}": tensor
        for name, tensor in weights(seed).items()
    }


def averaged(seed: int) -> dict[str, Tensor]:
    """As torch.optim.swa_utils.AveragedModel saves it, and so torchvision."""
    return dict(torch.optim.swa_utils.AveragedModel(network(seed)).state_dict())


def optimizer() -> dict[str, object]:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    made = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    made.step()
    return made.state_dict()


def load(
    path: Path, content: Mapping[str, object], *, key: str | None = None, new_head: bool = False
) -> tuple[int | None, Loaded]:
    """Which seed's weights are loaded from a file of `content`."""
    torch.save(content, path)
    model = create_model("plain20", num_classes=CLASSES, width=0.25, seed=99)
    loaded = load_weights(model, path, key=key, new_head=new_head)
    first = model.state_dict()["stem.0.conv.weight"]
    return next(seed for seed in (1, 2, 99) if torch.equal(first, weights(seed)["stem.0.conv.weight"])), loaded


TIMM = {
    "epoch": 3,
    "arch": "plain20",
    "state_dict": weights(1),
    "optimizer": optimizer(),
    "state_dict_ema": weights(2),
    "args": argparse.Namespace(lr=0.1, output=pathlib.PurePosixPath("x"), mean=(0.5,)),
    "metric": np.float64(91.2),
}


@pytest.mark.parametrize(
    ("content", "seed", "said"),
    [
        (
            TIMM,
            2,
            "state_dict_ema is used, since timm reports the accuracy of this moving average; for the other, add "
            "--init-key state_dict",
        ),
        (
            {
                "model": weights(1),
                "model_ema": averaged(2),
                "lr_scheduler": {"last_epoch": 3},
                "optimizer": optimizer(),
            },
            2,
            "model_ema is used, since torchvision's",
        ),
        ({"model": weights(1), "ema": weights(2), "updates": 7}, 2, "ema is used, since Ultralytics"),
        (
            {"state_dict": weights(2), "current_model_state": weights(1), "averaging_state": {"n": torch.tensor(3)}},
            2,
            "state_dict is used, since Lightning keeps its averaged weights there",
        ),
        (
            {"state_dict": backbone_and_head(2), "ema_state_dict": averaged(1), "meta": {"mmengine_version": "0.10"}},
            2,
            "state_dict is used, since OpenMMLab keeps its averaged weights there",
        ),
        (
            {"teacher": weights(2, "backbone."), "student": weights(1, "module.backbone."), "dino_loss": {}},
            2,
            "teacher is used, since DINO",
        ),
        (
            {"params": weights(1), "params_ema": weights(2)},
            1,
            "params is used; for the other, add --init-key params_ema",
        ),
        ({"net": weights(1), "swa_state": weights(2)}, 1, "net is used; for the other, add --init-key swa_state"),
        ({"state_dict": weights(1, "net.") | weights(2, "net_ema.")}, 1, "state_dict.net is used"),
        (weights(1) | weights(2, "ema_model.module."), 1, "add --init-key ema_model"),
        ({"student": weights(1), "teacher": weights(2, name="plain56")}, 1, "teacher does not fit this network"),
    ],
)
def test_of_several_sets_the_one_is_taken_that_its_program_reports_and_that_is_said(
    content: dict[str, object], seed: int, said: str, tmp_path: Path
) -> None:
    found, loaded = load(tmp_path / "weights.pth", content)
    assert found == seed
    assert said in loaded.notes[0], loaded.notes
    assert str(tmp_path / "weights.pth") in loaded.notes[0]
    # The key it gives leads to the same weights.
    if loaded.key:
        assert load(tmp_path / "weights.pth", content, key=loaded.key)[0] == seed


@pytest.mark.parametrize(
    ("content", "key", "seed"),
    [
        (TIMM, "state_dict", 1),
        (TIMM, "state_dict_ema", 2),
        ({"a": {"b": {"c.d": weights(1)}}, "e": weights(2)}, "a.b.c.d", 1),
        ({"a": {"b": weights(1)}, "e": weights(2)}, "a", 1),
        ({"state_dict": weights(1, "net.") | weights(2, "net_ema.")}, "state_dict.net_ema", 2),
        ({"state_dict": weights(1, "module.q.") | weights(2, "module.k.")}, "state_dict.k", 2),
        (weights(1, "student.") | weights(2, "teacher."), "teacher", 2),
        ({"model": weights(1), "decoder": weights(2, name="plain56")}, "model", 1),
        (weights(1, "encoder.") | weights(2, "decoder.", name="plain56"), "encoder", 1),
    ],
)
def test_a_key_chooses(content: dict[str, object], key: str, seed: int, tmp_path: Path) -> None:
    found, loaded = load(tmp_path / "weights.pth", content, key=key)
    assert (found, loaded.key) == (seed, "a.b" if key == "a" else key)


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ({"student": weights(1), "teacher": weights(2)}, ["student", "teacher"]),
        ({"model": weights(1), "best_model": weights(2)}, ["model", "best_model"]),
        ({"state_dict": weights(1, "module.q.") | weights(2, "module.k.")}, ["state_dict.q", "state_dict.k"]),
        (weights(1, "encoder.") | weights(2, "decoder.", name="plain56"), ["encoder"]),
    ],
)
def test_where_nothing_says_which_the_keys_are_listed_and_each_will_do(
    content: dict[str, object], keys: list[str], tmp_path: Path
) -> None:
    with pytest.raises(SkipwiseError, match="--init-key") as caught:
        load(tmp_path / "weights.pth", content)
    for seed, key in enumerate(keys, 1):
        assert key in str(caught.value)
        assert load(tmp_path / "weights.pth", content, key=key)[0] == seed


def test_a_key_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    sentence = r"has no weights under 'ema'; it has state_dict \(\d+ tensors.*state_dict_ema \(\d+ tensors"
    with pytest.raises(SkipwiseError, match=sentence):
        load(tmp_path / "weights.pth", TIMM, key="ema")


def test_the_same_weights_twice_are_one_set(tmp_path: Path) -> None:
    shared = weights(1)
    assert load(tmp_path / "weights.pth", {"model": shared, "state_dict": shared})[1].notes == ()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["model", "backbone", "net", "encoder", "module", "_orig_mod", "x1"]), max_size=4))
def test_a_prefix_of_all_names_is_removed(parts: list[str]) -> None:
    prefix = "".join(f"{part}." for part in parts)
    model = create_model("plain20", num_classes=CLASSES, width=0.25, seed=99)
    loaded = load_tensors(model, weights(1, prefix), source="x.pth")
    assert all(torch.equal(tensor, weights(1)[name]) for name, tensor in model.state_dict().items())
    spoken_of = set(parts) - {"module", "_orig_mod"}
    assert loaded.notes == ((f"x.pth: the prefix {prefix} is removed from the names.",) if spoken_of else ())


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("head", ["head.fc.", "fc.", "classifier.1."])
def test_a_last_layer_that_is_kept_apart_from_its_backbone_is_found(external: bool, head: str) -> None:
    import torchvision

    theirs = torchvision.models.resnet18(num_classes=CLASSES)
    named = {
        head + name.removeprefix("fc.") if name.startswith("fc.") else f"backbone.{name}": tensor
        for name, tensor in theirs.state_dict().items()
    }
    ours = create_model("torchvision:resnet18" if external else "resnet18", num_classes=CLASSES, seed=0)
    loaded = load_tensors(ours, named, source="x.pth")
    assert f"{head}bias and {head}weight are used as the last layer" in loaded.notes[-1]
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), atol=1e-4, rtol=1e-4)


def test_what_else_a_program_keeps_among_the_weights_is_left_out_and_more_is_not(tmp_path: Path) -> None:
    found, loaded = load(
        tmp_path / "a.ckpt", {"state_dict": weights(1, "model.") | {"criterion.weight": torch.ones(3)}}
    )
    assert (found, "criterion.weight is ignored" in loaded.notes[0]) == (1, True)
    for more in ({"norm.weight": torch.ones(3)}, {"projection.weight": torch.ones(3, 4)}):
        with pytest.raises(SkipwiseError, match=f"under model. fit, but there is also {next(iter(more))}"):
            load(tmp_path / "a.ckpt", {"state_dict": weights(1, "model.") | more})
    with pytest.raises(SkipwiseError, match=r"it also has norm\.weight \(3\)"):
        load(tmp_path / "a.ckpt", weights(1) | {"norm.weight": torch.ones(3)})


def test_two_last_layers_are_not_one(tmp_path: Path) -> None:
    twice = weights(1) | {"linear.weight": torch.ones(CLASSES, 16), "linear.bias": torch.ones(CLASSES)}
    with pytest.raises(SkipwiseError, match=r"it also has linear\.weight \(3x16\)"):
        load(tmp_path / "a.pth", twice)


def test_a_backbone_without_a_last_layer_gets_a_new_one_to_start_from_and_only_then(tmp_path: Path) -> None:
    bare = {name: tensor for name, tensor in weights(1).items() if not name.startswith("classifier.")}
    found, loaded = load(tmp_path / "a.pth", bare, new_head=True)
    assert (found, "it has no last layer, so a new one is made" in loaded.notes[0]) == (1, True)
    with pytest.raises(SkipwiseError, match=r"it lacks classifier\.weight"):
        load(tmp_path / "a.pth", bare)


def test_what_does_not_fit_is_shown_by_the_names_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError) as caught:
        load(tmp_path / "a.ckpt", {"state_dict": weights(1, "model.", name="plain56")})
    assert "under state_dict, does not fit" in str(caught.value)
    assert "Its names are model.stem.0.conv.weight, " in str(caught.value)
    assert "the prefix model. was removed" in str(caught.value)
    assert "lacks" not in str(caught.value)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8])
def test_weights_of_any_precision_are_converted(kind: torch.dtype, tmp_path: Path) -> None:
    given_ = {name: (8 * tensor).abs().round().to(kind) for name, tensor in weights(1).items()}
    torch.save(given_, tmp_path / "a.pth")
    model = create_model("plain20", num_classes=CLASSES, width=0.25, seed=99)
    loaded = load_weights(model, tmp_path / "a.pth")
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == (torch.int64 if name.endswith("tracked") else torch.float32)
        assert torch.equal(tensor.double(), given_[name].double()), name
    whole = not kind.is_floating_point
    assert any("holds integers" in note for note in loaded.notes) == whole


def with_(name: str, value: object) -> dict[str, Tensor]:
    """Weights with one tensor changed: multiplied, or filled."""
    tensors = weights(1)
    tensors[name] = value if isinstance(value, Tensor) else torch.full_like(tensors[name], float(value))  # type: ignore[arg-type]
    return tensors


ONE_NAN = weights(1)["classifier.weight"].clone()
ONE_NAN[1, 2] = float("nan")
VARIANCE = "stages.0.0.branch.0.norm.running_var"


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        (
            with_("classifier.weight", ONE_NAN),
            r"NaN or infinite numbers in 1 of \d+ tensors: classifier.weight \(1 ",
        ),
        (with_("classifier.bias", float("-inf")), r"classifier.bias \(3 of 3\)"),
        (with_("stem.0.conv.weight", weights(1)["stem.0.conv.weight"].double() * 1e300), "stem.0.conv.weight"),
        (with_(VARIANCE, float("nan")), "NaN or infinite"),
        (with_(VARIANCE, -0.5), rf"negative variances in {VARIANCE} \(8 of 8\)"),
        (with_(VARIANCE, 0.0), f"only zeros in {VARIANCE}: the running statistics"),
        ({name: 0 * t if t.ndim > 1 else t for name, t in weights(1).items()}, "only zeros in all its weights"),
        (with_("stem.0.conv.weight", weights(1)["stem.0.conv.weight"].to(torch.complex64)), "holds complex numbers"),
        (with_("stem.0.conv.weight", weights(1)["stem.0.conv.weight"].to("meta")), "has a shape but no values"),
    ],
)
def test_numbers_that_no_network_has_are_refused_by_name_and_nothing_is_loaded(
    tensors: dict[str, Tensor], sentence: str
) -> None:
    model = create_model("plain20", num_classes=CLASSES, width=0.25, seed=99)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(SkipwiseError, match=sentence):
        load_tensors(model, tensors, source="x.pth")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_file_s_own_names_are_given_for_what_is_wrong_in_it() -> None:
    import torchvision

    theirs = torchvision.models.resnet18(num_classes=CLASSES).state_dict()
    theirs["layer1.0.conv2.weight"][0, 0, 0, 0] = float("inf")
    with pytest.raises(SkipwiseError, match=r"layer1\.0\.conv2\.weight \(1 of 36,864\)"):
        load_tensors(create_model("resnet18", num_classes=CLASSES), theirs, source="x.pth")


def test_numbers_of_a_last_layer_that_is_made_anew_do_not_matter() -> None:
    other = weights(1, classes=7)
    other["classifier.weight"] = other["classifier.weight"] * float("nan")
    model = create_model("plain20", num_classes=CLASSES, width=0.25, seed=99)
    load_tensors(model, other, source="x.pth", new_head=True)
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_a_buffer_that_is_infinite_by_nature_is_none_of_these() -> None:
    class Masked(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 3)
            self.register_buffer("mask", torch.full((3, 3), float("-inf")).triu(1))

    load_tensors(Masked(), Masked().state_dict(), source="x.pth")
    with pytest.raises(SkipwiseError, match=r"bias \(3 of 3\)"):
        load_tensors(Masked(), Masked().state_dict() | {"bias": torch.full((3,), float("inf"))}, source="x.pth")


def test_weights_that_were_never_trained_are_pointed_out() -> None:
    fresh = create_model("plain20", num_classes=CLASSES, width=0.25, seed=1)
    again = create_model("plain20", num_classes=CLASSES, width=0.25, seed=2)
    assert "look untrained" in load_tensors(again, fresh.state_dict(), source="x.pth").notes[0]
    assert load_tensors(again, weights(1), source="x.pth").notes == ()


def test_what_programs_save_beside_their_weights_is_neither_imported_nor_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("omegaconf.dictconfig")

    class DictConfig:
        def __init__(self) -> None:
            self.__dict__["_content"] = {"lr": 0.1}

        def __setstate__(self, _: object) -> None:
            raise AssertionError("it was called")

    DictConfig.__module__, DictConfig.__qualname__ = "omegaconf.dictconfig", "DictConfig"
    module.DictConfig = DictConfig  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))
        patch.setitem(sys.modules, "omegaconf.dictconfig", module)
        content = {
            "state_dict": weights(1, "model."),
            "hyper_parameters": DictConfig(),
            "times": collections.defaultdict(list, a=[1]),
            "accuracy": np.float32(0.5),
            "history": np.arange(4),
            "folder": Path("x"),
        }
        torch.save(content, tmp_path / "a.ckpt")
    model = create_model("plain20", num_classes=CLASSES, width=0.25, seed=99)
    load_weights(model, tmp_path / "a.ckpt")
    assert torch.equal(model.state_dict()["classifier.bias"], weights(1)["classifier.bias"])
    assert not any(name.startswith("omegaconf") for name in sys.modules)


def test_files_that_are_something_else_are_called_what_they_are(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning):
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "program.pt")
    (tmp_path / "pointer.pth").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (tmp_path / "pointer.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (tmp_path / "page.pth").write_text("\n<!DOCTYPE html><title>404</title>")
    (tmp_path / "keras.pth").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    torch.save({"optimizer": optimizer(), "epoch": 3}, tmp_path / "half.pth")
    torch.save(network(1), tmp_path / "module.pth")
    for name, sentence in [
        ("program.pt", r"is a TorchScript program, not weights; save its weights"),
        ("pointer.pth", "is a Git LFS pointer, not the file itself; run: git lfs pull"),
        ("pointer.safetensors", "is a Git LFS pointer"),
        ("page.pth", "is a web page"),
        ("keras.pth", "is an HDF5 file"),
        ("half.pth", "holds no state dict"),
        ("module.pth", r"only be read by running code that it contains \(skipwise\.nets\.network\.Network\)"),
        ("~nobody-of-that-name/a.pth", "There is no home folder for"),
    ]:
        path = name if "/" in name else tmp_path / name
        with pytest.raises(SkipwiseError, match=sentence) as caught:
            load_weights(network(1), path)
        for advice in ("weights_only", "torch.load`", "add_safe_globals", "In PyTorch 2"):
            assert advice not in str(caught.value)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(weights(1), tmp_path / "a.pth")
    save_file(weights(1), tmp_path / "a.safetensors")

    def refused(*_: object, **__: object) -> None:  # permission bits mean nothing to root
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(torch, "load", refused)
    monkeypatch.setattr("safetensors.torch.load_file", refused)
    for name in ("a.pth", "a.safetensors"):
        with pytest.raises(SkipwiseError, match=rf"Can't read .*{name}: Permission denied"):
            load_weights(network(1), tmp_path / name)


def test_a_run_says_which_weights_it_starts_from_and_other_weights_are_another_run(
    photos: Path, tmp_path: Path
) -> None:
    torch.save(TIMM, tmp_path / "timm.pth")
    options = {"model": "plain20", "width": 0.25, "epochs": 1, "img_size": 16, "stem": "small", "precision": "fp32"}
    said: list[str] = []

    class Watch(Callback):
        def on_notice(self, sentence: str) -> None:
            said.append(sentence)

    run = skipwise.train(
        photos, init=tmp_path / "timm.pth", output=tmp_path / "run", callbacks=[Watch()], compile=False, **options
    )
    assert any("state_dict_ema is used, since timm" in sentence for sentence in said)
    assert run.record.spec.init_key is None
    with pytest.raises(SkipwiseError, match="init_key is None there and state_dict here"):
        skipwise.train(
            photos, init=tmp_path / "timm.pth", init_key="state_dict", output=tmp_path / "run", compile=False, **options
        )
    with pytest.raises(SkipwiseError, match="--init-key is for --init"):
        skipwise.train(photos, init_key="state_dict", **options)
    with pytest.raises(SkipwiseError, match="--init-key is for files that hold several weights"):
        find_start(run.folder, "state_dict")


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_not_unpacked(tmp_path: Path) -> None:
    torch.save(weights(1), tmp_path / "sound.pth")
    with (
        zipfile.ZipFile(tmp_path / "sound.pth") as sound,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in sound.namelist():
            bomb.writestr(name, sound.read(name))
        bomb.writestr("sound/data/999", bytes(2**27))
    with pytest.raises(SkipwiseError, match=r"bomb\.pth unpacks to .*, far more than its own size"):
        load_weights(network(1), tmp_path / "bomb.pth")

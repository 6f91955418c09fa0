"""Folders for the Hugging Face Hub: timm and Skipwise read them alike, and a hub on this machine has them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch

import skipwise
from skipwise.core.errors import NotTrusted, SkipwiseError
from skipwise.deploy.hub.timm_copy import NAMES, TOLERANCE, timm_copy
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.trained.trained_network import TrainedNetwork, network_of_file, network_of_hub
from skipwise.nets.spec import NetworkSpec
from skipwise.nets.weights.loading import load_weights
from tests.conftest import Run, make_photos, making
from tests.hub_server import Hub, fake_hub

TOKEN = "hf_" + "x" * 34
SIZE = 32


def network_with_statistics(
    model: str, *, stem: str = "imagenet", width: float = 1.0, classes: int = 5
) -> torch.nn.Module:
    """A network whose weights and norms have all kinds of values."""
    module = NetworkSpec(name=model, num_classes=classes, stem=stem, width=width).build(seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith(("norm.weight", "running_var")):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + 0.5)
            elif name.endswith(("norm.bias", "running_mean", "bias")):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return module.eval()


def described(model: str, file: Path, **options: object) -> TrainedNetwork:
    weights = ExternalWeights(model=model, classes=list("abcde"), img_size=SIZE, **options)  # type: ignore[arg-type]
    return network_of_file(file, weights)


@pytest.mark.parametrize(
    "model",
    [
        "se_resnet18",
        pytest.param("mobilenet_v2", marks=pytest.mark.slow),
        *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name not in ("se_resnet18", "mobilenet_v2")),
    ],
)
def test_timm_has_the_same_network(model: str, tmp_path: Path) -> None:
    import timm
    from safetensors.torch import save_file

    module = network_with_statistics(model)
    file = tmp_path / "weights.safetensors"
    save_file(module.state_dict(), file)
    copy = timm_copy(described(model, file), module)
    assert copy.name == NAMES[model], copy.why
    theirs = timm.create_model(copy.name, num_classes=5).eval()
    theirs.load_state_dict(copy.tensors)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        ours, other = module(images), theirs(images)
    assert (ours - other).abs().max() <= TOLERANCE * ours.abs().max().clamp(min=1)
    save_file(copy.tensors, tmp_path / "timm.safetensors")
    again = NetworkSpec(name=model, num_classes=5, stem="imagenet").build(seed=3)
    load_weights(again, tmp_path / "timm.safetensors")
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in again.state_dict().items())


def test_what_timm_has_not_is_said(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    for model, options, why in (
        ("plain18", {}, "timm has no plain18"),
        ("resnet18", {"stem": "small"}, "timm has resnet18 without the small stem"),
        ("resnet18", {"width": 0.25}, "timm has no resnet18 of width 0.25"),
    ):
        module = NetworkSpec(name=model, num_classes=5, **{"stem": "imagenet", **options}).build(seed=0).eval()
        save_file(module.state_dict(), tmp_path / "weights.safetensors")
        copy = timm_copy(described(model, tmp_path / "weights.safetensors", **options), module)
        assert (copy.name, copy.why) == (None, why)
    module = network_with_statistics("resnet18")
    with torch.no_grad():  # a network that is not what its name says
        module.stem[0].norm.eps = 0.5
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    assert timm_copy(described("resnet18", tmp_path / "weights.safetensors"), module).why == (
        "timm's resnet18 computes something else"
    )


@pytest.fixture(scope="module")
def hub_folder(shared: Path) -> Path:
    """The folder for the Hub of a small run with the ImageNet stem; not to be changed."""
    with making(shared / "hub") as folder:
        images = folder / "stripes"
        if not images.exists():
            make_photos(images, per_class=20)
        options = {"model": "mobilenet_v2", "stem": "imagenet", "epochs": 2, "img_size": SIZE, "precision": "fp32"}
        run = skipwise.train(images, output=folder / "run", compile=False, **options)
        made = skipwise.export(run.folder, output=folder / "artifact", huggingface=True)
    assert made.hub is not None
    return made.hub


@pytest.mark.slow
def test_timm_and_skipwise_read_the_folder_alike(hub_folder: Path) -> None:
    import timm
    from huggingface_hub import ModelCard

    run = hub_folder.parent.parent / "run"
    loaded, trained = skipwise.load(hub_folder), skipwise.load(run)
    assert (loaded.classes, loaded.preprocessing) == (trained.classes, trained.preprocessing)
    theirs = timm.create_model(f"local-dir:{hub_folder}", pretrained=True).eval()
    images = torch.randn(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = trained.module()(images)
        assert torch.equal(loaded.module()(images), expected)
        torch.testing.assert_close(theirs(images), expected, rtol=1e-4, atol=1e-5)
    config = timm.data.resolve_model_data_config(theirs)
    assert tuple(config["mean"]) == trained.preprocessing.mean
    assert config["input_size"] == (3, SIZE, SIZE)
    assert theirs.pretrained_cfg["label_names"] == list(trained.classes)
    card = ModelCard.load(hub_folder / "README.md")
    assert (card.data.library_name, card.data.pipeline_tag) == ("timm", "image-classification")
    (result,) = card.data.eval_results
    assert result.metric_value == pytest.approx(trained.test_accuracy, abs=1e-4)
    for part in (
        "Intended use",
        "How to use it",
        "Data",
        "How good it is",
        "Class by class",
        "Limits",
        "Certificate",
        "not known",
    ):
        assert f"{part}\n" in card.text
    for name in trained.classes:
        assert f"| {name} | " in card.text


@pytest.mark.slow
def test_it_is_evaluated_exported_and_started_from(hub_folder: Path, tmp_path: Path) -> None:
    home = hub_folder.parent.parent
    of_run = skipwise.evaluate(home / "run", output=tmp_path / "run").evaluation
    found = skipwise.evaluate(hub_folder, home / "stripes", output=tmp_path / "hub").evaluation
    assert found.images == 60
    assert found.classes == of_run.classes
    with pytest.raises(SkipwiseError, match="does not say on which images to evaluate it"):
        skipwise.evaluate(hub_folder)
    started = skipwise.train(home / "stripes", init=hub_folder, epochs=1, output=tmp_path / "next", precision="fp32")
    assert started.record.spec.model == "mobilenet_v2"
    assert started.record.spec.preprocessing.size == SIZE
    made = skipwise.export(hub_folder, output=tmp_path / "again")
    assert made.artifact.classes == found.classes


@pytest.mark.slow
def test_an_edited_card_is_kept(hub_folder: Path, tmp_path: Path) -> None:
    home = hub_folder.parent.parent
    shutil.copytree(home / "artifact", tmp_path / "artifact")
    card = tmp_path / "artifact/huggingface/README.md"
    card.write_text(card.read_text() + "\nMade with care.\n")
    skipwise.export(home / "run", output=tmp_path / "artifact", huggingface=True)
    assert card.read_text().endswith("Made with care.\n")


@pytest.mark.slow
def test_a_folder_that_is_not_right_is_refused(hub_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(hub_folder, folder)
    config = json.loads((folder / "config.json").read_text())

    def spoiled(**changes: object) -> Path:
        (folder / "config.json").write_text(json.dumps(config | {"skipwise": config["skipwise"] | changes}))
        return folder

    with pytest.raises(SkipwiseError, match="was written by a newer Skipwise"):
        skipwise.load(spoiled(format=2))
    with pytest.raises(SkipwiseError, match="is damaged"):
        skipwise.load(spoiled(classes=["a", "a"]))
    with pytest.raises(SkipwiseError, match=r"has not the weights that config.json is about"):
        skipwise.load(spoiled(weights="0" * 64))
    with pytest.raises(NotTrusted, match="is Python code that would have to run"):
        skipwise.load(spoiled(model="os:system"))
    (folder / "config.json").write_text(json.dumps({name: config[name] for name in config.keys() - {"skipwise"}}))
    with pytest.raises(
        SkipwiseError, match=r"was not exported by Skipwise.*--model timm:mobilenetv2_100 and --classes"
    ):
        skipwise.load(folder)
    with pytest.raises(SkipwiseError, match="'nobody' names nothing on the Hub"):
        skipwise.load("hf-hub:nobody")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on this machine, to which the library huggingface_hub goes."""
    from huggingface_hub import constants

    with fake_hub(TOKEN) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield server


@pytest.mark.slow
def test_it_goes_to_the_hub_and_comes_back(hub: Hub, hub_folder: Path, tmp_path: Path, cli: Run) -> None:
    surroundings = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
    }
    sent = cli("push", hub_folder, "user/stripes", "--private", env=surroundings)
    assert sent.returncode == 0, sent.stderr
    assert "On the Hub: " in sent.stdout
    assert set(hub.repositories["user/stripes"]) == {"README.md", "config.json", "model.safetensors"}
    assert hub.repositories["user/stripes"]["model.safetensors"] == (hub_folder / "model.safetensors").read_bytes()
    assert hub.private == {"user/stripes"}
    assert TOKEN not in sent.stdout + sent.stderr
    network = skipwise.load("hf-hub:user/stripes")
    assert network.model == "mobilenet_v2"
    assert msgspec.to_builtins(network_of_hub(hub_folder).preprocessing) == msgspec.to_builtins(network.preprocessing)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    refused = cli("push", hub_folder, "user/stripes", env=surroundings | {"HF_TOKEN": "hf_" + "y" * 34})
    assert refused.returncode == 2
    assert "it does not know you; log in with 'hf auth login'" in refused.stderr
    with pytest.raises(SkipwiseError, match="hf-hub:user/nothing can't be downloaded"):
        skipwise.load("hf-hub:user/nothing")


@pytest.mark.slow
def test_mistakes_with_push(hub_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SkipwiseError, match="names nothing on the Hub; give a user"):
        skipwise.push(hub_folder, "stripes")
    with pytest.raises(SkipwiseError, match="holds no network for the Hub; 'skipwise export RUN --huggingface'"):
        skipwise.push(tmp_path, "user/stripes")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    with pytest.raises(SkipwiseError, match=r"HF_ENDPOINT is http://hub.example, and the Hub is reached only by https"):
        skipwise.push(hub_folder.parent, "user/stripes")


@pytest.mark.slow
def test_the_examples_of_hub_md_run(hub: Hub, hub_folder: Path, here: Path) -> None:
    shutil.copytree(hub_folder, here / "runs/export/images-onnx-fp32/huggingface")
    hub.repositories["user/name"] = {file.name: file.read_bytes() for file in hub_folder.iterdir()}
    page = (Path(__file__).parents[1] / "docs" / "hub.md").read_text()
    for code in re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        exec(code, {})

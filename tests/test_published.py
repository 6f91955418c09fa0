"""Published weights through the real download, from a server on this machine."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import skipwise
from skipwise.comparison.question import starting_weights as starts
from skipwise.nets import create, spec, zoo
from skipwise.nets.weights import published as module
from skipwise.nets.weights.published import Published, fetch, has_published, published
from skipwise.training.weights import starting_weights as starting
from tests.serving import Site, serving

# Connections that are given up on are left to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

AS_TRAINED = {
    "size": 224,
    "crop": 0.875,
    "interpolation": "bilinear",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that is trusted; torch's cache is an empty folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "localhost")
    with serving(tmp_path) as (site, trusted):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        yield site


def publish(site: Site, monkeypatch: pytest.MonkeyPatch) -> Published:
    """ResNet-18 weights in torchvision's names, under a name with their hash, as the zoo's published ones."""
    import torchvision

    torch.manual_seed(7)
    data = io.BytesIO()
    torch.save(torchvision.models.resnet18().state_dict(), data)
    name = f"/resnet18-{hashlib.sha256(data.getvalue()).hexdigest()[:8]}.pth"
    site.files[name] = data.getvalue()
    weights = replace(published("resnet18"), url=site.address + name)
    monkeypatch.setattr(spec, "published", lambda _: weights)
    return weights


def test_where_weights_are_published_and_what_they_expect() -> None:
    assert published("resnet18") == Published(
        url="https://download.pytorch.org/models/resnet18-f37072fd.pth", **AS_TRAINED
    )
    for name in zoo.NETWORKS:
        assert has_published(name) == (name in {*module._TORCHVISION, *module._TIMM})
    with pytest.raises(skipwise.SkipwiseError, match="No weights are published for 'plain18'; there are some for"):
        published("plain18")


@pytest.mark.parametrize("name", ["se_resnet50", "se_resnext50_32x4d", "legacy_se_resnet18", "legacy_se_resnet34"])
def test_timms_weights(name: str) -> None:
    pytest.importorskip("timm")
    weights = published(name)
    assert weights.url.endswith(".pth")
    assert (weights.size, weights.crop, weights.mean) == (224, 0.875, AS_TRAINED["mean"])


def test_downloaded_once_checked_and_loaded(served: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    weights = publish(served, monkeypatch)
    network = create.create_model("resnet18", pretrained=True, seed=0)
    torch.manual_seed(7)
    theirs = torchvision.models.resnet18().eval()
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(network.eval()(images), theirs(images), atol=1e-4, rtol=1e-4)
    # From the cache from now on, with a new last layer where the classes are others.
    other = create.create_model("resnet18", pretrained=True, num_classes=5, seed=0)
    assert other.classifier.weight.shape == (5, 512)
    assert torch.equal(other.stem[0].conv.weight, theirs.conv1.weight)
    assert len(served.asked) == 1
    # Unless it was damaged there.
    damaged = bytearray(fetch(weights).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    fetch(weights).write_bytes(damaged)
    assert hashlib.sha256(fetch(weights).read_bytes()).hexdigest()[:8] in weights.url
    assert len(served.asked) == 2


def test_a_download_that_fails_says_what_to_do(served: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = publish(served, monkeypatch)
    with pytest.raises(skipwise.SkipwiseError, match=r"gone-12345678\.pth can't be downloaded .*HTTP Error 404"):
        fetch(replace(weights, url=f"{served.address}/gone-12345678.pth"))
    with pytest.raises(skipwise.SkipwiseError, match=r"put that file into .*checkpoints yourself"):
        fetch(replace(weights, url="https://127.0.0.1:9/resnet18-12345678.pth"))
    with pytest.raises(skipwise.SkipwiseError, match="since only https"):
        fetch(replace(weights, url=weights.url.replace("https", "http")))
    # Not what its name says: refused, and not kept.
    served.files["/resnet18-00000000.pth"] = next(iter(served.files.values()))
    with pytest.raises(skipwise.SkipwiseError, match="its SHA-256 does not begin with 00000000"):
        fetch(replace(weights, url=f"{served.address}/resnet18-00000000.pth"))
    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    assert not list(checkpoints.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0.5},
        {"stem": "small"},
        {"in_channels": 1},
        {"reduction": 8},
        {"name": "timm:resnet10t", "in_channels": 1},
    ],
)
def test_what_published_weights_can_not_be_for(options: dict[str, object]) -> None:
    with pytest.raises(skipwise.SkipwiseError, match="pretrained"):
        skipwise.create_model(**{"name": "resnet18", "pretrained": True} | options)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.slow
def test_comparing_pretrained_networks(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files lie in torch's cache, as after a download, under names with the hashes of what is in them here."""
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    cache = tmp_path / "cache" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    known = {}
    for name in ("resnet18", "mobilenet_v2"):
        data = io.BytesIO()
        torch.save(torchvision.models.get_model(name).state_dict(), data)
        file = f"{name}-{hashlib.sha256(data.getvalue()).hexdigest()[:8]}.pth"
        (cache / file).write_bytes(data.getvalue())
        known[name] = replace(published(name), url=f"https://localhost:9/{file}")
    for module_of in (spec, starting, starts):
        monkeypatch.setattr(module_of, "published", lambda name: known.get(name) or published(name))
    found = skipwise.compare(
        photos,
        models=["resnet18", "mobilenet_v2"],
        seeds=2,
        epochs=1,
        img_size=32,
        pretrained=True,
        precision="fp32",
        workers=1,
        output=tmp_path / "out",
    )
    preprocessing = found.plan.preprocessing
    assert (preprocessing.size, preprocessing.crop, preprocessing.mean) == (32, 0.875, AS_TRAINED["mean"])
    assert found.plan.stem == "imagenet"
    assert found.plan.recipe.lr == pytest.approx(0.02 * math.sqrt(found.plan.recipe.batch_size / 128))
    assert not any(candidate.failed for candidate in found.results.candidates)
    assert "published ImageNet weights" in found.report.read_text()
    assert "--init pretrained" in found.report.read_text()
    with pytest.raises(skipwise.SkipwiseError, match="No weights are published for 'plain18'"):
        skipwise.compare(photos, models=["resnet18", "plain18"], pretrained=True)

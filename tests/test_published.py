"""Published weights through the real download, from a server on this machine."""

from __future__ import annotations

import gc
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

import skipwise
from skipwise.nets import published as module
from skipwise.nets import zoo
from skipwise.nets.published import Published, fetch, has_published, published

# torch.hub leaves the connection of a failed download to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

AS_TRAINED = {
    "size": 224,
    "crop": 0.875,
    "interpolation": "bilinear",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served at; torch's cache is an empty folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
    gc.collect()  # now, so that it is this test which is told of what was not closed


def publish(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Published:
    """ResNet-18 weights in torchvision's names, under a name with their hash, as the zoo's published ones."""
    import torchvision

    torch.manual_seed(7)
    torch.save(torchvision.models.resnet18().state_dict(), folder / "weights.pth")
    digest = hashlib.sha256((folder / "weights.pth").read_bytes()).hexdigest()[:8]
    (folder / "weights.pth").rename(folder / f"resnet18-{digest}.pth")
    weights = replace(published("resnet18"), url=f"{address}/resnet18-{digest}.pth")
    monkeypatch.setattr(zoo, "published", lambda _: weights)
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


def test_downloaded_once_checked_and_loaded(served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    weights = publish(*served, monkeypatch)
    network = zoo.create_model("resnet18", pretrained=True, seed=0)
    torch.manual_seed(7)
    theirs = torchvision.models.resnet18().eval()
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(network.eval()(images), theirs(images), atol=1e-4, rtol=1e-4)
    # From the cache from now on, with a new last layer where the classes are others.
    for path in served[0].iterdir():
        path.unlink()
    other = zoo.create_model("resnet18", pretrained=True, num_classes=5, seed=0)
    assert other.classifier.weight.shape == (5, 512)
    assert torch.equal(other.stem[0].conv.weight, theirs.conv1.weight)
    assert fetch(weights).is_file()


def test_a_download_that_fails_says_what_to_do(served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    weights = publish(*served, monkeypatch)
    with pytest.raises(skipwise.SkipwiseError, match=r"can't be downloaded from .*gone-12345678\.pth .*HTTP Error 404"):
        fetch(replace(weights, url=weights.url.rpartition("/")[0] + "/gone-12345678.pth"))
    with pytest.raises(skipwise.SkipwiseError, match=r"put that file into .*checkpoints yourself"):
        fetch(replace(weights, url="http://127.0.0.1:9/resnet18-12345678.pth"))
    # Not what its name says: refused, and not kept.
    (file,) = served[0].iterdir()
    file.rename(served[0] / "resnet18-00000000.pth")
    with pytest.raises(skipwise.SkipwiseError, match="invalid hash value"):
        fetch(replace(weights, url=weights.url.rpartition("/")[0] + "/resnet18-00000000.pth"))
    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    assert not list(checkpoints.iterdir())


@pytest.mark.parametrize(
    "options", [{"width": 0.5}, {"stem": "small"}, {"in_channels": 1}, {"reduction": 8}, {"name": "timm:resnet10t"}]
)
def test_what_published_weights_can_not_be_for(options: dict[str, object]) -> None:
    with pytest.raises(skipwise.SkipwiseError, match="pretrained"):
        skipwise.create_model(**{"name": "resnet18", "pretrained": True} | options)


def test_comparing_pretrained_networks(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files lie in torch's cache, as after a download; the process that trains finds them there."""
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    cache = tmp_path / "cache" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    for name in ("resnet18", "mobilenet_v2"):
        state = torchvision.models.get_model(name).state_dict()
        torch.save(state, cache / Path(published(name).url).name)
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
    assert found.plan.recipe.lr == pytest.approx(0.1 * 0.2 * found.plan.recipe.batch_size / 128)
    assert not any(contender.failed for contender in found.results.contenders)
    assert "published ImageNet weights" in found.report.read_text()
    assert "--pretrained" in found.report.read_text()
    with pytest.raises(skipwise.SkipwiseError, match="No weights are published for 'plain18'"):
        skipwise.compare(photos, models=["resnet18", "plain18"], pretrained=True)

"""Weights of timm's and torchvision's networks: where they are, how they are fetched, and what they expect."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

import skipwise
from skipwise import SkipwiseError, create_model
from skipwise.core.download.asked_for import nothing_downloaded
from skipwise.nets.weights.published import expected, fetch, find_cached, published
from skipwise.training.weights.starting_weights import available
from tests.serving import Site, redirected_to, serving

pytest.importorskip("timm")
# Connections that are given up on are left to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

NAME = "timm:test_resnet.r160_in1k"
HUB = "timm/test_resnet.r160_in1k"
FIRST = "conv1.0.weight"
FILE, POINTER = f"/{HUB}/resolve/main/model.safetensors", f"/{HUB}/raw/main/model.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The Hugging Face Hub, on this machine; torch's cache and the hub's are empty folders."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("no_proxy", "localhost")
    with serving(tmp_path) as (site, trusted):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        monkeypatch.setenv("HF_ENDPOINT", site.address)
        yield site


def theirs(seed: int = 7) -> torch.nn.Module:
    return create_model(NAME, seed=seed)


def pointer(data: bytes) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()


def put(site: Site, *, told: bool = True) -> bytes:
    """The weights of `theirs` at the hub, and what it tells of them."""
    data = save(theirs().state_dict())
    site.files[FILE] = data
    if told:
        site.files[POINTER] = pointer(data)
    return data


def test_which_networks_have_weights_and_where() -> None:
    lite = published("timm:tf_efficientnet_lite0")
    assert (lite.url.rpartition("/")[2], lite.digits) == ("tf_efficientnet_lite0-0aa007d2.pth", "0aa007d2")
    assert (lite.size, lite.crop, lite.interpolation, lite.mean, lite.std) == (
        224,
        0.875,
        "bicubic",
        (0.5,) * 3,
        (0.5,) * 3,
    )
    # An address whose name has no hash is not taken while the hub has the file in safetensors.
    convnext = published("timm:convnext_tiny.fb_in1k")
    assert (convnext.hub, convnext.digits) == ("timm/convnext_tiny.fb_in1k", "")
    assert convnext.url == "https://huggingface.co/timm/convnext_tiny.fb_in1k/resolve/main/model.safetensors"
    # torchvision's first ones, which were all made alike.
    assert published("torchvision:resnet50").url.endswith("resnet50-0676ba61.pth")
    assert published("torchvision:vit_h_14").size == 518
    for name in ("timm:resnet200", "timm:flexivit_base.300ep_in1k", "plain18", "my_networks:tiny"):
        with pytest.raises(SkipwiseError, match=f"No weights are published for '{name}'"):
            published(name)
    told = expected("timm:resnet200")
    assert told is not None
    assert told.size == 224


def test_of_every_network_of_torchvision_the_name_has_the_hash() -> None:
    from torchvision import models

    for name in models.list_models(module=models):
        assert len(published(f"torchvision:{name}").digits) >= 8, name


def test_fetched_from_the_hub_once_by_the_hash_that_it_tells(hub: Site, tmp_path: Path) -> None:
    data = put(hub)
    assert available([NAME, "plain18"]) == {NAME: "web"}
    model = create_model(NAME, pretrained=True, seed=0)
    assert all(torch.equal(tensor, theirs().state_dict()[name]) for name, tensor in model.state_dict().items())
    path = find_cached(published(NAME))
    assert path is not None
    assert path.name == f"timm--test_resnet.r160_in1k-{hashlib.sha256(data).hexdigest()[:8]}.safetensors"
    assert path.is_relative_to(tmp_path / "cache")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert available([NAME]) == {NAME: "here"}
    asked = len(hub.asked)
    smaller = create_model(NAME, pretrained=True, num_classes=3, seed=0)
    assert torch.equal(smaller.state_dict()[FIRST], theirs().state_dict()[FIRST])
    assert len(hub.asked) == asked
    # Damaged there, it is fetched again.
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert fetch(published(NAME)).read_bytes() == data
    assert len(hub.asked) > asked


def test_what_the_hub_s_hash_is_not_of_is_refused_and_not_kept(hub: Site) -> None:
    put(hub)
    hub.files[POINTER] = pointer(b"another file")
    with pytest.raises(SkipwiseError, match=r"is not the file that it should be.*give it to --init"):
        fetch(published(NAME))
    assert find_cached(published(NAME)) is None


def test_a_hub_that_tells_no_hash_gives_the_file_all_the_same(hub: Site) -> None:
    data = put(hub, told=False)
    path = fetch(published(NAME))
    assert path.read_bytes() == data
    assert path.stem.endswith(hashlib.sha256(data).hexdigest()[:8])
    asked = len(hub.asked)
    assert fetch(published(NAME)) == path
    assert len(hub.asked) == asked


def test_nothing_is_fetched_by_a_redirect_out_of_https_nor_where_nobody_asked(hub: Site) -> None:
    put(hub)
    hub.behaviours[FILE] = redirected_to("http://localhost/model.safetensors")
    with pytest.raises(SkipwiseError, match="since only https"):
        fetch(published(NAME))
    del hub.behaviours[FILE]
    with nothing_downloaded(), pytest.raises(SkipwiseError, match="only a record names it"):
        fetch(published(NAME))
    assert find_cached(published(NAME)) is None


def test_what_the_hub_s_own_library_has_fetched_is_used(hub: Site, tmp_path: Path) -> None:
    data = save(theirs().state_dict())
    folder = tmp_path / "hub" / f"models--{HUB.replace('/', '--')}"
    blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
    for path in (blob, folder / "refs" / "main", folder / "snapshots" / "abc" / "model.safetensors"):
        path.parent.mkdir(parents=True)
    blob.write_bytes(data)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc" / "model.safetensors").symlink_to(blob)
    assert fetch(published(NAME)) == blob
    assert available([NAME]) == {NAME: "here"}
    assert not hub.asked


def test_weights_that_can_not_be_had_say_what_to_do(hub: Site) -> None:
    with pytest.raises(SkipwiseError, match=r"HTTP Error 404.*; or download that file yourself, and give it to --init"):
        create_model(NAME, pretrained=True)
    assert len(hub.asked) == 2
    with pytest.raises(SkipwiseError, match="are for 3 channels"):
        create_model(NAME, pretrained=True, in_channels=1)


@pytest.mark.slow
def test_a_comparison_of_published_weights_from_the_hub(
    hub: Site, photos: Path, tmp_path: Path, in_this_process: None
) -> None:
    del in_this_process
    put(hub)
    found = skipwise.compare(
        photos,
        models=["timm:test_resnet.r160_in1k", "resnet18"],
        width=0.125,
        init=["test_resnet.r160_in1k=pretrained"],
        seeds=2,
        epochs=1,
        img_size=32,
        precision="fp32",
        compile=False,
        workers=1,
        output=tmp_path / "out",
    )
    assert not any(candidate.failed for candidate in found.results.candidates)
    start = found.plan.init[NAME]
    assert start.url == hub.address + FILE
    assert start.expects is not None
    assert (start.expects.size, start.expects.mean) == (160, (0.5, 0.5, 0.5))
    page = found.report.read_text()
    assert "--init timm:test_resnet.r160_in1k=pretrained" in page
    assert start.url in page

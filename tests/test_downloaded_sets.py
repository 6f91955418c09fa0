"""Data sets that torchvision and Hugging Face download: by our rules, and checked each time they are used."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.data.sources.named.torchvision_files import _by_https
from tests.serving import Site, redirected_to, serving
from tests.test_named_sets import pictures

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that has MNIST, of 40 images, whose address torchvision takes for MNIST's, by HTTP."""
    from torchvision import datasets

    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "my downloads" / "cache"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with serving(tmp_path) as (found, trusted):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        monkeypatch.setenv("no_proxy", "localhost")
        resources = []
        for part, count in (("train", 40), ("t10k", 20)):
            pixels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            labels = (np.arange(count) % 10).astype(np.uint8)
            for kind, data, magic in (("images-idx3", pixels, 2051), ("labels-idx1", labels, 2049)):
                name = f"{part}-{kind}-ubyte.gz"
                content = struct.pack(f">{1 + data.ndim}I", magic, *data.shape) + data.tobytes()
                found.files[f"/{name}"] = gzip.compress(content, mtime=0)
                resources.append((name, hashlib.md5(found.files[f"/{name}"]).hexdigest()))
        monkeypatch.setattr(datasets.MNIST, "resources", resources)
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{found.address.replace('https', 'http')}/"])
        yield found


def pixels() -> bytes:
    source = skipwise.open_images("torchvision:MNIST")
    assert source.pixels is not None
    return source.pixels.tobytes() + source.labels.tobytes()


def test_a_set_of_torchvision_is_downloaded_by_https_and_once(site: Site, tmp_path: Path) -> None:
    want = pixels()
    assert pixels() == want
    assert len(site.asked) == 4
    assert not list(tmp_path.rglob("*.download"))


@pytest.mark.usefixtures("site")
def test_a_damaged_set_of_torchvision_is_made_again(tmp_path: Path) -> None:
    want = pixels()
    rng = np.random.default_rng(0)
    for path in sorted(
        path for path in (tmp_path / "my downloads").rglob("*") if path.is_file() and path.stat().st_size
    ):
        content = bytearray(path.read_bytes())
        content[rng.integers(16, len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        assert pixels() == want, path.name
        path.write_bytes(content[:20])
        assert pixels() == want, path.name
        path.unlink()
        assert pixels() == want, path.name
    assert pixels() == want


def test_an_address_of_http_is_not_gone_to(site: Site) -> None:
    name = "/train-images-idx3-ubyte.gz"
    site.behaviours[name] = redirected_to(f"http://localhost:9{name}")
    with pytest.raises(SkipwiseError, match="since only https can be trusted"):
        pixels()
    assert _by_https("http://a.s3-website.eu.amazonaws.com/b/c") == "https://a.s3.eu.amazonaws.com/b/c"
    assert _by_https("https://host/b") == "https://host/b"


def test_another_file_than_torchvision_knows_is_refused(site: Site) -> None:
    site.files["/train-images-idx3-ubyte.gz"] = gzip.compress(b"something else")
    with pytest.raises(SkipwiseError, match=r"MNIST can't be downloaded .*put torchvision's files for it into ./data"):
        pixels()


def test_a_damaged_set_of_hugging_face_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "set", {f"{split}/{name}": 4 for split in ("train", "test") for name in ("cat", "dog")})
    skipwise.open_images("huggingface:./set")
    files = sorted(path for path in (tmp_path / "cache" / "huggingface").rglob("*") if path.is_file())
    whole = {path: path.read_bytes() for path in files}
    assert sorted(path.suffix for path in files) == [".parquet", ".parquet", ".sums"]
    for path in files:
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
        skipwise.open_images("huggingface:./set")
        found = {path: path.read_bytes() for path in files if path.suffix == ".parquet"}
        assert found.items() <= whole.items(), path.name


def test_hugging_face_is_not_asked_by_http(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:9")
    with pytest.raises(SkipwiseError, match="downloaded only by https; unset it"):
        skipwise.open_images("huggingface:owner/name")
